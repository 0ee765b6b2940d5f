"""Looking into a model while it works: where it attends, what its states keep, and the vectors in
between.

street = trace(model, "street")              # while it spells its own answer
street.attention("cross")                    # (layers, heads, letters written, letters read), from either model
trace(model, words, truth=True)              # many words, each with the right answer before its eyes
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, overload

import torch
from jaxtyping import Float
from torch import Tensor

from nmt.data import VOCABULARY
from nmt.decoding import evaluating, greedy_decode
from nmt.hidden_attention import hidden_attention
from nmt.interventions import replace_choices, replace_patterns, replace_vectors
from nmt.mamba import Mamba
from nmt.pig_latin import to_pig_latin
from nmt.selective_ssm import SSMTrace
from nmt.transformer import Transformer

KINDS = ("encoder", "decoder", "cross")
PARTS = (
    ("encoder", "self_attention"),
    ("decoder", "self_attention"),
    ("decoder", "cross_attention"),
)  # of a transformer's layers, in the order of KINDS
GROUPS = 4  # of Mamba's channels, where they stand beside heads
BATCH = 250  # words traced side by side


@dataclass(frozen=True, eq=False)
class Trace:
    """One word on its way through a model, teacher-forced over `written`.

    `source` and `target` name the signs that were read, `asked` the sign that should follow each of
    `target`; `predicted` is what the model would have written there. `vectors` holds what comes out
    of each layer, by name: rows in reading order.
    """

    word: str
    written: str
    logits: Float[Tensor, "t v"] = field(repr=False)
    vectors: Mapping[str, Float[Tensor, "_ d"]] = field(repr=False)

    @property
    def source(self) -> list[str]:
        """Labels of the signs read first: letters, `<EOS>`."""
        return [*self.word, VOCABULARY.token(VOCABULARY.eos)]

    @property
    def target(self) -> list[str]:
        """Labels of the signs read while writing: `<SOS>`, letters."""
        return [VOCABULARY.token(VOCABULARY.sos), *signs(self.written)]

    @property
    def asked(self) -> list[str]:
        """For each of `target` the sign that comes next: letters, `<EOS>`."""
        return [*signs(self.written), VOCABULARY.token(VOCABULARY.eos)]

    @property
    def predicted(self) -> list[str]:
        """For each of `target` the most probable next sign."""
        return [VOCABULARY.token(sign) for sign in self.logits.argmax(dim=-1).tolist()]

    def attention(self, kind: str, groups: int | None = None) -> Float[Tensor, "layers h q s"]:
        """Who looks at whom: "encoder" (source at source), "decoder" (target at target) or "cross"
        (target at source).
        """
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class TransformerTrace(Trace):
    """A transformer's attention weights: each row of each head sums to 1."""

    encoder: Float[Tensor, "encoder_layers h s s"] = field(repr=False)
    decoder: Float[Tensor, "decoder_layers h t t"] = field(repr=False)
    cross: Float[Tensor, "decoder_layers h t s"] = field(repr=False)

    def attention(self, kind: str, groups: int | None = None) -> Float[Tensor, "layers h q s"]:
        """The weights of one kind. Raises `ValueError` for an unknown kind, or when asked to group
        what already are heads.
        """
        _check_kind(kind)
        if groups is not None:
            raise ValueError(
                "a transformer has heads of its own; only Mamba's channels are put into groups"
            )
        return {"encoder": self.encoder, "decoder": self.decoder, "cross": self.cross}[kind]


