"""Exercises of notebook 03, continued: an encoder layer and a decoder layer."""

from functools import partial
from typing import Any

import torch
from torch import Tensor

from course.checking.exercise import (
    Draw,
    Exercise,
    Inputs,
    Slips,
    in_parts,
    pick,
    shaken,
    table,
    tensors,
)
from nmt.attention import causal_mask
from nmt.transformer import DecoderLayer, EncoderLayer, TransformerConfig


def _layer(kind: type[Any], seed: int, positions: str, size: int, heads: int) -> Any:
    config = TransformerConfig(hidden_size=size, num_heads=heads, positions=positions, dropout=0.0)
    return shaken(lambda: kind(config), seed, 0.3)


def my_encoder_layer(x: Tensor, parts: Any) -> Tensor:
    """Twice x + part(norm(x))."""
    x = x + parts.self_attention(parts.attention_norm(x))
    return x + parts.mlp(parts.mlp_norm(x))


def _my_encoder_layer(slips: Slips, x: Tensor, parts: Any) -> Tensor:
    first, second = parts.attention_norm, parts.mlp_norm
    first, second = pick(slips, (first, second), same_norm=(first,) * 2, norms=(second, first))

    def part(asking: Tensor) -> Tensor:
        mask = causal_mask(x.shape[1]) if "masked" in slips else None
        return parts.self_attention(asking, x if "raw" in slips else None, mask=mask)

    def attend(x: Tensor, read: Tensor) -> Tensor:
        return _add(slips, "attention", x, read, first, part)

    def think(x: Tensor, read: Tensor) -> Tensor:
        return _add(slips, "mlp", x, read, second, parts.mlp)

    if "mlp_first" in slips:
        x = think(x, x)
        return attend(x, x)
    after = attend(x, x)
    stream = x if "old_sum" in slips else after
    return after if "no_mlp" in slips else think(stream, x if "parallel" in slips else after)


def _add(slips: Slips, part_name: str, x: Tensor, read: Tensor, norm: Any, part: Any) -> Tensor:
    """x + part(norm(x)), with a slip in it; `read` is what the part reads."""
    if "no_norm" in slips or f"no_norm_{part_name}" in slips:
        norm = torch.nn.Identity()
    if "post_norm" in slips:
        return torch.as_tensor(norm(x + part(read)))
    if "norm_behind" in slips:
        return x + norm(part(read))
    if "norm_on_road" in slips:
        x = norm(x)
    found: Tensor = part(norm(read))
    alone = "no_road" in slips or f"no_road_{part_name}" in slips
    return found if alone else x + found


def _encoder_inputs() -> Inputs:
    draw = Draw(40)
    small, layer = tensors([[[1, 0, 2, -1]]]), partial(_layer, EncoderLayer)
    yield "1 word of 1 letter", (*small, layer(3, "none", 4, 1))
    yield "2 words of 5 letters", (draw.normal(2, 5, 8), layer(1, "none", 8, 2))
    yield "rotary positions", (draw.normal(3, 4, 16), layer(2, "rotary", 16, 4))


_NORMS = """
        norm_on_road: norm on the residual stream
            You add to the normalised x. To what should be added, so that the stream stays free?
        post_norm: norm behind the sum
            This is the order of 2017 (post-norm). Where does the norm stand in this course: before
            the part, or after the sum?
        norm_behind: norm behind the part
            Your norm sees what the part gives. What should the part read: x, or the normalised x?
        no_norm: no norms
            What do the norms of `parts` do in your code?
        no_road: no residual at all
            Where is x itself, once a part has spoken?
"""
ENCODER = Exercise(
    name="transformer.encoder-layer",
    minutes=10,
    difficulty=1,
    answer=my_encoder_layer,
    course=(EncoderLayer,),
    inputs=_encoder_inputs,
    observe=in_parts("attention_norm", "self_attention", "mlp_norm", "mlp"),
    notice="""Notice that x itself is never normalised: the sum runs through, and only what the
        parts read is.""",
    slipped=_my_encoder_layer,
    mistakes=table(f"""
        no_road_attention: no residual around the attention
            What became of x itself: does it still take part in the first sum?
        no_road_mlp: no residual around the MLP
            The second part replaces its input. What should it do instead?
        {_NORMS}
        no_norm_attention: attention without its norm
            Which norm is still unused?
        no_norm_mlp: MLP without its norm
            Which norm is still unused?
        old_sum: the second sum begins from the old x
            What did the first line add, and is it still in your result?
        parallel: both parts read the same x
            The MLP should think about what the attention has found. Which x does it read?
        mlp_first: MLP before attention
            Which comes first, attention or MLP?
        norms: norms exchanged
            Which norm stands in front of which part?
        raw: normalised for those who ask only
            Letters ask and are asked. Who reads the x that no norm has seen?
        masked: a mask on the source
            The whole source is known. Which letters may a letter of it look at?
        no_mlp: no MLP
            Which two of the four parts are still unused?
        same_norm: one norm for both parts
            Each part has a norm of its own. Which one stands before the MLP?
    """),
    trains=True,
)


