"""The two models as diagrams, read from the bottom up: part of `draw`."""

from __future__ import annotations

from pencil import Diagram

from course.plots.style import MAMBA, NEUTRAL, SOURCE, TARGET


def _sublayer(
    drawing: Diagram, stream: float, branch: float, left: float, name: str, note: str, colour: str
) -> None:
    """A norm and a layer beside the residual stream at x = `stream`: the branch leaves at y =
    `branch` and is added 92 higher.
    """
    centre = left + 95
    drawing.dot(stream, branch)
    drawing.arrow((stream, branch), (centre, branch), (centre, branch - 14))
    drawing.box(left, branch - 36, 190, 22, "norm", colour=NEUTRAL, size=12, radius=5)
    drawing.box(left, branch - 78, 190, 40, (name, note), colour=colour, fill=0.16, radius=5)
    drawing.arrow((centre, branch - 78), (centre, branch - 92), (stream - 11, branch - 92))
    drawing.symbol(stream, branch - 92, "+")


def draw_transformer() -> Diagram:
    """The encoder–decoder transformer of `nmt.transformer`, read from the bottom up, with its
    residual streams.
    """
    drawing = Diagram(
        900,
        800,
        "The encoder–decoder transformer",
        "Left, the encoder: source letters are embedded and pass two layers of self-attention and"
        " an MLP, each with a norm before it and its result added to the stream; a last norm gives"
        " one vector for each source letter. Right, the decoder: the letters written so far are"
        " embedded and pass two layers of causal self-attention, cross-attention to the"
        " encoder output, and an MLP; a last norm and a linear layer give the scores of the next"
        " letter at every position.",
    )
    encoder, decoder, memory, ground = 320, 800, 462, 640
    for left, layers, tokens, colour, name in (
        (70, 2, [*"brown", "EOS"], SOURCE, "Encoder"),
        (550, 3, ["SOS", *"ownbray"], TARGET, "Decoder"),
    ):
        drawing.letters(left + 145, 760, tokens, colour)
        drawing.arrow((left + 145, 740), (left + 145, 716))
        drawing.box(left, 680, 290, 36, "embedding", colour=colour)
        top = ground - 112 * layers
        drawing.box(
            left - 14,
            top - 2,
            322,
            ground - top + 16,
            colour=colour,
            fill=0.03,
            radius=12,
            dash="5 4",
        )
        drawing.text(left - 2, top - 16, name, size=17, colour=colour, anchor="start", bold=True)
        drawing.text(
            left + 86, top - 15, "two layers like this", size=13, colour=NEUTRAL, anchor="start"
        )
    encoder_end, decoder_end = 340, 232
    drawing.arrow((encoder, 680), (encoder, encoder_end), head=True)
    drawing.arrow((decoder, 680), (decoder, decoder_end), head=True)
    _sublayer(drawing, encoder, 632, 80, "self-attention", "looks at all letters", SOURCE)
    _sublayer(drawing, encoder, 520, 80, "MLP", "each letter by itself", NEUTRAL)
    _sublayer(drawing, decoder, 632, 560, "self-attention", "looks back, never ahead", TARGET)
    _sublayer(drawing, decoder, 520, 560, "cross-attention", "looks at the source", TARGET)
    _sublayer(drawing, decoder, 408, 560, "MLP", "each letter by itself", NEUTRAL)
    drawing.box(encoder - 45, encoder_end - 30, 90, 30, "norm")
    drawing.arrow(
        (encoder, encoder_end - 30),
        (encoder, 268),
        (memory, 268),
        (memory, 462),
        (560, 462),
        colour=SOURCE,
        width=2.4,
    )
    drawing.text(
        memory - 6, 250, "encoder output: one vector a letter", size=13, colour=SOURCE, anchor="end"
    )
    drawing.text(508, 448, "keys,", size=12, colour=SOURCE)
    drawing.text(508, 478, "values", size=12, colour=SOURCE)
    drawing.box(decoder - 45, decoder_end - 30, 90, 30, "norm")
    drawing.arrow((decoder, decoder_end - 30), (decoder, 174))
    drawing.box(550, 138, 290, 36, "linear: 29 scores", colour=TARGET)
    drawing.arrow((695, 138), (695, 102))
    drawing.letters(695, 80, [*"ownbray", "EOS"], TARGET)
    drawing.text(695, 42, "the next letter, at every position", size=13)
    drawing.text(56, 42, "Read from the bottom up.", size=13, colour=NEUTRAL, anchor="start")
    drawing.text(
        56, 64, "The vertical lines are residual streams:", size=13, colour=NEUTRAL, anchor="start"
    )
    drawing.text(
        56,
        86,
        "each part reads from its stream and adds to it.",
        size=13,
        colour=NEUTRAL,
        anchor="start",
    )
    return drawing


