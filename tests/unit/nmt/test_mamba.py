"""Mamba: one pass and letter by letter agree, nothing looks ahead, equal to published code."""

import itertools
import random
from dataclasses import replace

import mambapy.mamba
import pytest
import torch
import torch.nn.functional as F

from nmt.batches import Batch
from nmt.data import WordPair
from nmt.mamba import CausalConvolution, Mamba, MambaBlock, MambaConfig
from nmt.scan import WRONG
from nmt.selective_ssm import (
    A_STARTS,
    DELTA_SOURCES,
    DISCRETIZATIONS,
    SCAN_METHODS,
)
from nmt.training import TrainingConfig, start_training, token_loss

SMALL = MambaConfig(hidden_size=8, num_layers=2, state_size=4, kernel_size=3, dropout=0.0)
BATCH = Batch.of([WordPair.of(word) for word in ("street", "school", "sphere")])


def model_of(config: MambaConfig, seed: int = 0) -> Mamba:
    torch.manual_seed(seed)
    return Mamba(config).double().eval()


VARIANTS = [
    *({"delta": delta} for delta in DELTA_SOURCES),
    *({"discretization": rule} for rule in DISCRETIZATIONS),
    *({"scan": method} for method in SCAN_METHODS),
    *({"a_start": start} for start in A_STARTS),
    {"a_learned": False},
    {"delta_scaled": True},
    {"b_and_c": "constant"},
    {"b_and_c": "constant", "delta": "constant"},
    {"gate": False},
    {"bias": True},
    {"kernel_size": 1},
    {"expansion": 1, "delta_rank": 3},
]
name_of = lambda variant: ", ".join(f"{key}={value}" for key, value in variant.items())  # noqa: E731


@pytest.mark.parametrize("variant", VARIANTS, ids=name_of)
def test_step_by_step_gives_the_logits_of_one_pass(variant: dict) -> None:
    model = model_of(replace(SMALL, **variant))
    with torch.no_grad():
        together = model(BATCH.source, BATCH.target)
        cache = model.start(BATCH.source)
        for position, token in enumerate(BATCH.target.unbind(1)):
            logits, cache = model.step(token, cache)
            # its clamped log 0 depends on where a scan begins
            tolerance = 1e-6 if model.config.scan == "heinsen" else 1e-12
            torch.testing.assert_close(
                logits, together[:, position], atol=tolerance, rtol=tolerance
            )


def test_choices_in_any_combination_train_a_step() -> None:
    """A sample of all combinations, in which each two values of two choices meet."""
    both = (True, False)
    sources = DELTA_SOURCES, ("input", "constant"), A_STARTS
    everything = list(itertools.product(*sources, both, both, both, DISCRETIZATIONS))
    sample = random.Random(0).sample(everything, 120)
    assert len(pairs_in(sample)) == len(pairs_in(everything))
    names = ("delta", "b_and_c", "a_start", "a_learned", "gate", "delta_scaled", "discretization")
    for values in sample:
        chosen = dict(zip(names, values), dropout=0.1, inner_dropout=0.1)
        config = replace(SMALL, **chosen, num_layers=1)
        torch.manual_seed(0)
        model = Mamba(config)
        state = start_training(model, TrainingConfig(weight_decay=0.1))
        before = {name: p.detach().clone() for name, p in model.named_parameters()}
        loss = token_loss(model, BATCH) / 10
        loss.backward()
        state.optimizer.step()
        assert torch.isfinite(loss)
        unmoved = {name for name, p in model.named_parameters() if torch.equal(p, before[name])}
        assert unmoved == (set() if config.a_learned else {"blocks.0.ssm.A_log"}), config


def pairs_in(combinations: list[tuple]) -> set:
    return {pair for each in combinations for pair in itertools.combinations(enumerate(each), 2)}


