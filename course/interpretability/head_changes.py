"""Change single heads while a word is spelled: what they write, or where they look.

The layers behind a head know its usual values alone, so "nothing" has several meanings (see
`course.interpretability.ablation`). Here each is a `HeadChange`, several may hold at once, and the
model writes its own answer under them, letter by letter.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from course.interpretability.ablation import ask, before, head_columns, recorded
from course.interpretability.spelling import Spelling
from nmt.attention import PatternHook
from nmt.data import VOCABULARY
from nmt.decoding import MIN_STEPS, evaluating
from nmt.interventions import replace_patterns, spread_evenly, switch_off
from nmt.pig_latin import to_pig_latin
from nmt.transformer import Transformer

WRITES = ("mean", "another word")  # changes of what a head writes; the others: of where it looks


@dataclass(frozen=True)
class HeadChange:
    """What is done to some heads of one layer.

    `how`: "nothing"; "off" (no weight at all: zero ablation); "mean" (they write what they write on
    average); "another word" (what they write for another word, place by place: activation
    patching); "earlier" and "later" (each look is moved by one place; at the edge it stays);
    "uniform" (the same weight on every token they may see).
    """

    layer: str
    heads: tuple[int, ...]
    how: str


@dataclass(frozen=True, eq=False)
class Spelled:
    """A model's own answer to one word, and how its heads looked: by layer (h, q, s)."""

    spelling: Spelling
    patterns: Mapping[str, Float[Tensor, "h q s"]]


class ChangedHeads:
    """A transformer whose heads can be changed.

    Args:
        words: over which the mean of what a head writes is taken.
    """

    def __init__(self, model: Transformer, words: Sequence[str]) -> None:
        self.model, self.words = model, list(words)
        self._means: dict[str, Tensor] = {}

    @contextmanager
    def changed(self, changes: Sequence[HeadChange], other: str = "") -> Iterator[None]:
        """Inside the block the changes hold; where two name one head, the later one.

        Args:
            other: the word whose values are taken by "another word".
        """
        layers, asked = self.model.attention_layers(), {change.how for change in changes}
        values = {
            "mean": self._mean_writes() if "mean" in asked else {},
            "another word": self._writes(other) if "another word" in asked else {},
        }
        with ExitStack() as stack:
            for change in changes:
                look = replace_patterns(self.model, {change.layer: _look(change)})
                stack.enter_context(look)
                if change.how in WRITES:
                    hook = _writer(change, values[change.how][f"{change.layer}.to_output"], layers)
                    stack.enter_context(before(layers[change.layer].to_output, hook))
            yield

    def spell(
        self, word: str, changes: Sequence[HeadChange] = (), other: str = "", draft: str = ""
    ) -> Spelled:
        """What the model writes by itself under the changes: greedy decoding's own answer.

        A draft of the answer is read at once and the model's guess at each place becomes the next
        draft, until nothing changes. After n rounds the first n tokens are right, so the answer is
        exact; from a good draft it takes a few rounds.

        Source: Santilli et al. 2023, arXiv 2305.10427, §3 (Jacobi decoding).
        """
        seen: dict[str, Tensor] = {}
        most, eos = max(MIN_STEPS, 2 * len(word)), VOCABULARY.eos
        source = torch.tensor([[*VOCABULARY.encode(word), eos]])
        own = [*VOCABULARY.encode(draft or to_pig_latin(word)), eos][:most]
        layers = self.model.attention_layers()
        keepers = replace_patterns(
            self.model, {name: partial(_keep, seen, name) for name in layers}
        )
        with evaluating(self.model), self.changed(changes, other), keepers:
            while True:
                logits = self.model(source, torch.tensor([[VOCABULARY.sos, *own[:-1]]]))[0]
                guess = logits.argmax(dim=-1).tolist()
                if guess == own:
                    break
                # Cut behind the end; without one, a place more for it, as long as there is room.
                own = [*guess, eos][: guess.index(eos) + 1 if eos in guess else most]
        written = tuple(map(VOCABULARY.token, own))
        rule = (*to_pig_latin(word), VOCABULARY.token(eos))
        spelling = Spelling(word, written, rule, logits.softmax(dim=-1))
        return Spelled(spelling, {name: weights[0] for name, weights in seen.items()})

    def right(self, changes: Sequence[HeadChange] = (), other: str = "") -> Bool[Tensor, " words"]:
        """Which of the model's words are spelled right."""
        with self.changed(changes, other):
            return ask(self.model, self.words).right

    def _mean_writes(self) -> dict[str, Tensor]:
        """What each layer's heads write on average over all tokens, (1, d)."""
        if not self._means:
            with self._recorded() as seen:
                ask(self.model, self.words)
            for name, calls in seen.items():
                rows = torch.cat([joined.flatten(0, 1) for joined, _ in calls])
                self._means[name] = rows.mean(dim=0, keepdim=True)
        return self._means

    def _writes(self, word: str) -> dict[str, Tensor]:
        """What each layer's heads write at each place of one word and of its answer, (q, d)."""
        with self._recorded() as seen:
            self.spell(word)
        return {name: calls[-1][0][0] for name, calls in seen.items()}

    def _recorded(self) -> Any:
        return recorded(self.model, [f"{name}.to_output" for name in self.model.attention_layers()])


def move_looks(
    weights: Float[Tensor, "*batch q s"], by: int, *, causal: bool = False
) -> Float[Tensor, "*batch q s"]:
    """Each query's weights moved by so many keys; what would leave the edge stays on it.

    `causal`: the edge is the query's own place, and queries are as many as keys.
    """
    queries, keys = weights.shape[-2:]
    last = torch.arange(queries) if causal else torch.full((queries,), keys - 1)
    there = (torch.arange(keys) + by).clamp(min=0).expand(queries, keys)
    there = torch.minimum(there, last[:, None]).expand_as(weights)  # (…, q, s)
    return torch.zeros_like(weights).scatter_add(-1, there, weights)


def _look(change: HeadChange) -> PatternHook:
    """The change as a function of a layer's weights."""
    causal = change.layer.startswith("decoder") and change.layer.endswith("self_attention")
    if change.how == "off":
        return switch_off(*change.heads)
    if change.how == "uniform":
        return spread_evenly(*change.heads, causal=causal)
    by = {"earlier": -1, "later": 1}.get(change.how, 0)

    def moved(weights: Tensor) -> Tensor:
        weights = weights.clone()
        own = weights[:, list(change.heads)]
        weights[:, list(change.heads)] = move_looks(own, by, causal=causal) if by else own
        return weights

    return moved


def _writer(change: HeadChange, values: Tensor, layers: Mapping[str, Any]) -> Any:
    """A hook that puts `values` (places, d) in the place of what the heads write, as far as they
    go; one row is for all places.
    """
    columns = head_columns(layers[change.layer], change.heads)

    def put(_module: Any, inputs: tuple[Tensor]) -> tuple[Tensor]:
        joined = inputs[0].clone()  # (b, q, d)
        rows = joined.shape[1] if len(values) == 1 else min(joined.shape[1], len(values))
        joined[:, :rows, columns] = values[:rows, columns]
        return (joined,)

    return put


def _keep(seen: dict[str, Tensor], name: str, weights: Tensor) -> Tensor:
    """A hook that keeps a layer's latest weights in `seen`."""
    seen[name] = weights
    return weights
