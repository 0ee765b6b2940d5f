"""Exercises of notebook 03: sinusoidal positions, one greedy letter; those of the layers are in
`transformer_layers`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from course.checking.exercise import Case, Draw, Exercise, seeded
from course.exercises.transformer_layers import DECODER, ENCODER
from nmt.data import VOCABULARY
from nmt.decoding import _decode_again
from nmt.positions import sinusoidal_table
from nmt.transformer import Transformer, TransformerConfig

POSITIONS = Exercise(
    name="transformer.sinusoidal-positions",
    minutes=15,
    difficulty=2,
    reference=sinusoidal_table,
    solution=(sinusoidal_table,),
    cases=lambda: [
        Case(f"{length} places, d = {size}, base {base:g}", (length, size, base))
        for length, size, base in (
            (6, 8, 10_000.0),
            (1, 2, 10_000.0),
            (17, 4, 100.0),
            (12, 16, 30.0),
        )
    ],
    notice=(
        "Notice the row of place 0: zeros and ones, whatever the base. All clock hands start"
        " together."
    ),
)


def _table(length: int, exponent: Tensor, base: float, first: int = 0) -> Tensor:
    """Angles: places times base^(−exponent), one column for each pair."""
    return torch.arange(first, first + length)[:, None] * base**-exponent


def _woven(even: Tensor, odd: Tensor) -> Tensor:
    return torch.stack((even, odd), dim=-1).flatten(-2)


def _pairs(size: int) -> Tensor:
    return torch.arange(0, size, 2) / size


@POSITIONS.mutant(
    "sines first, then cosines",
    "A pair of neighbouring coordinates is one clock hand. Where do its sine and its cosine stand?",
)
def _halves(length: int, hidden_size: int, base: float) -> Tensor:
    angle = _table(length, _pairs(hidden_size), base)
    return torch.cat((angle.sin(), angle.cos()), dim=-1)


@POSITIONS.mutant(
    "sine and cosine exchanged", "Coordinate 0 of place 0 is sin 0. What is it in your table?"
)
def _cosine_first(length: int, hidden_size: int, base: float) -> Tensor:
    angle = _table(length, _pairs(hidden_size), base)
    return _woven(angle.cos(), angle.sin())


@POSITIONS.mutant("places counted from 1", "Which place has the first letter of a word?")
def _from_one(length: int, hidden_size: int, base: float) -> Tensor:
    angle = _table(length, _pairs(hidden_size), base, first=1)
    return _woven(angle.sin(), angle.cos())


@POSITIONS.mutant(
    "exponent too small by half",
    "i counts pairs, so the last pair has i = d/2 − 1. What is then 2i/d, and what do you have?",
)
def _half_exponent(length: int, hidden_size: int, base: float) -> Tensor:
    angle = _table(length, _pairs(hidden_size) / 2, base)
    return _woven(angle.sin(), angle.cos())


@POSITIONS.mutant(
    "exponent too large by two",
    "Is your i the number of the pair, or already that of the coordinate?",
)
def _double_exponent(length: int, hidden_size: int, base: float) -> Tensor:
    angle = _table(length, 2 * _pairs(hidden_size), base)
    return _woven(angle.sin(), angle.cos())


@POSITIONS.mutant(
    "each coordinate its own frequency",
    "A sine and its cosine must turn together. Do coordinates 2 and 3 share a frequency in your"
    " table?",
)
def _unpaired(length: int, hidden_size: int, base: float) -> Tensor:
    angle = _table(length, torch.arange(hidden_size) / hidden_size, base)
    return _woven(angle[:, ::2].sin(), angle[:, 1::2].cos())


@POSITIONS.mutant(
    "multiplied instead of divided",
    "The first hand is the quickest. Do yours get slower or quicker from left to right?",
)
def _multiplied(length: int, hidden_size: int, base: float) -> Tensor:
    angle = _table(length, -_pairs(hidden_size), base)
    return _woven(angle.sin(), angle.cos())


def _stepwise(model: Transformer, source: Tensor, written: Tensor) -> Tensor:
    """The most probable next letter of each word, by the way with a cache."""
    cache = model.start(source)
    for token in written.unbind(1):
        logits, cache = model.step(token, cache)
    return torch.cat((written, logits.argmax(dim=-1)[:, None]), dim=1)


def _greedy_cases() -> list[Case]:
    cases = []
    for seed, (b, s, t) in enumerate([(3, 5, 4), (2, 3, 1), (4, 6, 7)]):

        def make() -> Transformer:
            model = (
                Transformer(TransformerConfig(hidden_size=16, num_heads=2, dropout=0.0))
                .eval()
                .requires_grad_(False)
            )
            for parameter in model.parameters():
                parameter.add_(0.4 * torch.randn_like(parameter))
            return model

        draw = Draw(60 + seed)
        source = torch.cat((draw.integers(26, b, s), torch.full((b, 1), VOCABULARY.eos)), dim=1)
        written = torch.cat(
            (torch.full((b, 1), VOCABULARY.sos), draw.integers(26, b, t - 1)), dim=1
        )
        cases.append(
            Case(f"{b} words, {t - 1} letters written", (seeded(make, 7 + seed), source, written))
        )
    return cases


GREEDY = Exercise(
    name="transformer.greedy-step",
    minutes=10,
    difficulty=2,
    reference=_stepwise,
    solution=(_decode_again,),
    cases=_greedy_cases,
    notice=(
        "Notice what was thrown away: the logits of all places but the last. That is the waste that"
        " a cache saves."
    ),
)


def _append(written: Tensor, token: Tensor) -> Tensor:
    return torch.cat((written, token[:, None]), dim=1)


@GREEDY.mutant(
    "the first place asked",
    "The logits at place t are about the letter after t. Which place knows all that was written?",
)
def _first_place(model: Transformer, source: Tensor, written: Tensor) -> Tensor:
    return _append(written, model(source, written)[:, 0].argmax(dim=-1))


@GREEDY.mutant("argmax over the places", "Which axis of the logits holds the 29 tokens?")
def _over_places(model: Transformer, source: Tensor, written: Tensor) -> Tensor:
    return torch.cat((written, model(source, written).argmax(dim=1)), dim=1)


@GREEDY.mutant(
    "only the new letter", "The next step must read all letters so far. What should come back?"
)
def _only_new(model: Transformer, source: Tensor, written: Tensor) -> Tensor:
    return _stepwise(model, source, written)[:, -1:]


@GREEDY.mutant(
    "written at the front", "We write from left to right. On which side does the new letter go?"
)
def _at_the_front(model: Transformer, source: Tensor, written: Tensor) -> Tensor:
    return torch.cat((_stepwise(model, source, written)[:, -1:], written), dim=1)


@GREEDY.mutant(
    "one letter for all words",
    "An argmax without a dim looks at all words together. How many letters do you need?",
)
def _one_for_all(model: Transformer, source: Tensor, written: Tensor) -> Tensor:
    return _append(written, model(source, written)[:, -1].argmax().expand(len(written)))


@GREEDY.mutant(
    "the score, not its place",
    "max gives how high the highest score is. Which function says where it stands?",
)
def _score(model: Transformer, source: Tensor, written: Tensor) -> Tensor:
    return _append(written, model(source, written)[:, -1].amax(dim=-1))


@GREEDY.mutant(
    "source and target exchanged",
    "Which of its two arguments does the model read, and which does it continue?",
)
def _swapped(model: Transformer, source: Tensor, written: Tensor) -> Tensor:
    return _append(written, model(written, source)[:, -1].argmax(dim=-1))


EXERCISES = {each.name: each for each in (POSITIONS, ENCODER, DECODER, GREEDY)}
