"""The selective SSM: how it starts, where Δ comes from, and configs that it refuses."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from nmt.selective_ssm import MambaConfig, SelectiveSSM

SMALL = MambaConfig(hidden_size=8, num_layers=2, state_size=4, kernel_size=3, dropout=0.0)


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


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"delta_rank": -1}, "delta_rank"),
        ({"delta_rank": 10**9}, "delta_rank must be 0 to 1,024"),
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
    """`start_training` looks for the mark; vectors, such as the bias of Δ, need none."""
    ssm = SelectiveSSM(SMALL)
    assert ssm.A_log.no_weight_decay and ssm.D.no_weight_decay and ssm.delta_bias.ndim == 1
    assert not hasattr(ssm.select.weight, "no_weight_decay")
