"""Mamba: every choice can be trained, every scan agrees, and it is equal to published code."""

import itertools
import random

import mambapy.mamba
import pytest
import torch
from tiny import tiny_mamba

from nmt.batches import Batch
from nmt.data import WordPair
from nmt.mamba import Mamba, MambaBlock, MambaConfig
from nmt.scan import WRONG
from nmt.selective_ssm import (
    A_STARTS,
    DELTA_SOURCES,
    DISCRETIZATIONS,
    SCAN_METHODS,
)
from nmt.training import TrainingConfig, start_training, token_loss

BATCH = Batch.of([WordPair.of(word) for word in ("street", "school", "sphere")])


def test_choices_in_any_combination_train_a_step() -> None:
    """A sample of all combinations, in which each two values of two choices meet."""
    both = (True, False)
    sources = DELTA_SOURCES, ("input", "constant"), A_STARTS
    everything = list(itertools.product(*sources, both, both, both, DISCRETIZATIONS))
    sample = random.Random(0).sample(everything, 60)
    assert len(pairs_in(sample)) == len(pairs_in(everything))
    names = ("delta", "b_and_c", "a_start", "a_learned", "gate", "delta_scaled", "discretization")
    for values in sample:
        chosen = dict(zip(names, values), dropout=0.1, inner_dropout=0.1)
        model = tiny_mamba(**chosen, num_layers=1, kernel_size=3).train()
        state = start_training(model, TrainingConfig(weight_decay=0.1))
        before = {name: p.detach().clone() for name, p in model.named_parameters()}
        loss = token_loss(model, BATCH) / 10
        loss.backward()
        state.optimizer.step()
        assert torch.isfinite(loss)
        unmoved = {name for name, p in model.named_parameters() if torch.equal(p, before[name])}
        assert unmoved == (set() if chosen["a_learned"] else {"blocks.0.ssm.A_log"}), chosen


def pairs_in(combinations: list[tuple]) -> set:
    return {pair for each in combinations for pair in itertools.combinations(enumerate(each), 2)}


def test_all_scan_methods_and_the_fused_one_agree() -> None:
    reference = tiny_mamba().double()(BATCH.source, BATCH.target)
    for method in set(SCAN_METHODS) - set(WRONG):
        logits = tiny_mamba(scan=method).double()(BATCH.source, BATCH.target)
        tolerance = 1e-3 if method == "heinsen" else 1e-10
        torch.testing.assert_close(logits, reference, atol=tolerance, rtol=tolerance)


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


def test_the_cache_never_grows() -> None:
    model = tiny_mamba()
    cache, sizes = model.start(BATCH.source), set()
    for token in BATCH.target.unbind(1):
        _, cache = model.step(token, cache)
        sizes.add(sum(block.state.numel() + block.window.numel() for block in cache.blocks))
    assert len(sizes) == 1


def test_parameter_count_of_the_original_course() -> None:
    """Width 64, two layers, kernel 4, expansion 2, a state as wide as the model, biases."""
    model = Mamba(MambaConfig(state_size=64, bias=True))
    assert sum(parameter.numel() for parameter in model.parameters()) == 106_981
    assert "106,981" in model.summary()


def test_each_dropout_acts_in_training_only() -> None:
    for option in ("dropout", "inner_dropout"):
        plain, model = tiny_mamba(), tiny_mamba(**{option: 0.5})
        assert torch.equal(model(BATCH.source, BATCH.target), plain(BATCH.source, BATCH.target))
        model.train()
        assert not torch.equal(model(BATCH.source, BATCH.target), model(BATCH.source, BATCH.target))