@dataclass(frozen=True, eq=False)
class MambaTrace(Trace):
    """What each selective SSM chose while Mamba read `source` and then `target`, one sequence of l
    signs; `ssm` has batches of one.
    """

    ssm: Mapping[str, SSMTrace] = field(repr=False)

    @property
    def delta(self) -> Float[Tensor, "layers l e"]:
        """The step sizes Δ."""
        return torch.stack([layer.delta[0] for layer in self.ssm.values()])

    @property
    def decay(self) -> Float[Tensor, "layers l e n"]:
        """Ā: the share of each state that survives the step."""
        return torch.stack([layer.decay[0] for layer in self.ssm.values()])

    def state_weights(self, at: int | None = None) -> Float[Tensor, "layers l e n"]:
        """How much of what was written at place t is left in each state at place `at`:  w_t = Ā_{t+1} ∘ … ∘ Ā_at,  0 for t > at.

        For the rules with an exponential ("mixed", "zoh") that is exp(−Σ_{t < τ ≤ at} Δ_τ |A|).

        Args:
            at: a place in the sequence, from 0; None takes the last.
        """
        decay = self.decay.double()
        length = decay.shape[1]
        at = length - 1 if at is None else at
        if not 0 <= at < length:
            raise ValueError(f"the sequence has places 0 to {length - 1}, not {at}")
        weights = torch.zeros_like(decay)
        weights[:, at] = 1
        weights[:, :at] = decay[:, 1 : at + 1].flip(1).cumprod(dim=1).flip(1)
        return weights

    def hidden_attention(self, *, with_skip: bool = False) -> Float[Tensor, "layers e l l"]:
        """`hidden_attention` of every layer."""
        return torch.cat(
            [hidden_attention(layer, with_skip=with_skip) for layer in self.ssm.values()]
        )

    def channel_groups(self, groups: int = GROUPS) -> list[list[list[int]]]:
        """For each layer its channels in `groups` groups of (nearly) equal size, from the shortest
        memory to the longest.

        A channel's memory is its mean |Ā| over states and signs of this word, so that another word
        may group otherwise.
        """
        channels = self.decay.shape[2]
        if not 1 <= groups <= channels:
            raise ValueError(f"{channels} channels make 1 to {channels} groups, not {groups}")
        order = self.decay.abs().mean(dim=(1, 3)).argsort(dim=1, stable=True)  # (layers, e)
        return [[part.tolist() for part in layer.tensor_split(groups)] for layer in order]

    def attention(self, kind: str, groups: int | None = None) -> Float[Tensor, "layers g q s"]:
        """The hidden attention of channel groups, as weights that can be laid beside a
        transformer's heads.

            weight_{t,s} = Σ_{c in group} |α_{c,t,s}| / Σ_{s′ ≤ t} Σ_{c in group} |α_{c,t,s′}|

        Mamba reads one sequence, `source` then `target`: "encoder" is the part of the triangle
        where source looks at source, "cross" where target looks at source, "decoder" where target
        looks at target. So a row of "cross" and the same row of "decoder" together sum to 1.

        Args:
            groups: how many; None takes 4. The groups are those of `channel_groups`; 1 takes all
                channels together.
        """
        _check_kind(kind)
        strength = self.hidden_attention().abs()
        chosen = self.channel_groups(GROUPS if groups is None else groups)
        weights = torch.stack(
            [
                torch.stack([layer[part].sum(0) for part in parts])
                for layer, parts in zip(strength, chosen)
            ]
        )
        weights = weights / weights.sum(dim=-1, keepdim=True).clamp(
            min=torch.finfo(weights.dtype).tiny
        )
        length = len(self.source)
        rows = slice(None, length) if kind == "encoder" else slice(length, None)
        columns = slice(length, None) if kind == "decoder" else slice(None, length)
        return weights[:, :, rows, columns]


def signs(written: str) -> list[str]:
    """The signs of an answer; an untrained model may write `<SOS>` among its letters."""
    return re.findall(r"<SOS>|.", written)


def _tokens(written: str) -> list[int]:
    return [
        VOCABULARY.sos if len(sign) > 1 else VOCABULARY.encode(sign)[0] for sign in signs(written)
    ]


def _check_kind(kind: str) -> None:
    if kind not in KINDS:
        raise ValueError(f"unknown kind of attention {kind!r}; choose one of {', '.join(KINDS)}")