def my_decoder_layer(x: Tensor, notes: Tensor, parts: Any) -> Tensor:
    """Three times x + part(norm(x)): behind a causal mask, with the notes, alone."""
    x = x + parts.self_attention(parts.self_norm(x), mask=causal_mask(x.shape[1]))
    x = x + parts.cross_attention(parts.cross_norm(x), notes)
    return x + parts.mlp(parts.mlp_norm(x))


def _my_decoder_layer(slips: Slips, x: Tensor, notes: Tensor, parts: Any) -> Tensor:
    asked = x

    def look_back(x: Tensor) -> Tensor:
        mask = None if "future" in slips else causal_mask(x.shape[1])
        mask = ~mask if mask is not None and "inverted" in slips else mask
        return parts.self_attention(x, asked if "raw" in slips else None, mask=mask)

    def look_across(x: Tensor) -> Tensor:
        read = parts.cross_norm(notes) if "normed_notes" in slips else notes
        read = x if "itself" in slips else read
        mask = torch.ones(x.shape[1], read.shape[1], dtype=torch.bool).tril()
        if "exchanged" in slips:
            return parts.cross_attention(read, x)
        return parts.cross_attention(x, read, mask=mask if "masked_notes" in slips else None)

    first, second = parts.self_norm, parts.cross_norm
    first, second = (second, first) if "norms" in slips else (first, second)
    steps = [("self", first, look_back), ("cross", second, look_across)]
    steps.append(("mlp", parts.mlp_norm, parts.mlp))
    if "cross_first" in slips:
        steps[:2] = steps[1], steps[0]
    for name, norm, part in steps:
        if f"no_{name}" not in slips:
            x = _add(slips, name, asked if "old_sum" in slips else x, x, norm, part)
    return x


def _decoder_inputs() -> Inputs:
    draw, layer = Draw(50), partial(_layer, DecoderLayer)
    two = tensors([[[1, 0, 2, -1], [0, 1, 1, 3]]], [[[2, 1, 0, 0], [0, 0, 1, -2]]])
    yield "2 letters written, 2 notes", (*two, layer(7, "none", 4, 1))
    for label, (b, letters, notes, size), kind in (
        ("6 letters written, 4 notes", (2, 6, 4, 8), (4, "none", 8, 2)),
        ("as many letters as notes", (2, 5, 5, 16), (5, "rotary", 16, 2)),
        ("1 letter written, 7 notes", (3, 1, 7, 8), (6, "none", 8, 4)),
    ):
        yield label, (draw.normal(b, letters, size), draw.normal(b, notes, size), layer(*kind))


DECODER = Exercise(
    name="transformer.decoder-layer",
    minutes=15,
    difficulty=2,
    answer=my_decoder_layer,
    course=(DecoderLayer,),
    inputs=_decoder_inputs,
    observe=in_parts(
        "self_norm", "self_attention", "cross_norm", "cross_attention", "mlp_norm", "mlp"
    ),
    notice="""Notice that letters and notes may differ in number: queries come from the one,
        keys and values from the other.""",
    slipped=_my_decoder_layer,
    mistakes=table(f"""
        future: the future is seen
            In training the whole answer lies on the table. What keeps letter 4 from reading letter
            5?
        inverted: mask the wrong way round
            What does True mean in a mask of this course?
        masked_notes: a causal mask on the notes
            eamtay begins with the second letter of team. Which of the notes may the first letter
            read?
        itself: never looks at the notes
            Whom does the cross-attention ask, if it gets one argument only?
        exchanged: the notes ask
            Who asks, and who is asked: letters or notes?
        normed_notes: notes normalised again
            The notes come ready from the encoder. Whose input does cross_norm belong to?
        raw: normalised for those who ask only
            Letters ask and are asked. Who reads the x that no norm has seen?
        norms: norms exchanged
            Which norm stands in front of which attention?
        cross_first: looks across before it looks back
            In which order does this course's decoder ask: its own letters first, or the notes?
        no_road_cross: no residual around the cross-attention
            After looking across, where is what the letter knew before?
        no_road_self: no residual around the self-attention
            After looking back, where is what the letter knew before?
        no_road_mlp: no residual around the MLP
            Does the MLP add, or replace?
        {_NORMS}
        old_sum: each sum begins from the old x
            What did the line before add, and is it still in your result?
        no_norm_cross: cross-attention without its norm
            Which norm is still unused?
        no_norm_self: self-attention without its norm
            Which norm is still unused?
        no_norm_mlp: MLP without its norm
            Which norm is still unused?
        no_cross: no cross-attention
            Which of your lines reads the notes?
        no_self: no self-attention
            How does a letter know which letters stand before it?
        no_mlp: no MLP
            Look back, look across, and then?
    """),
    trains=True,
)
