"""Traces: what each layer chose, seen without changing it."""

from dataclasses import replace

import pytest
import torch

from nmt.data import VOCABULARY
from nmt.decoding import evaluating
from nmt.mamba import Mamba, MambaConfig
from nmt.trace import hooked, trace_ssm


@pytest.fixture
def model() -> Mamba:
    torch.manual_seed(0)
    return Mamba(MambaConfig(hidden_size=8, num_layers=2, state_size=4, dropout=0.5))


def test_a_trace_has_one_entry_for_each_sign_and_layer(model: Mamba) -> None:
    traces, signs = trace_ssm(model, "street", "eets")
    assert [VOCABULARY.token(sign) for sign in signs] == [*"street", "<EOS>", "<SOS>", *"eets"]
    assert list(traces) == ["blocks.0.ssm", "blocks.1.ssm"]
    assert all(trace.delta.shape == (1, 12, 16) for trace in traces.values())
    assert model.training, "the mode of the model must be given back"
    assert all(layer.trace_hook is None for layer in model.ssm_layers().values())


def test_the_recurrence_of_a_trace_gives_the_layers_output(model: Mamba) -> None:
    traces, signs = trace_ssm(model, "ox", "ox")
    trace, layer = traces["blocks.1.ssm"], model.ssm_layers()["blocks.1.ssm"]
    with evaluating(model):
        decay, weight = trace.discretize()
        state, outputs = torch.zeros(16, 4), []
        for t in range(len(signs)):
            state = decay[0, t] * state + weight[0, t] * trace.x[0, t, :, None]
            outputs.append(state @ trace.C[0, t] + trace.D * trace.x[0, t])
        expected, _ = layer(trace.x, torch.zeros(1, 16, 4))
    torch.testing.assert_close(torch.stack(outputs)[None], expected, atol=1e-5, rtol=1e-4)


def test_a_hook_is_taken_away_after_an_error_too(model: Mamba) -> None:
    layer = model.ssm_layers()["blocks.0.ssm"]
    with pytest.raises(RuntimeError), hooked(layer, lambda trace: replace(trace, delta=0 * trace.delta)):
        assert layer.trace_hook is not None
        raise RuntimeError
    assert layer.trace_hook is None


def test_words_outside_the_vocabulary_are_refused(model: Mamba) -> None:
    with pytest.raises(ValueError, match="é"):
        trace_ssm(model, "café", "")
    with pytest.raises(ValueError):
        trace_ssm(model, "", "a")
