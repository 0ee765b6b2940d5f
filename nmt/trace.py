"""Looking into a model while it works: what each selective SSM chose for each letter."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

import torch

from nmt.data import VOCABULARY
from nmt.decoding import evaluating, greedy_decode
from nmt.mamba import Mamba
from nmt.selective_ssm import SelectiveSSM, SSMTrace, TraceHook


@contextmanager
def hooked(layer: SelectiveSSM, hook: TraceHook) -> Iterator[None]:
    """Let `hook` see, or change, what `layer` chooses inside the block; the layer's own hook is back afterwards."""
    before, layer.trace_hook = layer.trace_hook, hook
    try:
        yield
    finally:
        layer.trace_hook = before


def trace_ssm(model: Mamba, word: str, written: str | None = None) -> tuple[dict[str, SSMTrace], list[int]]:
    """Everything that the selective SSMs of `model` choose while it reads `word` and spells the answer.

    Args:
        model: a trained model.
        word: made of a–z and dashes.
        written: the letters to give it as already written; None takes its own answer.

    Returns:
        For each layer, by name, its `SSMTrace` of one word (b = 1), and the tokens it read: `word <EOS> <SOS> written`.

    Raises:
        ValueError: for an empty word or a character outside the vocabulary.
    """
    answer = greedy_decode(model, [word])[0] if written is None else written
    source = [*VOCABULARY.encode(word), VOCABULARY.eos]
    target = [VOCABULARY.sos, *(VOCABULARY.encode(answer) if answer else [])]
    traces: dict[str, SSMTrace] = {}

    def keep(name: str, trace: SSMTrace) -> SSMTrace:
        traces[name] = trace
        return trace

    device = next(model.parameters()).device
    with ExitStack() as stack, evaluating(model):
        for name, layer in model.ssm_layers().items():
            stack.enter_context(hooked(layer, partial(keep, name)))
        model(torch.tensor([source], device=device), torch.tensor([target], device=device))
    return traces, source + target
