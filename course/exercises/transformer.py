"""Exercises of notebook 03: one greedy letter; those of the layers are in `transformer_layers`."""

import torch
from torch import Tensor

from course.checking.exercise import Case, Draw, Exercise, seeded, table
from course.exercises.transformer_layers import DECODER, ENCODER
from nmt.data import VOCABULARY
from nmt.decoding import greedy_decode
from nmt.transformer import Transformer, TransformerConfig

Slips = frozenset[str]


def write_one_letter(model: Transformer, source: Tensor, written: Tensor) -> Tensor:
    """The most probable letter at the last place, behind what was written."""
    logits = model(source, written)[:, -1]
    return torch.cat((written, logits.argmax(dim=-1)[:, None]), dim=1)


def _write_one_letter(slips: Slips, model: Transformer, source: Tensor, written: Tensor) -> Tensor:
    logits = model(written, source) if "swapped" in slips else model(source, written)
    if "over_places" in slips:
        return torch.cat((written, logits.argmax(dim=1)), dim=1)
    last = logits[:, 0 if "first" in slips else -1]
    token = last.amin(-1) if "smallest" in slips else last.argmax(-1)
    token = last.argmin(-1) if "least" in slips else token
    token = last.amax(-1) if "score" in slips else token
    token = last.argmax().expand(len(written)) if "one_for_all" in slips else token
    if "new_alone" in slips:
        return token[:, None]
    both = (token[:, None], written) if "front" in slips else (written, token[:, None])
    return torch.cat(both, dim=1)


def _greedy_cases() -> list[Case]:
    def make() -> Transformer:
        config = TransformerConfig(hidden_size=16, num_heads=2, dropout=0.0)
        model = Transformer(config).eval().requires_grad_(False)
        for parameter in model.parameters():
            parameter.add_(0.4 * torch.randn_like(parameter))
        return model

    cases = []
    for seed, (b, s, t) in enumerate([(1, 2, 2), (3, 5, 4), (2, 3, 1), (4, 6, 7)]):
        draw = Draw(60 + seed)
        source = torch.cat((draw.integers(26, b, s), torch.full((b, 1), VOCABULARY.eos)), dim=1)
        first = torch.full((b, 1), VOCABULARY.sos)
        written = torch.cat((first, draw.integers(26, b, t - 1)), dim=1)
        label = f"{b} word{'s' * (b > 1)}, letters written: {t - 1}"
        cases.append(Case(label, (seeded(make, 7 + seed), source, written)))
    return cases


GREEDY = Exercise(
    name="transformer.greedy-step",
    minutes=10,
    difficulty=2,
    answer=write_one_letter,
    course=(greedy_decode,),
    cases=_greedy_cases,
    notice=(
        "Notice what was thrown away: the logits of all places but the last. That is the waste that"
        " a cache saves."
    ),
    slipped=_write_one_letter,
    mistakes=table("""
        first: the first place asked
            The logits at place t are about the letter after t. Which place knows all that was
            written?
        over_places: argmax over the places
            Which axis of the logits holds the 29 tokens?
        new_alone: only the new letter
            The next step must read all letters so far. What should come back?
        front: written at the front
            We write from left to right. On which side does the new letter go?
        one_for_all: one letter for all words
            An argmax without a dim looks at all words together. How many letters do you need?
        score smallest: the score, not its place
            max gives how high the highest score is. Which function says where it stands?
        least: the least probable letter
            Do high logits mean probable or improbable?
        swapped: source and target exchanged
            Which of its two arguments does the model read, and which does it continue?
    """),
)

EXERCISES = {each.name: each for each in (ENCODER, DECODER, GREEDY)}
