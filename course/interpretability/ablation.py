"""Causes, not pictures: what is lost when a head is ablated, or looks elsewhere?"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from course.interpretability.alignment import rows_by_rule_class, true_places
from nmt.attention import MultiHeadAttention, PatternHook
from nmt.batches import rows_alike
from nmt.data import VOCABULARY
from nmt.decoding import evaluating
from nmt.interventions import look_at, replace_patterns, spread_evenly, switch_off
from nmt.pig_latin import align, to_pig_latin
from nmt.transformer import Transformer

# From the words of a batch to what is done to named layers.
Change = Callable[[Sequence[str]], Mapping[str, PatternHook]]
NOTHING: Change = lambda words: {}  # noqa: E731
BATCH = 128


def teacher_batches(
    words: Sequence[str], answers: Sequence[str] | None = None
) -> Iterator[tuple[list[int], Int[Tensor, "b s"], Int[Tensor, "b t"]]]:
    """Rows, sources and targets of words of one length at a time; shorter targets end in more than
    one `<EOS>`.

    What stands behind the first `<EOS>` changes nothing before it, for the decoder looks back only.
    Without `answers` the true ones.
    """
    answers = [to_pig_latin(word) for word in words] if answers is None else answers
    for rows in rows_alike(map(len, words), BATCH):
        written = [VOCABULARY.encode(answers[row]) if answers[row] else [] for row in rows]
        longest = max(map(len, written))
        source = [[*VOCABULARY.encode(words[row]), VOCABULARY.eos] for row in rows]
        target = [
            [VOCABULARY.sos, *own, *[VOCABULARY.eos] * (1 + longest - len(own))] for own in written
        ]
        yield rows, torch.tensor(source), torch.tensor(target)


@dataclass(frozen=True, eq=False)
class Outcome:
    """Which words a model spells right, and its loss in nats at each token of each target."""

    right: Bool[Tensor, " words"]
    losses: list[Float[Tensor, " _"]]

    @property
    def loss(self) -> float:
        """Nats per target token, as in training."""
        return torch.cat(self.losses).double().mean().item()

    @property
    def accuracy(self) -> float:
        """The share of words that are right."""
        return self.right.double().mean().item()


def ask(model: Transformer, words: Sequence[str], change: Change = NOTHING) -> Outcome:
    """Which words the model spells right, and with which loss, while its attention is changed.

    The right letters are given, and each must be the most probable one: that is greedy decoding's
    own answer (see `nmt.evaluation.measure`).
    """
    right = torch.zeros(len(words), dtype=torch.bool)
    losses = [torch.zeros(0)] * len(words)
    with evaluating(model):
        for rows, source, target in teacher_batches(words):
            with replace_patterns(model, change([words[row] for row in rows])):
                logits = model(source, target[:, :-1])
            asked = target[:, 1:]
            nats = F.cross_entropy(logits.transpose(1, 2), asked, reduction="none")
            ended = (target[:, :-1] == VOCABULARY.eos).cumsum(dim=1) > 0  # not asked behind the end
            right[rows] = ((logits.argmax(dim=-1) == asked) | ended).all(dim=1)
            for row, own, end in zip(rows, nats, ended):
                losses[row] = own[~end]
    return Outcome(right, losses)


@contextmanager
def replace_heads(
    model: Transformer, layer: str, heads: Sequence[int], how: str, words: Sequence[str] = ()
) -> Iterator[None]:
    """Inside the block, what some heads of a layer write is replaced: by its mean over all tokens
    of `words` ("mean"), or by what they write for the next word of the batch ("resample").

    Zero is a value that the layers behind may never have seen; a mean or another word's value is
    one that they know. A word alone in its batch is resampled with itself.

    Source: Wang et al. 2022, arXiv 2211.00593, §2.1 (mean); Chan et al. 2022, "Causal scrubbing"
    (resampling).
    """
    attention = model.attention_layers()[layer]
    columns = head_columns(attention, heads)

    def change(_module: Any, inputs: tuple[Tensor]) -> tuple[Tensor]:
        joined = inputs[0].clone()
        other = mean.expand_as(joined) if how == "mean" else joined.roll(1, dims=0)
        joined[..., columns] = other[..., columns]
        return (joined,)

    if how == "mean":
        with recorded(model, [f"{layer}.to_output"]) as seen:
            ask(model, words)
        (calls,) = seen.values()
        mean = torch.cat([joined.flatten(0, 1) for joined, _ in calls]).mean(dim=0)
    with before(attention.to_output, change):
        yield


def head_columns(attention: MultiHeadAttention, heads: Sequence[int]) -> Int[Tensor, " columns"]:
    """The coordinates of a layer's joined heads, before W_O mixes them, that these heads write."""
    size = attention.to_output.weight.shape[1] // attention.num_heads
    return torch.cat([torch.arange(head * size, (head + 1) * size) for head in heads])


@contextmanager
def before(module: nn.Module, hook: Callable[[Any, tuple[Tensor]], Any]) -> Iterator[None]:
    """Inside the block, `hook` is called before each call of the module."""
    handle = module.register_forward_pre_hook(hook)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def recorded(
    model: nn.Module, names: Iterable[str]
) -> Iterator[dict[str, list[tuple[Tensor, Tensor]]]]:
    """Inside the block, each call of the named modules is kept: what goes in, and what comes out.

    Of a module that returns vectors and a cache, the vectors.
    """
    seen: dict[str, list[tuple[Tensor, Tensor]]] = {name: [] for name in names}

    def keep(calls: list[tuple[Tensor, Tensor]], _module: Any, inputs: Any, output: Any) -> None:
        calls.append((inputs[0], output[0] if isinstance(output, tuple) else output))

    with ExitStack() as stack:
        for name, calls in seen.items():
            hook = partial(keep, calls)
            stack.callback(model.get_submodule(name).register_forward_hook(hook).remove)
        yield seen