@overload
def trace(
    model: Transformer, words: str, *, written: str | None = None, truth: bool = False
) -> TransformerTrace: ...
@overload
def trace(
    model: Mamba, words: str, *, written: str | None = None, truth: bool = False
) -> MambaTrace: ...
@overload
def trace(
    model: Any, words: Sequence[str], *, written: Sequence[str] | None = None, truth: bool = False
) -> list[Any]: ...
def trace(
    model: Any,
    words: str | Sequence[str],
    *,
    written: str | Sequence[str] | None = None,
    truth: bool = False,
) -> Trace | list[Any]:
    """Record what `model` does with one word, or with each of many of any lengths.

    Args:
        model: a transformer or a Mamba model; interventions around the call are seen in the trace.
        words: a word of a–z and dashes, or a list of words.
        written: the letters to give it as already written, for each word; without it the model's
            own greedy answer.
        truth: take what the rule says instead of the model's own answer.

    Returns:
        A `TransformerTrace` or a `MambaTrace` for each word: one for one word, a list in the same
        order for a list.

    Raises:
        ValueError: for an empty word, a character outside the vocabulary, answers that do not fit
            the words, or `written` and `truth`.
    """
    if isinstance(words, str):
        return trace(
            model, [words], written=None if written is None else [str(written)], truth=truth
        )[0]
    if not all(words):
        raise ValueError("a word is empty; there is nothing to trace")
    if written is not None and truth:
        raise ValueError("give the written letters, or ask for the true ones, not both")
    if written is None:
        written = [to_pig_latin(word) for word in words] if truth else greedy_decode(model, words)
    if isinstance(written, str) or len(written) != len(words):
        raise ValueError(f"{len(words)} words need a list of as many answers")
    rows_by_shape: dict[tuple[int, int], list[int]] = defaultdict(list)
    for row, (word, answer) in enumerate(zip(words, written)):
        rows_by_shape[len(word), len(signs(answer))].append(row)
    found: dict[int, Trace] = {}
    for rows in rows_by_shape.values():
        for begin in range(0, len(rows), BATCH):
            part = rows[begin : begin + BATCH]
            found.update(
                zip(
                    part,
                    _trace_batch(
                        model, [words[row] for row in part], [written[row] for row in part]
                    ),
                )
            )
    return [found[row] for row in range(len(words))]


def _trace_batch(model: Any, words: list[str], answers: list[str]) -> list[Trace]:
    """Words of one length with answers of one length, in one pass."""
    device = next(model.parameters()).device
    source = torch.tensor(
        [[*VOCABULARY.encode(word), VOCABULARY.eos] for word in words], device=device
    )
    target = torch.tensor([[VOCABULARY.sos, *_tokens(answer)] for answer in answers], device=device)
    patterns: dict[str, Any] = {}
    vectors: dict[str, Tensor] = {}
    is_mamba = isinstance(model, Mamba)
    layers = model.ssm_layers() if is_mamba else model.attention_layers()
    watch = replace_choices if is_mamba else replace_patterns
    blocks = [
        name
        for name, _ in model.named_modules()
        if name.rpartition(".")[0] in ("encoder", "decoder", "blocks")
    ]
    with (
        evaluating(model),
        watch(model, _keepers(patterns, layers)),
        replace_vectors(model, _keepers(vectors, blocks)),
    ):
        logits = model(source, target)
    traces: list[Trace] = []
    for row, (word, answer) in enumerate(zip(words, answers)):
        seen = {name: tensor[row].clone() for name, tensor in vectors.items()}
        common = (word, answer, logits[row].clone(), seen)
        if is_mamba:
            traces.append(
                MambaTrace(*common, {name: _one(choice, row) for name, choice in patterns.items()})
            )
        else:
            traces.append(
                TransformerTrace(*common, *(_stacked(patterns, *part, row) for part in PARTS))
            )
    return traces


def _keepers(kept: dict[str, Any], names: Iterable[str]) -> dict[str, Callable[[Any], Any]]:
    """For each name a function that stores what passes through it, unchanged."""

    def keeper(name: str) -> Callable[[Any], Any]:
        return lambda value: kept.setdefault(name, value)

    return {name: keeper(name) for name in names}


def _stacked(patterns: Mapping[str, Tensor], stack: str, part: str, row: int) -> Tensor:
    return torch.stack(
        [
            weights[row]
            for name, weights in patterns.items()
            if name.startswith(stack) and name.endswith(part)
        ]
    )


def _one(choice: SSMTrace, row: int) -> SSMTrace:
    """One word of a batch."""
    own = {name: getattr(choice, name)[row : row + 1].clone() for name in ("x", "delta", "B", "C")}
    return replace(choice, A=choice.A.detach().clone(), D=choice.D.detach().clone(), **own)


def trace_ssm(
    model: Mamba, word: str, written: str | None = None
) -> tuple[dict[str, SSMTrace], list[int]]:
    """What the selective SSMs of `model` choose while it reads `word` and spells the answer, and
    the signs that it reads.

    Returns:
        For each layer, by name, its `SSMTrace` of one word (b = 1), and the tokens it read: `word
        <EOS> <SOS> written`.
    """
    found = trace(model, word, written=written)
    return dict(found.ssm), [
        *VOCABULARY.encode(word),
        VOCABULARY.eos,
        VOCABULARY.sos,
        *_tokens(found.written),
    ]
