"""Looking into a model while it works: where it attends, what its states keep, its vectors.

street = trace(model, "street")       # while it spells its own answer
street.attention("cross")             # (layers, heads, letters written, letters read)
trace(model, words, truth=True)       # many words, each with the right answer before its eyes
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from nmt.batches import rows_alike
from nmt.data import VOCABULARY
from nmt.decoding import Seq2Seq, evaluating, greedy_decode
from nmt.hidden_attention import hidden_attention
from nmt.interventions import replace_choices, replace_patterns, replace_vectors
from nmt.mamba import Mamba
from nmt.pig_latin import to_pig_latin
from nmt.selective_ssm import SSMTrace

KINDS = ("encoder", "decoder", "cross")
# of a transformer's layers, in the order of KINDS
PARTS = (("encoder", "self"), ("decoder", "self"), ("decoder", "cross"))
GROUPS = 4  # of Mamba's channels, where they stand beside heads
BATCH = 250  # words traced side by side
Common = tuple[str, str, Tensor, dict[str, Tensor]]  # what every `Trace` begins with


@dataclass(frozen=True, eq=False)
class Trace:
    """One word on its way through a model, teacher-forced over `written`.

    `source` and `target` name the tokens that were read, `asked` the token that should follow each
    of `target`; `predicted` is what the model would have written there. `vectors` holds what comes
    out of each layer, by name: rows in reading order.
    """

    word: str
    written: str
    logits: Float[Tensor, "t v"] = field(repr=False)
    vectors: Mapping[str, Float[Tensor, "_ d"]] = field(repr=False)

    @property
    def source(self) -> list[str]:
        """Labels of the tokens read first: letters, `<EOS>`."""
        return [*self.word, VOCABULARY.token(VOCABULARY.eos)]

    @property
    def target(self) -> list[str]:
        """Labels of the tokens read while writing: `<SOS>`, letters."""
        return [VOCABULARY.token(VOCABULARY.sos), *split_tokens(self.written)]

    @property
    def asked(self) -> list[str]:
        """For each of `target` the token that comes next: letters, `<EOS>`."""
        return [*split_tokens(self.written), VOCABULARY.token(VOCABULARY.eos)]

    @property
    def predicted(self) -> list[str]:
        """For each of `target` the most probable next token."""
        return [VOCABULARY.token(number) for number in self.logits.argmax(dim=-1).tolist()]

    def attention(self, kind: str, groups: int | None = None) -> Float[Tensor, "layers h q s"]:
        """Who looks at whom: "encoder", "decoder" (both at themselves), "cross" (at the source)."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class TransformerTrace(Trace):
    """A transformer's attention weights: each row of each head sums to 1."""

    encoder: Float[Tensor, "encoder_layers h s s"] = field(repr=False)
    decoder: Float[Tensor, "decoder_layers h t t"] = field(repr=False)
    cross: Float[Tensor, "decoder_layers h t s"] = field(repr=False)

    def attention(self, kind: str, groups: int | None = None) -> Float[Tensor, "layers h q s"]:
        """The weights of one kind; ValueError for an unknown one, or if `groups` are asked for."""
        _check_kind(kind)
        if groups is not None:
            raise ValueError(
                "a transformer has heads of its own; only Mamba's channels make groups"
            )
        return {"encoder": self.encoder, "decoder": self.decoder, "cross": self.cross}[kind]


@dataclass(frozen=True, eq=False)
class MambaTrace(Trace):
    """What each selective SSM chose while Mamba read l tokens: `source`, then `target`."""

    ssm: Mapping[str, SSMTrace] = field(repr=False)

    @property
    def delta(self) -> Float[Tensor, "layers l e"]:
        """The step sizes Δ."""
        return torch.stack([layer.delta[0] for layer in self.ssm.values()])

    @property
    def decay(self) -> Float[Tensor, "layers l e n"]:
        """Ā: the share of each state that survives the step."""
        return torch.stack([layer.decay[0] for layer in self.ssm.values()])

    def hidden_attention(self, *, with_skip: bool = False) -> Float[Tensor, "layers e l l"]:
        """`hidden_attention` of every layer."""
        ssms = self.ssm.values()
        return torch.cat([hidden_attention(ssm, with_skip=with_skip) for ssm in ssms])

    def channel_groups(self, groups: int = GROUPS) -> list[list[list[int]]]:
        """For each layer its channels in `groups` groups, from the shortest memory to the longest.

        A channel's memory is its mean |Ā| over states and tokens, of this word.
        """
        channels = self.decay.shape[2]
        if not 1 <= groups <= channels:
            raise ValueError(f"{channels} channels make 1 to {channels} groups, not {groups}")
        order = self.decay.abs().mean(dim=(1, 3)).argsort(dim=1, stable=True)  # (layers, e)
        return [[part.tolist() for part in layer.tensor_split(groups)] for layer in order]

    def attention(self, kind: str, groups: int | None = None) -> Float[Tensor, "layers g q s"]:
        """The hidden attention of channel groups, as weights to lay beside a transformer's heads.

            weight_{t,s} = Σ_{c in group} |α_{c,t,s}| / Σ_{s′ ≤ t} Σ_{c in group} |α_{c,t,s′}|

        Mamba reads one sequence, `source` then `target`: "encoder" is the part of the triangle
        where source looks at source, "cross" where target looks at source, "decoder" where target
        looks at target. So a row of "cross" and the same row of "decoder" together sum to 1.

        The groups are those of `channel_groups`; None makes 4 of them.
        """
        _check_kind(kind)
        strength = self.hidden_attention().abs()  # (layers, e, l, l)
        chosen = self.channel_groups(GROUPS if groups is None else groups)
        sums = [
            torch.stack([layer[part].sum(dim=0) for part in parts])
            for layer, parts in zip(strength, chosen)
        ]
        weights = torch.stack(sums)  # (layers, g, l, l)
        total = weights.sum(dim=-1, keepdim=True)
        weights = weights / total.clamp(min=torch.finfo(weights.dtype).tiny)
        length = len(self.source)
        rows = slice(None, length) if kind == "encoder" else slice(length, None)
        columns = slice(length, None) if kind == "decoder" else slice(None, length)
        return weights[:, :, rows, columns]