def draw_mamba_block() -> Diagram:
    """One Mamba block of `nmt.mamba`, read from the bottom up, and beside it the selective SSM
    opened.
    """
    drawing = Diagram(
        920,
        700,
        "The Mamba block, and inside it the selective state-space model",
        "Left, the block from the bottom up: norm, a linear layer that widens to two branches; one"
        " passes a causal convolution over four letters, SiLU and the selective SSM; the other"
        " passes SiLU and gates the first by multiplication; a linear layer narrows, and the result"
        " is added to the stream. Right, the SSM: the input chooses a step size and the weights B"
        " and C. The old state is multiplied by a decay, the input times B-bar is added, C reads"
        " the new state, and D times the input is added to the output.",
    )
    x, gate, stream = 150, 296, 384
    drawing.text(60, 40, "The block", size=17, bold=True, anchor="start")
    drawing.arrow((stream, 672), (stream, 60))
    drawing.text(stream - 14, 664, "residual stream, d wide", size=12, colour=NEUTRAL, anchor="end")
    drawing.dot(stream, 640)
    drawing.arrow((stream, 640), (223, 640), (223, 622))
    drawing.box(178, 592, 90, 30, "norm")
    drawing.arrow((223, 592), (223, 568))
    drawing.box(60, 532, 296, 36, "linear: d → 2 e", colour=MAMBA)
    drawing.arrow((x, 532), (x, 490))
    drawing.arrow((gate, 532), (gate, 400))
    drawing.box(60, 446, 180, 44, ("convolution", "each channel, 4 letters"), colour=MAMBA)
    drawing.arrow((x, 446), (x, 400))
    drawing.box(x - 40, 370, 80, 30, "SiLU")
    drawing.box(gate - 40, 370, 80, 30, "SiLU")
    drawing.arrow((x, 370), (x, 336))
    drawing.box(
        60, 276, 180, 60, ("selective SSM", "carries what is needed"), colour=MAMBA, fill=0.4
    )
    drawing.arrow((x, 276), (x, 225))
    drawing.arrow((gate, 370), (gate, 214), (x + 11, 214))
    drawing.text(gate + 10, 306, "gate", size=13, colour=NEUTRAL, anchor="start")
    drawing.symbol(x, 214, "×")
    drawing.arrow((x, 203), (x, 170))
    drawing.box(60, 134, 180, 36, "linear: e → d", colour=MAMBA)
    drawing.arrow((x, 134), (x, 96), (stream - 11, 96))
    drawing.symbol(stream, 96, "+")
    _draw_selective_ssm(drawing)
    return drawing


def _draw_selective_ssm(drawing: Diagram) -> None:
    """The right half of `draw_mamba_block`; what the input chooses is drawn in Mamba's colour."""
    rail, state, keep, outside = 510, 650, 722, 866
    drawing.text(
        450, 40, "Inside the selective SSM, one channel", size=17, bold=True, anchor="start"
    )
    drawing.box(450, 60, 440, 600, colour=MAMBA, fill=0.05, radius=12, dash="5 4")
    drawing.text(rail, 638, "x at letter t", size=13)
    drawing.arrow((rail, 622), (rail, 112), (state - 11, 112))
    drawing.text((rail + state) / 2, 96, "× D", size=13)
    drawing.dot(rail, 574)
    drawing.arrow((rail, 574), (560, 574))
    drawing.box(
        560,
        550,
        262,
        48,
        ("chosen by the input", "step size Δ, weights B and C"),
        colour=MAMBA,
        fill=0.25,
    )
    for points in (
        ((state, 550), (state, 441)),
        ((keep, 550), (keep, 335)),
        ((822, 574), (outside, 574), (outside, 202), (state + 11, 202)),
    ):
        drawing.arrow(*points, colour=MAMBA, width=2.4)
    drawing.dot(rail, 430)
    drawing.arrow((rail, 430), (state - 11, 430))
    drawing.symbol(state, 430, "×")
    drawing.arrow((state, 419), (state, 335))
    drawing.symbol(state, 324, "+")
    drawing.box(756, 308, 90, 32, "old state")
    drawing.arrow((756, 324), (keep + 11, 324))
    drawing.symbol(keep, 324, "×")
    drawing.arrow((keep - 11, 324), (state + 11, 324))
    drawing.arrow((state, 313), (state, 280))
    drawing.box(state - 62, 246, 124, 34, "new state h", colour=MAMBA, fill=0.4)
    drawing.arrow((state + 62, 263), (800, 263), (800, 308), dash="4 4")
    drawing.text(786, 249, "for the next letter", size=12, colour=NEUTRAL)
    drawing.arrow((state, 246), (state, 213))
    drawing.symbol(state, 202, "×")
    drawing.arrow((state, 191), (state, 123))
    drawing.symbol(state, 112, "+")
    drawing.arrow((state, 101), (state, 76))
    drawing.text(state + 16, 84, "y at letter t", size=13, anchor="start")
    for x, y, anchor, name, note in (
        (state - 14, 484, "end", "B̄ = Δ B", "what to write"),
        (keep + 14, 424, "start", "Ā = exp(Δ A)", "what to keep"),
        (outside - 14, 164, "end", "C", "what to read"),
    ):
        drawing.text(x, y, name, size=14, anchor=anchor, bold=True)
        drawing.text(x, y + 18, note, size=12, anchor=anchor, colour=NEUTRAL)
