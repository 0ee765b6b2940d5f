"""Exercises of notebook 03, continued: an encoder layer and a decoder layer."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from course.checking.exercise import Case, Draw, Exercise, seeded
from nmt.attention import causal_mask
from nmt.transformer import DecoderLayer, EncoderLayer, TransformerConfig


def _layer(
    kind: type[EncoderLayer] | type[DecoderLayer], seed: int, positions: str, size: int, heads: int
) -> Any:
    """A layer whose numbers are all random, those of the norms too, so that no two parts are alike
    by accident.
    """

    def make() -> Any:
        layer = kind(
            TransformerConfig(hidden_size=size, num_heads=heads, positions=positions, dropout=0.0)
        ).eval()
        with torch.no_grad():
            for parameter in layer.parameters():
                parameter.add_(0.3 * torch.randn_like(parameter))
        return layer

    return seeded(make, seed)


def _encoder_cases() -> list[Case]:
    draw = Draw(40)
    return [
        Case("2 words of 5 letters", (draw.normal(2, 5, 8), _layer(EncoderLayer, 1, "none", 8, 2))),
        Case("rotary positions", (draw.normal(3, 4, 16), _layer(EncoderLayer, 2, "rotary", 16, 4))),
        Case("1 word of 1 letter", (draw.normal(1, 1, 8), _layer(EncoderLayer, 3, "none", 8, 1))),
    ]


ENCODER = Exercise(
    name="transformer.encoder-layer",
    minutes=10,
    difficulty=1,
    reference=lambda x, parts: parts(x),
    solution=(EncoderLayer,),
    cases=_encoder_cases,
    notice=(
        "Notice that x itself is never normalised: the sum runs through, and only what the parts"
        " read is."
    ),
    trains=True,
)


@ENCODER.mutant(
    "no road around the attention",
    "What became of x itself: does it still take part in the first sum?",
)
def _no_attention_road(x: Tensor, parts: Any) -> Tensor:
    x = parts.self_attention(parts.attention_norm(x))
    return x + parts.mlp(parts.mlp_norm(x))


@ENCODER.mutant(
    "no road around the MLP", "The second part replaces its input. What should it do instead?"
)
def _no_mlp_road(x: Tensor, parts: Any) -> Tensor:
    x = x + parts.self_attention(parts.attention_norm(x))
    result: Tensor = parts.mlp(parts.mlp_norm(x))
    return result


@ENCODER.mutant(
    "norm on the road",
    "You add to the normalised x. To what should be added, so that the road stays free?",
)
def _norm_on_road(x: Tensor, parts: Any) -> Tensor:
    x = parts.attention_norm(x)
    x = parts.mlp_norm(x + parts.self_attention(x))
    return x + parts.mlp(x)


@ENCODER.mutant(
    "norm behind the sum",
    "This is the order of 2017 (post-norm). Where does the norm stand in this course: before the"
    " part, or after the sum?",
)
def _post_norm(x: Tensor, parts: Any) -> Tensor:
    x = parts.attention_norm(x + parts.self_attention(x))
    result: Tensor = parts.mlp_norm(x + parts.mlp(x))
    return result


@ENCODER.mutant("no norms", "What do the two norms of `parts` do in your code?")
def _no_norm(x: Tensor, parts: Any) -> Tensor:
    x = x + parts.self_attention(x)
    return x + parts.mlp(x)


@ENCODER.mutant(
    "both parts read the same x",
    "The MLP should think about what the attention has found. Which x does it read?",
)
def _parallel(x: Tensor, parts: Any) -> Tensor:
    return x + parts.self_attention(parts.attention_norm(x)) + parts.mlp(parts.mlp_norm(x))


@ENCODER.mutant("thinks before it looks", "Which comes first, attention or MLP?")
def _mlp_first(x: Tensor, parts: Any) -> Tensor:
    x = x + parts.mlp(parts.mlp_norm(x))
    return x + parts.self_attention(parts.attention_norm(x))


@ENCODER.mutant(
    "one norm for both parts", "Each part has a norm of its own. Which one stands before the MLP?"
)
def _same_norm(x: Tensor, parts: Any) -> Tensor:
    x = x + parts.self_attention(parts.attention_norm(x))
    return x + parts.mlp(parts.attention_norm(x))


def _decoder_cases() -> list[Case]:
    draw = Draw(50)
    return [
        Case(
            "6 letters written, 4 notes",
            (draw.normal(2, 6, 8), draw.normal(2, 4, 8), _layer(DecoderLayer, 4, "none", 8, 2)),
        ),
        Case(
            "as many letters as notes",
            (
                draw.normal(2, 5, 16),
                draw.normal(2, 5, 16),
                _layer(DecoderLayer, 5, "rotary", 16, 2),
            ),
        ),
        Case(
            "1 letter written, 7 notes",
            (draw.normal(3, 1, 8), draw.normal(3, 7, 8), _layer(DecoderLayer, 6, "none", 8, 4)),
        ),
    ]


DECODER = Exercise(
    name="transformer.decoder-layer",
    minutes=15,
    difficulty=2,
    reference=lambda x, notes, parts: parts(x, parts.start(notes))[0],
    solution=(DecoderLayer,),
    cases=_decoder_cases,
    notice=(
        "Notice that letters and notes may differ in number: queries come from the one, keys and"
        " values from the other."
    ),
    trains=True,
)


def _decoder(
    x: Tensor,
    notes: Tensor,
    parts: Any,
    *,
    causal: bool = True,
    cross_mask: bool = False,
    norm_notes: bool = False,
    memory: str = "notes",
) -> Tensor:
    x = x + parts.self_attention(
        parts.self_norm(x), mask=causal_mask(x.shape[1]) if causal else None
    )
    normed = parts.cross_norm(x)
    asked = {"notes": parts.cross_norm(notes) if norm_notes else notes, "itself": normed}[memory]
    mask = torch.ones(x.shape[1], asked.shape[1], dtype=torch.bool).tril() if cross_mask else None
    x = x + parts.cross_attention(normed, asked, mask=mask)
    result: Tensor = x + parts.mlp(parts.mlp_norm(x))
    return result


@DECODER.mutant(
    "the future is seen",
    "In training the whole answer lies on the table. What keeps letter 4 from reading letter 5?",
)
def _no_mask(x: Tensor, notes: Tensor, parts: Any) -> Tensor:
    return _decoder(x, notes, parts, causal=False)


@DECODER.mutant(
    "a causal mask on the notes",
    "eamtay begins with the second letter of team. Which of the notes may the first letter read?",
)
def _masked_cross(x: Tensor, notes: Tensor, parts: Any) -> Tensor:
    return _decoder(x, notes, parts, cross_mask=True)


@DECODER.mutant(
    "never looks at the notes", "Whom does the cross-attention ask, if it gets one argument only?"
)
def _asks_itself(x: Tensor, notes: Tensor, parts: Any) -> Tensor:
    return _decoder(x, notes, parts, memory="itself")


@DECODER.mutant(
    "notes normalised again",
    "The notes come ready from the encoder. Whose input does cross_norm belong to?",
)
def _normed_notes(x: Tensor, notes: Tensor, parts: Any) -> Tensor:
    return _decoder(x, notes, parts, norm_notes=True)


@DECODER.mutant(
    "looks across before it looks back",
    "In which order does this course's decoder ask: its own letters first, or the notes?",
)
def _cross_first(x: Tensor, notes: Tensor, parts: Any) -> Tensor:
    x = x + parts.cross_attention(parts.cross_norm(x), notes)
    x = x + parts.self_attention(parts.self_norm(x), mask=causal_mask(x.shape[1]))
    result: Tensor = x + parts.mlp(parts.mlp_norm(x))
    return result


@DECODER.mutant(
    "no road around the cross-attention",
    "After looking across, where is what the letter knew before?",
)
def _no_cross_road(x: Tensor, notes: Tensor, parts: Any) -> Tensor:
    x = x + parts.self_attention(parts.self_norm(x), mask=causal_mask(x.shape[1]))
    x = parts.cross_attention(parts.cross_norm(x), notes)
    return x + parts.mlp(parts.mlp_norm(x))


@DECODER.mutant("no MLP", "Look back, look across, and then?")
def _no_mlp(x: Tensor, notes: Tensor, parts: Any) -> Tensor:
    x = x + parts.self_attention(parts.self_norm(x), mask=causal_mask(x.shape[1]))
    return x + parts.cross_attention(parts.cross_norm(x), notes)
