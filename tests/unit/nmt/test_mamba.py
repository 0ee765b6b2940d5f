"""Mamba: the same logits in one pass and letter by letter, blind to what comes later, and equal to
the published code.
"""

import itertools
from dataclasses import replace

import mambapy.mamba
import pytest
import torch
import torch.nn.functional as F

from nmt.batches import Batch
from nmt.data import VOCABULARY, WordPair
from nmt.decoding import greedy_decode
from nmt.mamba import CausalConvolution, Mamba, MambaBlock, MambaConfig
from nmt.scan import WRONG
from nmt.selective_ssm import (
    A_STARTS,
    DELTA_SOURCES,
    DISCRETIZATIONS,
    SCAN_METHODS,
    SelectiveSSM,
    SSMTrace,
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
            tolerance = (
                1e-6 if model.config.scan == "heinsen" else 1e-12
            )  # its clamped log 0 depends on where a scan begins
            torch.testing.assert_close(
                logits, together[:, position], atol=tolerance, rtol=tolerance
            )


def test_every_combination_of_choices_trains_a_step() -> None:
    choices = itertools.product(
        DELTA_SOURCES, ("input", "constant"), A_STARTS, (True, False), (True, False), (True, False)
    )
    for delta, b_and_c, a_start, a_learned, gate, scaled in choices:
        for rule in DISCRETIZATIONS:
            config = replace(
                SMALL,
                delta=delta,
                b_and_c=b_and_c,
                a_start=a_start,
                a_learned=a_learned,
                gate=gate,
                delta_scaled=scaled,
                discretization=rule,
                num_layers=1,
                dropout=0.1,
                inner_dropout=0.1,
            )
            torch.manual_seed(0)
            model = Mamba(config)
            state = start_training(model, TrainingConfig(weight_decay=0.1))
            before = {
                name: parameter.detach().clone() for name, parameter in model.named_parameters()
            }
            loss = token_loss(model, BATCH) / 10
            loss.backward()
            state.optimizer.step()
            assert torch.isfinite(loss)
            unmoved = {
                name
                for name, parameter in model.named_parameters()
                if torch.equal(parameter, before[name])
            }
            assert unmoved == (set() if a_learned else {"blocks.0.ssm.A_log"}), config


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


def test_every_source_letter_reaches_the_output() -> None:
    model = model_of(SMALL)
    with torch.no_grad():
        reference = model(BATCH.source, BATCH.target[:, :1])
        for position in range(BATCH.source.shape[1]):
            changed = BATCH.source.clone()
            changed[:, position] = (changed[:, position] + 1) % 26
            assert (model(changed, BATCH.target[:, :1]) != reference).any()


def copy_from_mambapy(
    block: MambaBlock, norm_weight: torch.Tensor, theirs: mambapy.mamba.MambaBlock
) -> None:
    ours = {
        block.norm.weight: norm_weight,
        block.widen.weight: theirs.in_proj.weight,
        block.convolution.weight: theirs.conv1d.weight[:, 0].T,
        block.convolution.bias: theirs.conv1d.bias,
        block.ssm.select.weight: theirs.x_proj.weight,
        block.ssm.to_delta.weight: theirs.dt_proj.weight,
        block.ssm.delta_bias: theirs.dt_proj.bias,
        block.ssm.A_log: theirs.A_log,
        block.ssm.D: theirs.D,
        block.narrow.weight: theirs.out_proj.weight,
    }
    with torch.no_grad():
        for parameter, value in ours.items():
            parameter.copy_(value)


@pytest.mark.parametrize(("state_size", "kernel_size", "rank"), [(16, 4, 0), (5, 2, 3)])
def test_agrees_with_mambapy(state_size: int, kernel_size: int, rank: int) -> None:
    """With one set of weights, the stack of blocks computes what PyPI's `mambapy` computes,
    gradients included.
    """
    torch.set_default_dtype(
        torch.float64
    )  # their code casts A and D to float32 unless the numbers are float64 throughout
    try:
        config = MambaConfig(
            hidden_size=24,
            num_layers=3,
            state_size=state_size,
            kernel_size=kernel_size,
            delta_rank=rank,
            dropout=0.0,
        )
        torch.manual_seed(1)
        theirs = mambapy.mamba.Mamba(
            mambapy.mamba.MambaConfig(
                d_model=24,
                n_layers=3,
                d_state=state_size,
                d_conv=kernel_size,
                dt_rank=config.rank,
                pscan=False,
            )
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
    """Their model with `A_log.float()` and `D.float()` undone: these casts would leave seven
    digits.
    """
    patch = pytest.MonkeyPatch()
    patch.setattr(torch.Tensor, "float", lambda tensor: tensor)
    try:
        return theirs(vectors)
    finally:
        patch.undo()


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
    for source, from_input, from_position in (
        ("input", True, False),
        ("constant", False, False),
        ("position", False, True),
    ):
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


def test_hook_sees_every_layer_and_can_intervene() -> None:
    model = model_of(SMALL)
    seen: dict[str, SSMTrace] = {}
    reference = model(BATCH.source, BATCH.target)
    for name, layer in model.ssm_layers().items():
        layer.trace_hook = lambda trace, name=name: seen.setdefault(name, trace)
    torch.testing.assert_close(model(BATCH.source, BATCH.target), reference)
    assert list(seen) == ["blocks.0.ssm", "blocks.1.ssm"]
    trace, length = seen["blocks.1.ssm"], BATCH.source.shape[1] + BATCH.target.shape[1]
    assert trace.delta.shape == trace.x.shape == (
        3,
        length,
        16,
    ) and trace.B.shape == trace.C.shape == (3, length, 4)
    torch.testing.assert_close(trace.decay, (trace.delta[..., None] * trace.A).exp())
    model.ssm_layers()["blocks.1.ssm"].trace_hook = lambda trace: replace(
        trace, delta=0 * trace.delta
    )
    assert not torch.allclose(model(BATCH.source, BATCH.target), reference)


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


def test_decoding_with_and_without_cache_agree() -> None:
    model = model_of(SMALL)
    words = ["a", "street", "school", "good-humoured"]
    answers = greedy_decode(model, words, max_steps=9)
    assert answers == greedy_decode(model, words, max_steps=9, use_cache=False)
    assert any(answers)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hidden_size": 0}, "hidden_size must be at least 1"),
        ({"num_layers": 0}, "num_layers"),
        ({"state_size": -1}, "state_size"),
        ({"kernel_size": 0}, "kernel_size"),
        ({"expansion": 0}, "expansion"),
        ({"delta_rank": -1}, "delta_rank"),
        ({"delta_rank": 10**9}, "delta_rank must be positive and at most 1,024"),
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


def test_parameter_count_of_the_original_course() -> None:
    """Width 64, two layers, kernel 4, expansion 2, state as wide as the model, biases everywhere."""
    model = Mamba(
        MambaConfig(
            hidden_size=64, num_layers=2, kernel_size=4, expansion=2, state_size=64, bias=True
        )
    )
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


def test_decay_spares_rates_and_skips() -> None:
    model = Mamba(SMALL)
    state = start_training(model, TrainingConfig(weight_decay=0.1))
    spared = {
        id(p)
        for group in state.optimizer.param_groups
        if group["weight_decay"] == 0
        for p in group["params"]
    }
    for ssm in model.ssm_layers().values():
        assert {id(ssm.A_log), id(ssm.D), id(ssm.delta_bias)} <= spared
        assert id(ssm.select.weight) not in spared


def test_config_data_is_plain() -> None:
    model = Mamba(SMALL)
    data = model.config_data()
    assert (
        data["kind"] == "mamba"
        and Mamba(MambaConfig(**{k: v for k, v in data.items() if k != "kind"})).config == SMALL
    )
    assert VOCABULARY.size == data["vocabulary_size"]
