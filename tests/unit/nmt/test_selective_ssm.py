"""The selective SSM: how it starts, where Δ comes from, its hook, and configs that it refuses."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from nmt.batches import Batch
from nmt.data import WordPair
from nmt.mamba import Mamba
from nmt.selective_ssm import MambaConfig, SelectiveSSM, SSMTrace
from nmt.training import TrainingConfig, start_training

SMALL = MambaConfig(hidden_size=8, num_layers=2, state_size=4, kernel_size=3, dropout=0.0)
BATCH = Batch.of([WordPair.of(word) for word in ("street", "school", "sphere")])


def test_initialisation_follows_the_paper() -> None:
    ssm = SelectiveSSM(MambaConfig(hidden_size=64, state_size=8))
    step = F.softplus(ssm.delta_bias)
    assert step.min() * 1.001 >= 0.001 and step.max() <= 0.1001
    assert step.max() / step.min() > 20  # spread over the range
    torch.testing.assert_close(-ssm.A_log.exp(), -torch.arange(1.0, 9).expand(128, 8))
    assert torch.equal(ssm.D, torch.ones(128))
    flat = SelectiveSSM(MambaConfig(hidden_size=64, a_start="minus-one", a_learned=False))
    assert torch.equal(-flat.A_log.exp(), -torch.ones(128, 16)) and not flat.A_log.requires_grad


def test_delta_comes_from_where_it_should() -> None:
    x, y = torch.randn(2, 6, 16), torch.randn(2, 6, 16)
    cases = ("input", True, False), ("constant", False, False), ("position", False, True)
    for source, from_input, from_position in cases:
        torch.manual_seed(0)
        ssm = SelectiveSSM(replace(SMALL, delta=source))
        delta = ssm.choose(x).delta
        assert (delta > 0).all()
        assert (not torch.equal(delta, ssm.choose(y).delta)) == from_input
        same_letter = x[:, :1].expand(2, 6, 16)
        at_positions = ssm.choose(same_letter).delta
        assert (not torch.allclose(at_positions[:, 0], at_positions[:, 3])) == from_position
        torch.testing.assert_close(ssm.choose(x[:, 2:], start=2).delta, delta[:, 2:])


def test_scaled_delta_is_smaller_by_the_root_of_the_channels() -> None:
    plain, scaled = (SelectiveSSM(replace(SMALL, delta_scaled=flag)) for flag in (False, True))
    scaled.load_state_dict(plain.state_dict())
    x = torch.randn(1, 3, 16)
    torch.testing.assert_close(scaled.choose(x).delta * 16**0.5, plain.choose(x).delta)


def test_hook_sees_every_layer_and_can_intervene() -> None:
    model = Mamba(SMALL).double().eval()
    seen: dict[str, SSMTrace] = {}
    reference = model(BATCH.source, BATCH.target)
    for name, layer in model.ssm_layers().items():
        layer.trace_hook = lambda trace, name=name: seen.setdefault(name, trace)
    torch.testing.assert_close(model(BATCH.source, BATCH.target), reference)
    assert list(seen) == ["blocks.0.ssm", "blocks.1.ssm"]
    trace, length = seen["blocks.1.ssm"], BATCH.source.shape[1] + BATCH.target.shape[1]
    assert trace.delta.shape == trace.x.shape == (3, length, 16)
    assert trace.B.shape == trace.C.shape == (3, length, 4)
    torch.testing.assert_close(trace.decay, (trace.delta[..., None] * trace.A).exp())
    model.ssm_layers()["blocks.1.ssm"].trace_hook = lambda trace: replace(
        trace, delta=0 * trace.delta
    )
    assert not torch.allclose(model(BATCH.source, BATCH.target), reference)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hidden_size": 0}, "hidden_size must be at least 1"),
        ({"num_layers": 0}, "num_layers"),
        ({"state_size": -1}, "state_size"),
        ({"kernel_size": 0}, "kernel_size"),
        ({"expansion": 0}, "expansion"),
        ({"delta_rank": -1}, "delta_rank"),
        ({"delta_rank": 10**9}, "delta_rank must be 0 to 1,024"),
        ({"num_layers": 10**9}, "num_layers must be at most 32 in this course, not 1,000,000,000"),
        ({"state_size": 10**30}, "state_size must be at most 1,024"),
        ({"dropout": 1.0}, "dropout is a probability"),
        ({"inner_dropout": -0.1}, "inner_dropout is a probability"),
        ({"discretization": "euler"}, "unknown discretization 'euler'; choose one of mixed, zoh"),
        ({"scan": "magic"}, "unknown scan"),
        ({"delta": "letter"}, "unknown delta"),
        ({"b_and_c": "random"}, "unknown b_and_c"),
        ({"a_start": "hippo"}, "unknown a_start"),
        ({"delta": "position", "hidden_size": 7}, "even hidden_size"),
    ],
)
def test_impossible_configs_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MambaConfig(**options)


def test_decay_spares_rates_and_skips() -> None:
    model = Mamba(SMALL)
    state = start_training(model, TrainingConfig(weight_decay=0.1))
    groups = state.optimizer.param_groups
    spared = {id(p) for group in groups if group["weight_decay"] == 0 for p in group["params"]}
    for ssm in model.ssm_layers().values():
        assert {id(ssm.A_log), id(ssm.D), id(ssm.delta_bias)} <= spared
        assert id(ssm.select.weight) not in spared