@pytest.mark.parametrize("precision", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("rule", ["mixed", "zoh"])
def test_half_precision_is_the_same_with_fewer_digits(precision: torch.dtype, rule: str) -> None:
    model = model_of(replace(SMALL, discretization=rule)).float()
    words = BATCH.source, BATCH.target
    exact = model(*words).detach()
    with torch.autocast("cpu", precision):
        mixed = model(*words)
        mixed.float().square().sum().backward()
    torch.testing.assert_close(mixed.float().detach(), exact, rtol=0.1, atol=0.1)
    halved = model.to(precision)(*words)
    assert halved.dtype == precision
    torch.testing.assert_close(halved.float().detach(), exact, rtol=0.1, atol=0.1)


def test_all_scan_methods_and_the_fused_one_agree() -> None:
    reference = model_of(SMALL)(BATCH.source, BATCH.target)
    for method in set(SCAN_METHODS) - set(WRONG):
        model = model_of(replace(SMALL, scan=method))
        tolerance = 1e-3 if method == "heinsen" else 1e-10
        torch.testing.assert_close(
            model(BATCH.source, BATCH.target), reference, atol=tolerance, rtol=tolerance
        )


@pytest.mark.parametrize("variant", VARIANTS, ids=name_of)
def test_a_later_letter_changes_nothing_before_it(variant: dict) -> None:
    model = model_of(replace(SMALL, **variant))
    changed = BATCH.target.clone()
    changed[:, 5] = (changed[:, 5] + 1) % 26
    with torch.no_grad():
        logits, other = model(BATCH.source, BATCH.target), model(BATCH.source, changed)
    torch.testing.assert_close(logits[:, :5], other[:, :5], atol=0, rtol=0)
    assert (logits[:, 5:] != other[:, 5:]).any(dim=-1).all()


def copy_from_mambapy(
    block: MambaBlock, norm_weight: torch.Tensor, theirs: mambapy.mamba.MambaBlock
) -> None:
    ssm, mixed = block.ssm, theirs.conv1d
    with torch.no_grad():
        for ours, value in (
            (block.norm.weight, norm_weight),
            (block.widen.weight, theirs.in_proj.weight),
            (block.convolution.weight, mixed.weight[:, 0].T),
            (block.convolution.bias, mixed.bias),
            (ssm.select.weight, theirs.x_proj.weight),
            (ssm.to_delta.weight, theirs.dt_proj.weight),
            (ssm.delta_bias, theirs.dt_proj.bias),
            (ssm.A_log, theirs.A_log),
            (ssm.D, theirs.D),
            (block.narrow.weight, theirs.out_proj.weight),
        ):
            ours.copy_(value)


@pytest.mark.parametrize(("state_size", "kernel_size", "rank"), [(16, 4, 0), (5, 2, 3)])
def test_agrees_with_mambapy(state_size: int, kernel_size: int, rank: int) -> None:
    """With the same weights the stack computes what PyPI's `mambapy` computes, in float64."""
    torch.set_default_dtype(torch.float64)
    try:
        sizes = {"state_size": state_size, "kernel_size": kernel_size, "delta_rank": rank}
        config = MambaConfig(hidden_size=24, num_layers=3, dropout=0.0, **sizes)
        torch.manual_seed(1)
        their_sizes = {"d_state": state_size, "d_conv": kernel_size, "dt_rank": config.rank}
        theirs = mambapy.mamba.Mamba(
            mambapy.mamba.MambaConfig(d_model=24, n_layers=3, pscan=False, **their_sizes)
        )
        for parameter in theirs.parameters():
            parameter.data.copy_(parameter.data + 0.1 * torch.randn_like(parameter))
        model = Mamba(config)
        for block, layer in zip(model.blocks, theirs.layers, strict=True):
            copy_from_mambapy(block, layer.norm.weight, layer.mixer)
        tokens = torch.randint(0, 29, (4, 13))
        hidden, _ = model._read(tokens, model._nothing_read(4))
        vectors = model.embedding(tokens).detach()
        expected = run_in_float64(theirs, vectors)
        torch.testing.assert_close(hidden, expected, atol=1e-9, rtol=1e-9)
    finally:
        torch.set_default_dtype(torch.float32)


def run_in_float64(theirs: mambapy.mamba.Mamba, vectors: torch.Tensor) -> torch.Tensor:
    """Their model with `A_log.float()` and `D.float()` undone, which would leave seven digits."""
    patch = pytest.MonkeyPatch()
    patch.setattr(torch.Tensor, "float", lambda tensor: tensor)
    try:
        return theirs(vectors)
    finally:
        patch.undo()


def test_convolution_equals_torchs() -> None:
    torch.manual_seed(0)
    convolution = CausalConvolution(6, 4).double()
    x = torch.randn(2, 9, 6, dtype=torch.float64)
    output, window = convolution(x, torch.zeros(2, 3, 6, dtype=torch.float64))
    padded = F.pad(x.transpose(1, 2), (3, 0))
    expected = F.conv1d(
        padded, convolution.weight.T[:, None], convolution.bias, groups=6
    ).transpose(1, 2)
    torch.testing.assert_close(output, expected)
    assert torch.equal(window, x[:, -3:])


def test_cache_keeps_chosen_words_and_never_grows() -> None:
    model = model_of(SMALL)
    cache = model.start(BATCH.source)
    sizes = []
    for token in BATCH.target.unbind(1):
        _, cache = model.step(token, cache)
        sizes.append(sum(block.state.numel() + block.window.numel() for block in cache.blocks))
    assert len(set(sizes)) == 1
    rows = torch.tensor([2, 0])
    token = torch.tensor([1, 2])
    kept = model.step(token, cache.select(rows))[0]
    everyone = model.step(torch.tensor([2, 0, 1]), cache)[0]
    torch.testing.assert_close(kept, everyone[rows])


def test_parameter_count_of_the_original_course() -> None:
    """Width 64, two layers, kernel 4, expansion 2, a state as wide as the model, biases."""
    model = Mamba(MambaConfig(state_size=64, bias=True))
    assert sum(parameter.numel() for parameter in model.parameters()) == 106_981
    assert "106,981" in model.summary()


def test_each_dropout_acts_in_training_only() -> None:
    for option in ("dropout", "inner_dropout"):
        model = model_of(replace(SMALL, **{option: 0.5}))
        torch.testing.assert_close(
            model(BATCH.source, BATCH.target), model_of(SMALL)(BATCH.source, BATCH.target)
        )
        model.train()
        assert not torch.equal(model(BATCH.source, BATCH.target), model(BATCH.source, BATCH.target))
