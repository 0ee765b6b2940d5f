"""Changing a model while it works: its attention weights, step sizes, vectors; and back again.

Each context manager takes a function for each named part. Inside the block the part's own result
goes through the function; functions of an outer block are applied first. When the block ends, also
by an error, everything is back.

    with replace_patterns(model, {"decoder.1.cross_attention": switch_off(2)}):
        greedy_decode(model, words)          # what is lost without head 2 of that layer?
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from nmt.attention import PatternHook
from nmt.mamba import Mamba
from nmt.selective_ssm import TraceHook
from nmt.transformer import DecoderLayer, Transformer


@contextmanager
def replace_patterns(model: Transformer, functions: Mapping[str, PatternHook]) -> Iterator[None]:
    """Inside the block, attention weights of each named layer go through its function.

    Args:
        model: a transformer.
        functions: for names of `model.attention_layers()`, a function from weights (b, h, q, s) to
            weights of the same shape.

    Raises:
        ValueError: for an unknown name, before anything is changed.
    """
    with _through(model.attention_layers(), "pattern_hook", functions):
        yield


@contextmanager
def replace_choices(model: Mamba, functions: Mapping[str, TraceHook]) -> Iterator[None]:
    """Inside the block, what each named selective SSM chooses goes through its function.

    Args:
        model: a Mamba model.
        functions: for names of `model.ssm_layers()`, a function from `SSMTrace` to `SSMTrace`;
            `dataclasses.replace` makes the new one.

    Raises:
        ValueError: for an unknown name, before anything is changed.
    """
    with _through(model.ssm_layers(), "trace_hook", functions):
        yield


@contextmanager
def replace_vectors(
    model: nn.Module, functions: Mapping[str, Callable[[Tensor], Tensor]]
) -> Iterator[None]:
    """Inside the block, the vectors (b, l, d) out of each named module go through its function.

    Of a module that returns vectors and a cache, the vectors. Gives one word the vectors of
    another: "activation patching".

    Args:
        model: any model.
        functions: for names of modules, such as "embedding", "encoder.0", "decoder.1" or
            "blocks.0", a function from vectors to vectors.

    Raises:
        ValueError: for an unknown name, before anything is changed.

    Source: Meng et al. 2022, arXiv 2202.05262, §2.1 ("causal tracing").
    """
    modules = dict(model.named_modules())
    _check_names(modules, functions)
    with ExitStack() as stack:
        for name, function in functions.items():
            stack.enter_context(_changed_output(modules[name], function))
        yield


@contextmanager
def _changed_output(module: nn.Module, function: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """A forward hook; and since hooks do not see a decoder layer's `step`, that is wrapped too."""

    def changed(output: Any) -> Any:
        return (function(output[0]), *output[1:]) if isinstance(output, tuple) else function(output)

    handle = module.register_forward_hook(lambda _module, _inputs, output: changed(output))
    before = dict(vars(module))
    if isinstance(module, DecoderLayer):
        step = module.step
        vars(module)["step"] = lambda *inputs: changed(step(*inputs))
    try:
        yield
    finally:
        handle.remove()
        vars(module).pop("step", None)
        vars(module).update({"step": before["step"]} if "step" in before else {})


@contextmanager
def _through(
    layers: Mapping[str, Any], attribute: str, functions: Mapping[str, Callable[[Any], Any]]
) -> Iterator[None]:
    """Put each function behind the hook that its layer already has, for the length of a block."""
    _check_names(layers, functions)
    before = {name: getattr(layers[name], attribute) for name in functions}
    try:
        for name, function in functions.items():
            setattr(layers[name], attribute, _chain(before[name], function))
        yield
    finally:
        for name, hook in before.items():
            setattr(layers[name], attribute, hook)


def _chain(
    first: Callable[[Any], Any] | None, second: Callable[[Any], Any]
) -> Callable[[Any], Any]:
    return second if first is None else lambda value: second(first(value))