def split_tokens(written: str) -> list[str]:
    """The tokens of an answer; an untrained model may write `<SOS>` among its letters."""
    return re.findall(r"<SOS>|.", written)


def _numbers(written: str) -> list[int]:
    sos, encode = VOCABULARY.sos, VOCABULARY.encode
    return [sos if token == "<SOS>" else encode(token)[0] for token in split_tokens(written)]


def _check_kind(kind: str) -> None:
    if kind not in KINDS:
        raise ValueError(f"unknown kind of attention {kind!r}; choose one of {', '.join(KINDS)}")


def trace(
    model: Seq2Seq,
    words: str | Sequence[str],
    *,
    written: str | Sequence[str] | None = None,
    truth: bool = False,
) -> Any:
    """Record what `model` does with one word, or with each of many of any lengths.

    Args:
        model: any model; interventions around the call are seen in the trace.
        words: a word of a–z and dashes, or a list of words.
        written: what counts as already written; without it the model's own greedy answer.
        truth: take what the rule says instead of the model's own answer.

    Returns a `TransformerTrace` or a `MambaTrace`: one for one word, a list for a list. Raises
    ValueError for a bad word, answers that do not fit the words, or `written` and `truth`.
    """
    if isinstance(words, str):
        own = None if written is None else [str(written)]
        return trace(model, [words], written=own, truth=truth)[0]
    if not all(words):
        raise ValueError("a word is empty; there is nothing to trace")
    if written is not None and truth:
        raise ValueError("give the written letters, or ask for the true ones, not both")
    if written is None:
        written = [to_pig_latin(word) for word in words] if truth else greedy_decode(model, words)
    if isinstance(written, str) or len(written) != len(words):
        raise ValueError(f"{len(words)} words need a list of as many answers")
    # Words of one length with answers of one length go side by side, as in a batch.
    shapes = [(len(word), len(split_tokens(answer))) for word, answer in zip(words, written)]
    found: dict[int, Trace] = {}
    for rows in rows_alike(shapes, BATCH):
        batch = [words[row] for row in rows], [written[row] for row in rows]
        found.update(zip(rows, _trace_batch(model, *batch)))
    return [found[row] for row in range(len(words))]


def _trace_batch(model: Any, words: list[str], answers: list[str]) -> list[Trace]:
    """Words of one length with answers of one length, in one pass."""
    source = torch.tensor([[*VOCABULARY.encode(word), VOCABULARY.eos] for word in words])
    target = torch.tensor([[VOCABULARY.sos, *_numbers(answer)] for answer in answers])
    stacks = ("encoder", "decoder", "blocks")
    blocks = [name for name, _ in model.named_modules() if name.rpartition(".")[0] in stacks]
    layers, watch, as_trace = (
        (model.ssm_layers(), replace_choices, _mamba_trace)
        if model.kind == "mamba"
        else (model.attention_layers(), replace_patterns, _transformer_trace)
    )
    seen: dict[str, Any] = {}  # by layer: weights (b, h, q, s), or the choices of an SSM
    vectors: dict[str, Tensor] = {}
    with (
        evaluating(model),
        watch(model, _keepers(seen, layers)),
        replace_vectors(model, _keepers(vectors, blocks)),
    ):
        logits = model(source.to(model.device), target.to(model.device))  # (b, t, v)
    traces = []
    for row, (word, answer) in enumerate(zip(words, answers)):
        own = {name: tensor[row].clone() for name, tensor in vectors.items()}
        traces.append(as_trace((word, answer, logits[row].clone(), own), seen, row))
    return traces


def _keepers(kept: dict[str, Any], names: Iterable[str]) -> dict[str, Callable[[Any], Any]]:
    """For each name a function that stores what passes through it, unchanged."""

    def keeper(name: str) -> Callable[[Any], Any]:
        return lambda value: kept.setdefault(name, value)

    return {name: keeper(name) for name in names}


def _transformer_trace(common: Common, weights: Mapping[str, Tensor], row: int) -> Trace:
    def stacked(stack: str, part: str) -> Tensor:
        names = [name for name in weights if name.startswith(stack) and f".{part}_" in name]
        return torch.stack([weights[name][row] for name in names])  # (layers, h, q, s)

    return TransformerTrace(*common, *(stacked(*part) for part in PARTS))


def _mamba_trace(common: Common, choices: Mapping[str, SSMTrace], row: int) -> Trace:
    def one(choice: SSMTrace) -> SSMTrace:
        batched = ("x", "delta", "B", "C")
        own = {name: getattr(choice, name)[row : row + 1].clone() for name in batched}
        return replace(choice, A=choice.A.detach().clone(), D=choice.D.detach().clone(), **own)

    return MambaTrace(*common, {name: one(choice) for name, choice in choices.items()})


def trace_ssm(
    model: Mamba, word: str, written: str | None = None
) -> tuple[dict[str, SSMTrace], list[int]]:
    """What the SSMs of `model` choose while it reads `word` and spells the answer.

    Returns each layer's `SSMTrace` of one word (b = 1), by name, and the numbers of the tokens that
    were read: `word <EOS> <SOS> written`.
    """
    found = trace(model, word, written=written)
    read = [*VOCABULARY.encode(word), VOCABULARY.eos, VOCABULARY.sos, *_numbers(found.written)]
    return dict(found.ssm), read
