"""Exercises of notebook 07: a score for heads, Mamba's hidden attention, and an experiment that
switches a head off.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from course.checking.exercise import Case, Draw, Exercise, seeded
from course.interpretability.heads import previous_letter_score
from nmt.attention import PatternHook
from nmt.batches import Batch
from nmt.data import VOCABULARY
from nmt.hidden_attention import _unrolled, hidden_attention
from nmt.interventions import replace_patterns, spread_evenly, switch_off
from nmt.selective_ssm import SSMTrace
from nmt.training import token_loss
from nmt.transformer import Transformer, TransformerConfig


def _pattern_cases() -> list[Case]:
    draw = Draw(130)
    shapes = {
        "one head": (5, 5),
        "two layers of three heads": (2, 3, 7, 7),
        "a word of two signs": (4, 2, 2),
    }
    return [
        Case(label, ((2 * draw.normal(*shape)).softmax(dim=-1),)) for label, shape in shapes.items()
    ]


SCORE = Exercise(
    name="interpretability.previous-letter",
    minutes=5,
    difficulty=1,
    reference=previous_letter_score,
    solution=(previous_letter_score,),
    cases=_pattern_cases,
    notice=(
        "Notice that the first sign is not asked: it has none before it. Whoever counts it makes"
        " every head look worse."
    ),
)


@SCORE.mutant("the letter behind", "Rows are queries. In row 3, which column is the letter before?")
def _next(pattern: Tensor) -> Tensor:
    return pattern.diagonal(1, dim1=-2, dim2=-1).mean(dim=-1)


@SCORE.mutant(
    "the letter itself",
    "The main diagonal is where a letter looks at itself. Where does it look at the one before?",
)
def _itself(pattern: Tensor) -> Tensor:
    return pattern.diagonal(dim1=-2, dim2=-1).mean(dim=-1)


@SCORE.mutant(
    "a sum, not a mean", "Should a long word give a head a higher score than a short one?"
)
def _sum(pattern: Tensor) -> Tensor:
    return pattern.diagonal(-1, dim1=-2, dim2=-1).sum(dim=-1)


@SCORE.mutant("divided by one too many", "How many signs of a word have one before them?")
def _all_signs(pattern: Tensor) -> Tensor:
    return pattern.diagonal(-1, dim1=-2, dim2=-1).sum(dim=-1) / pattern.shape[-1]


@SCORE.mutant(
    "the first looks at the last",
    "A roll goes round the end. Whom does the first sign look at in your score?",
)
def _rolled(pattern: Tensor) -> Tensor:
    return pattern.roll(-1, dims=-2).diagonal(dim1=-2, dim2=-1).mean(dim=-1)


@SCORE.mutant(
    "all heads in one number",
    "Each head wants a mark of its own. Over which axes does your mean run?",
)
def _one_number(pattern: Tensor) -> Tensor:
    return pattern.diagonal(-1, dim1=-2, dim2=-1).mean()


@SCORE.mutant(
    "how often, not how much",
    "You count for how many signs the largest weight is there. What is asked for is the weight"
    " itself: how large is it on average?",
)
def _share(pattern: Tensor) -> Tensor:
    before = torch.arange(pattern.shape[-1] - 1)
    return (pattern[..., 1:, :].argmax(dim=-1) == before).to(pattern.dtype).mean(dim=-1)


def _ssm_cases() -> list[Case]:
    cases = []
    for seed, (b, length, e, n) in enumerate(((1, 5, 2, 3), (2, 7, 3, 1), (2, 1, 2, 2))):
        draw = Draw(140 + seed)
        delta, A = (
            draw.uniform(b, length, e, low=0.1, high=1.2),
            -draw.uniform(e, n, low=0.2, high=2.0),
        )
        cases.append(
            Case(
                f"{b} words of {length}, e = {e}, n = {n}",
                (delta, A, draw.normal(b, length, n), draw.normal(b, length, n)),
            )
        )
    return cases


def _reference_hidden(delta: Tensor, A: Tensor, B: Tensor, C: Tensor) -> Tensor:
    return hidden_attention(
        SSMTrace(torch.zeros_like(delta), delta, A, B, C, delta.new_zeros(delta.shape[-1]), "mixed")
    )


HIDDEN = Exercise(
    name="interpretability.hidden-attention",
    minutes=20,
    difficulty=3,
    reference=_reference_hidden,
    solution=(hidden_attention, _unrolled),
    cases=_ssm_cases,
    notice=(
        "Notice that nothing forces a row to sum to 1, or an entry to be positive: it is read like"
        " attention, and it is none."
    ),
)


def _alpha(delta: Tensor, A: Tensor, B: Tensor, C: Tensor, *, wrong: str = "") -> Tensor:
    """α by sums of ΔA, with one thing done otherwise."""
    S = torch.einsum("ble,en->blen", delta, A).cumsum(dim=1)
    until = S - torch.einsum("ble,en->blen", delta, A) if wrong == "t late" else S
    since = S - torch.einsum("ble,en->blen", delta, A) if wrong in ("s too", "t late") else S
    later = until[:, :, None] - since[:, None]  # b t s e n
    t, s = torch.arange(delta.shape[1])[:, None], torch.arange(delta.shape[1])[None, :]
    past = (s <= t)[None, :, :, None, None]
    kept = torch.ones_like(later) if wrong == "no decay" else torch.where(past, later, 0.0).exp()
    kept = kept if wrong == "future" else torch.where(past, kept, 0.0)
    written = torch.ones_like(delta) if wrong == "no step" else delta
    return torch.einsum("btsen,bse,bsn,btn->bets", kept, written, B, C)


@HIDDEN.mutant(
    "the letter's own decay counted",
    "What x_s writes at s is multiplied by the decays after s. Does your product begin at s or at s"
    " + 1?",
)
def _own_decay(delta: Tensor, A: Tensor, B: Tensor, C: Tensor) -> Tensor:
    return _alpha(delta, A, B, C, wrong="s too")


@HIDDEN.mutant(
    "all decays one letter early",
    "y_t reads the state after letter t. Has it been through the decay of letter t?",
)
def _early(delta: Tensor, A: Tensor, B: Tensor, C: Tensor) -> Tensor:
    return _alpha(delta, A, B, C, wrong="t late")


@HIDDEN.mutant("nothing fades", "What lies between writing at s and reading at t?")
def _no_decay(delta: Tensor, A: Tensor, B: Tensor, C: Tensor) -> Tensor:
    return _alpha(delta, A, B, C, wrong="no decay")


@HIDDEN.mutant(
    "looks into the future", "Entries with s > t should be 0. What are they in your matrix?"
)
def _future(delta: Tensor, A: Tensor, B: Tensor, C: Tensor) -> Tensor:
    return _alpha(delta, A, B, C, wrong="future")


@HIDDEN.mutant(
    "Δ forgotten in writing", "B̄_s = Δ_s B_s. How strongly does a letter of step 0 write?"
)
def _no_step(delta: Tensor, A: Tensor, B: Tensor, C: Tensor) -> Tensor:
    return _alpha(delta, A, B, C, wrong="no step")


@HIDDEN.mutant(
    "B and C exchanged",
    "Which of the two belongs to the letter that is written, s, and which to the one that"
    " reads, t?",
)
def _b_and_c(delta: Tensor, A: Tensor, B: Tensor, C: Tensor) -> Tensor:
    return _alpha(delta, A, C, B)


@HIDDEN.mutant(
    "rows and columns exchanged",
    "Rows belong to those who read, as in attention. Which of your axes is t?",
)
def _turned(delta: Tensor, A: Tensor, B: Tensor, C: Tensor) -> Tensor:
    return _alpha(delta, A, B, C).mT


def _ablation_cases() -> list[Case]:
    cases = []
    for seed, (layer, head) in enumerate(
        (
            ("decoder.0.cross_attention", 1),
            ("encoder.0.self_attention", 0),
            ("decoder.0.self_attention", 2),
        )
    ):

        def make() -> Transformer:
            config = TransformerConfig(
                hidden_size=16, num_heads=4, encoder_layers=1, decoder_layers=1, dropout=0.0
            )
            model = Transformer(config).eval().requires_grad_(False)
            for parameter in model.parameters():
                parameter.add_(0.3 * torch.randn_like(parameter))
            return model

        draw, b = Draw(150 + seed), seed + 2
        source = torch.cat((draw.integers(26, b, 5), torch.full((b, 1), VOCABULARY.eos)), dim=1)
        ends = (
            torch.full((b, 1), VOCABULARY.sos),
            draw.integers(26, b, 6),
            torch.full((b, 1), VOCABULARY.eos),
        )
        cases.append(
            Case(
                f"head {head} of {layer}",
                (seeded(make, 20 + seed), source, torch.cat(ends, dim=1), layer, head),
            )
        )
    return cases


def _mean_loss(model: Transformer, source: Tensor, target: Tensor) -> float:
    return token_loss(model, Batch(source, target)).item() / target[:, 1:].numel()


def _with(
    change: PatternHook, model: Transformer, source: Tensor, target: Tensor, layer: str
) -> tuple[float, float]:
    before = _mean_loss(model, source, target)
    with replace_patterns(model, {layer: change}):
        return before, _mean_loss(model, source, target)


def _and_afterwards(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """The two losses, and what the model says when the experiment is over."""
    model, source, target, _, _ = arguments
    result = function(*arguments)
    values = (
        dict(zip(("the loss", "the loss without the head"), result))
        if isinstance(result, (tuple, list)) and len(result) == 2
        else result
    )
    if not isinstance(values, dict):
        return values
    values = {
        name: value.item() if isinstance(value, Tensor) and value.numel() == 1 else value
        for name, value in values.items()
    }
    return values | {"the loss when asked again afterwards": _mean_loss(model, source, target)}


ABLATION = Exercise(
    name="interpretability.ablation",
    minutes=15,
    difficulty=2,
    reference=lambda model, source, target, layer, head: _with(
        switch_off(head), model, source, target, layer
    ),
    solution=(replace_patterns, switch_off, token_loss),
    cases=_ablation_cases,
    observe=_and_afterwards,
    notice=(
        "Notice what the difference says, and what it does not: this head is used here. Another may"
        " still stand in for it elsewhere."
    ),
)


@ABLATION.mutant(
    "the model stays broken",
    "Ask the model again after your function has returned. Is the head back?",
)
def _left_off(
    model: Transformer, source: Tensor, target: Tensor, layer: str, head: int
) -> tuple[float, float]:
    before = _mean_loss(model, source, target)
    model.attention_layers()[layer].pattern_hook = switch_off(head)
    return before, _mean_loss(model, source, target)


@ABLATION.mutant(
    "the whole layer off", "The claim is about one head. How many have you switched off?"
)
def _whole_layer(
    model: Transformer, source: Tensor, target: Tensor, layer: str, head: int
) -> tuple[float, float]:
    return _with(switch_off(*range(model.config.num_heads)), model, source, target, layer)


@ABLATION.mutant(
    "all heads but this one off",
    "Which heads still work in your experiment: the named one, or the others?",
)
def _all_but(
    model: Transformer, source: Tensor, target: Tensor, layer: str, head: int
) -> tuple[float, float]:
    return _with(
        switch_off(*(each for each in range(model.config.num_heads) if each != head)),
        model,
        source,
        target,
        layer,
    )


@ABLATION.mutant(
    "spread evenly instead of off",
    "A head that looks everywhere alike still says something. What would it say if it were off?",
)
def _evenly(
    model: Transformer, source: Tensor, target: Tensor, layer: str, head: int
) -> tuple[float, float]:
    return _with(
        spread_evenly(head, causal=layer == "decoder.0.self_attention"),
        model,
        source,
        target,
        layer,
    )


@ABLATION.mutant("heads counted from 1", "Is the first head number 0 or number 1?")
def _from_one(
    model: Transformer, source: Tensor, target: Tensor, layer: str, head: int
) -> tuple[float, float]:
    return _with(switch_off((head - 1) % model.config.num_heads), model, source, target, layer)


@ABLATION.mutant(
    "a sum, not a mean",
    "In which unit is the course's loss: nats for all letters, or nats for each?",
)
def _summed(
    model: Transformer, source: Tensor, target: Tensor, layer: str, head: int
) -> tuple[float, float]:
    before, after = _with(switch_off(head), model, source, target, layer)
    return before * target[:, 1:].numel(), after * target[:, 1:].numel()


@ABLATION.mutant(
    "asked for the letter just read",
    "The decoder reads target[:, :-1]. Which letters is it asked for?",
)
def _unshifted(
    model: Transformer, source: Tensor, target: Tensor, layer: str, head: int
) -> tuple[float, float]:
    def loss() -> float:
        return F.cross_entropy(model(source, target).flatten(0, 1), target.flatten()).item()

    before = loss()
    with replace_patterns(model, {layer: switch_off(head)}):
        return before, loss()


EXERCISES = {each.name: each for each in (SCORE, HIDDEN, ABLATION)}