def _check_names(known: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
    unknown = [name for name in asked if name not in known]
    if unknown:
        names = ", ".join(name for name in known if name)
        raise ValueError(f"no part is called {unknown[0]!r}; choose from {names}")


def switch_off(*heads: int) -> PatternHook:
    """Give the named heads no weight at all: they add nothing to the layer's output."""

    def function(weights: Float[Tensor, "b h q s"]) -> Float[Tensor, "b h q s"]:
        return _with_heads(weights, heads, torch.zeros_like(weights))

    return function


def spread_evenly(*heads: int, causal: bool = False) -> PatternHook:
    """Let the named heads look everywhere alike: 1/s on each of s keys (`causal`: not ahead)."""

    def function(weights: Float[Tensor, "b h q s"]) -> Float[Tensor, "b h q s"]:
        queries, keys = weights.shape[-2:]
        allowed = torch.ones(queries, keys, dtype=weights.dtype, device=weights.device)
        allowed = allowed.tril(diagonal=keys - queries) if causal else allowed
        even = allowed / allowed.sum(dim=-1, keepdim=True)  # (q, s)
        return _with_heads(weights, heads, even.expand_as(weights))

    return function


def look_at(pattern: Float[Tensor, "*batch q s"], *heads: int) -> PatternHook:
    """Give the named heads a pattern of your own, such as the ideal one.

    Args:
        pattern: weights (q, s) for every word, or (b, q, s), one for each. Queries after the
            pattern's last keep the model's weights, so that a decoder may write on. Decode with
            `use_cache=False`: with a cache each query comes alone, as if it were the first.
        heads: which heads; all, where none is named.
    """

    def function(weights: Float[Tensor, "b h q s"]) -> Float[Tensor, "b h q s"]:
        rows = min(weights.shape[-2], pattern.shape[-2])
        if pattern.shape[-1] != weights.shape[-1]:
            keys = f"{pattern.shape[-1]} keys, but this layer has {weights.shape[-1]}"
            raise ValueError(f"the pattern has {keys}")
        changed = weights.clone()
        changed[:, :, :rows] = pattern[..., None, :rows, :].to(weights)
        return _with_heads(weights, heads, changed)

    return function


def redirect(places: Sequence[Mapping[int, int]], *heads: int) -> PatternHook:
    """Turn single looks: in each word, the named queries put all their weight on one key each.

    Args:
        places: for each word a mapping from query to key; other queries keep the model's weights.
        heads: which heads; all, where none is named.
    """

    def function(weights: Float[Tensor, "b h q s"]) -> Float[Tensor, "b h q s"]:
        if len(places) != len(weights):
            sizes = f"{len(places)} words, but the batch has {len(weights)}"
            raise ValueError(f"places are given for {sizes}")
        changed = weights.clone()
        for row, turned in enumerate(places):
            for query, key in turned.items():
                if not (0 <= query < weights.shape[-2] and 0 <= key < weights.shape[-1]):
                    raise ValueError(
                        f"word {row}: query {query} or key {key} is outside {weights.shape[-2]}"
                        f" queries by {weights.shape[-1]} keys"
                    )
                changed[row, :, query] = 0
                changed[row, :, query, key] = 1
        return _with_heads(weights, heads, changed)

    return function


def _with_heads(weights: Tensor, heads: tuple[int, ...], changed: Tensor) -> Tensor:
    """`weights`, with the named heads (all, where none is named) taken from `changed`."""
    beyond = [head for head in heads if not 0 <= head < weights.shape[1]]
    if beyond:
        last = weights.shape[1] - 1
        raise ValueError(f"there is no head {beyond[0]}; this layer has heads 0 to {last}")
    chosen = torch.zeros(weights.shape[1], dtype=torch.bool, device=weights.device)
    chosen[list(heads or range(weights.shape[1]))] = True
    return torch.where(chosen[:, None, None], changed, weights)
