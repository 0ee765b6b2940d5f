"""Mamba's hidden attention: multiplied with the input, it is the layer."""

from dataclasses import replace

import pytest
import torch

from nmt.decoding import evaluating
from nmt.hidden_attention import hidden_attention
from nmt.mamba import Mamba, MambaConfig
from nmt.selective_ssm import DISCRETIZATIONS, SSMTrace
from nmt.trace import trace


def random_choice(rule: str) -> SSMTrace:
    torch.manual_seed(0)
    b, length, e, n = 2, 9, 5, 3
    x, B, C, D = (torch.randn(size).double() for size in ((b, length, e), *2 * [(b, length, n)], e))
    return SSMTrace(
        x, torch.rand(b, length, e).double(), -0.1 - torch.rand(e, n).double(), B, C, D, rule
    )


@pytest.mark.parametrize("rule", DISCRETIZATIONS)
def test_hidden_attention_rebuilds_the_output_of_every_layer(rule: str) -> None:
    torch.manual_seed(1)
    model = Mamba(MambaConfig(hidden_size=16, num_layers=3, state_size=4, discretization=rule))
    found = trace(model, "strengths", written="engthsstray")
    for name, layer in model.ssm_layers().items():
        choice = found.ssm[name]
        alpha = hidden_attention(choice)
        rebuilt = torch.einsum("bets,bse->bte", alpha, choice.x.double()) + choice.D * choice.x
        with evaluating(model):
            output, _ = layer(choice.x, torch.zeros(1, *choice.A.shape))
        torch.testing.assert_close(rebuilt.float(), output.clone(), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("rule", DISCRETIZATIONS)
def test_every_entry_is_the_answer_to_a_single_impulse(rule: str) -> None:
    choice = random_choice(rule)
    alpha, (decay, gain) = hidden_attention(choice), choice.discretize()
    for s in range(9):
        state = torch.zeros(2, 5, 3, dtype=torch.float64)
        for t in range(9):
            state = decay[:, t] * state + gain[:, t] * float(t == s)
            expected = torch.einsum("ben,bn->be", state, choice.C[:, t])
            torch.testing.assert_close(alpha[:, :, t, s], expected)


def test_the_skip_stands_on_the_diagonal_alone() -> None:
    choice = random_choice("mixed")
    extra = hidden_attention(choice, with_skip=True) - hidden_attention(choice)
    expected = torch.diag_embed(choice.D.double()[:, None].expand(5, 9)).expand(2, 5, 9, 9)
    torch.testing.assert_close(extra, expected)


@pytest.mark.parametrize("rule", DISCRETIZATIONS)
def test_states_that_decay_alike_need_only_one(rule: str) -> None:
    choice = random_choice(rule)
    alike = replace(choice, A=choice.A[:, :1].expand_as(choice.A))
    # not equal, so that it takes the long way
    nearly = replace(alike, A=alike.A * (1 + 1e-13 * torch.arange(3, dtype=torch.float64)))
    assert not torch.equal(alike.A, nearly.A)
    ours, theirs = hidden_attention(alike), hidden_attention(nearly)
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)