def jobs(word: str) -> list[str]:
    """What each token of the answer, `<EOS>` last, asks of a model: what it must find or copy."""

    def job(query: int, place: int | None) -> str:
        if place is None:
            return "nothing to copy"
        back = place == 0 < query
        return "first letter" if query == 0 else "back to the onset" if back else "another letter"

    return [job(query, place) for query, place in enumerate([*align(word), None])]


def loss_by_job(words: Sequence[str], outcome: Outcome) -> dict[str, float]:
    """The mean loss of the tokens of each of the `jobs`, in nats."""
    found: dict[str, list[float]] = defaultdict(list)
    for word, losses in zip(words, outcome.losses):
        for job, loss in zip(jobs(word), losses.tolist(), strict=True):
            found[job].append(loss)
    return {job: sum(losses) / len(losses) for job, losses in found.items()}


def letter_written(
    model: Transformer,
    words: Sequence[str],
    queries: Sequence[int],
    change: Change = NOTHING,
    answers: Sequence[str] | None = None,
) -> list[str]:
    """The token that the model would write next, in each word after as many letters of its answer
    as `queries` says. `answers` are the truth where none are given.
    """
    found = [""] * len(words)
    with evaluating(model):
        for rows, source, target in teacher_batches(words, answers):
            with replace_patterns(model, change([words[row] for row in rows])):
                guesses = model(source, target).argmax(dim=-1)
            for row, guess in zip(rows, guesses.tolist()):
                found[row] = VOCABULARY.token(guess[queries[row]])
    return found


def accuracy_without(model: Transformer, words: Sequence[str], layer: str, *heads: int) -> float:
    """Word accuracy with the named heads of a layer switched off; with all of them, where none is
    named.
    """
    chosen = heads or range(model.config.num_heads)
    return ask(model, words, lambda batch: {layer: switch_off(*chosen)}).accuracy


def ideal_pattern(words: Sequence[str], shift: int = 0) -> Float[Tensor, "b t s"]:
    """Cross-attention as the rule would have it: all weight on the letter that is copied, on
    `<EOS>` when nothing is.

    Args:
        words: of one length.
        shift: look so many letters to the right of the copied one instead, at most at `<EOS>` and
            at least at the first letter.
    """
    end = len(words[0])
    places = [true_places(word, shift) for word in words]
    longest = max(map(len, places))
    pattern = torch.zeros(len(words), longest + 1, end + 1)
    for row, wanted in enumerate(places):
        for query in range(longest + 1):
            key = wanted[query] if query < len(wanted) else None
            pattern[row, query, end if key is None else min(max(key, 0), end)] = 1
    return pattern


@dataclass(frozen=True)
class Loss:
    """What one change of one layer's attention does: which heads, changed how, with which effect.

    `loss` is in nats per target token. `accuracy` and `by_class` are shares of words; `lost` is the
    accuracy of the untouched model minus `accuracy`.
    """

    layer: str
    heads: tuple[int, ...]
    how: str
    loss: float
    accuracy: float
    lost: float
    by_class: Mapping[str, float]


def measure_loss(
    model: Transformer,
    words: Sequence[str],
    layer: str,
    heads: Sequence[int] = (),
    how: str = "off",
    *,
    untouched: Tensor | None = None,
) -> Loss:
    """Ablate some heads of one layer; the loss per token, and the words that are lost.

    Args:
        heads: their numbers; all, where none is named.
        how: "off" (no weight at all: zero ablation), "mean" and "resample" as in `replace_heads`,
            "uniform" (the same weight on every key it may see), and for cross-attention "ideal", or
            "ideal+1" and so on for the ideal of a shift.
        untouched: `ask(model, words).right`, where it is known.

    Raises:
        ValueError: for an unknown `how`, or one that the layer cannot do.
    """
    chosen = tuple(heads) or tuple(range(model.config.num_heads))
    right = ask(model, words).right if untouched is None else untouched
    if how in ("mean", "resample"):
        with replace_heads(model, layer, chosen, how, words):
            after = ask(model, words)
    else:
        after = ask(model, words, _change(layer, chosen, how))
    by_class = {
        name: after.right[rows].double().mean().item()
        for name, rows in rows_by_rule_class(words).items()
    }
    lost = right.double().mean().item() - after.accuracy
    return Loss(layer, chosen, how, after.loss, after.accuracy, lost, by_class)


def _change(layer: str, heads: tuple[int, ...], how: str) -> Change:
    if how == "off":
        return lambda words: {layer: switch_off(*heads)}
    if how == "uniform":
        causal = layer.startswith("decoder") and layer.endswith("self_attention")
        return lambda words: {layer: spread_evenly(*heads, causal=causal)}
    if how.startswith("ideal") and layer.endswith("cross_attention"):
        shift = int(how.removeprefix("ideal") or 0)
        return lambda words: {layer: look_at(ideal_pattern(words, shift), *heads)}
    raise ValueError(
        f"cannot change {layer} by {how!r}; choose off, mean, resample, uniform, or, for"
        " cross-attention, ideal, ideal+1, ideal-1"
    )
