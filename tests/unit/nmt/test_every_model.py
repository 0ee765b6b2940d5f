"""What every model keeps, however it is configured: letter by letter it says what one pass says, it
never looks ahead, and it computes with few digits too.
"""

from collections.abc import Callable
from dataclasses import fields

import pytest
import torch
from tiny import tiny_mamba, tiny_transformer

from nmt.batches import Batch
from nmt.data import WordPair
from nmt.decoding import Seq2Seq
from nmt.positions import SCHEMES
from nmt.selective_ssm import A_STARTS, DELTA_SOURCES, DISCRETIZATIONS, SCAN_METHODS, MambaConfig
from nmt.transformer import TransformerConfig

BATCH = Batch.of([WordPair.of(word) for word in ("street", "school", "sphere")])
TRANSFORMERS = [
    *({"positions": scheme} for scheme in SCHEMES),
    {"positions": "rotary", "rotary_cross": True},
    {"positions": "learned", "positions_in": "encoder"},
    *({"positions": "rotary", "positions_in": side} for side in ("encoder", "decoder")),
    {"decoder_layers": 2},
]
MAMBAS = [
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
VARIANTS = [(tiny_transformer, options) for options in TRANSFORMERS]
VARIANTS += [(tiny_mamba, options) for options in MAMBAS]


def name_of(variant: tuple[Callable, dict]) -> str:
    return ", ".join(f"{key}={value}" for key, value in variant[1].items())


@pytest.fixture(params=VARIANTS, ids=name_of)
def model(request: pytest.FixtureRequest) -> Seq2Seq:
    make, options = request.param
    return make(**options).double()


def test_letter_by_letter_it_says_what_one_pass_says(model: Seq2Seq) -> None:
    # The clamped log 0 of "heinsen" depends on where a scan begins.
    digits = 1e-6 if getattr(model.config, "scan", "") == "heinsen" else 1e-11
    tolerance = {"rtol": digits, "atol": digits}
    with torch.no_grad():
        together, cache = model(BATCH.source, BATCH.target), model.start(BATCH.source)
        for token, expected in zip(BATCH.target.unbind(1), together.unbind(1)):
            before = cache
            logits, cache = model.step(token, before)
            torch.testing.assert_close(logits, expected, **tolerance)
        assert cache.position == before.position + 1

        some = torch.tensor([2, 0])  # words that are still being written
        kept, _ = model.step(token[some], before.select(some))
        torch.testing.assert_close(kept, logits[some], **tolerance)

        begun, cache = model.read_on(BATCH.target[:, :2], model.start(BATCH.source))
        rest, _ = model.read_on(BATCH.target[:, 2:], cache)
        torch.testing.assert_close(torch.cat((begun, rest), dim=1), together, **tolerance)


@pytest.mark.parametrize("place", [0, 5])
def test_a_later_letter_changes_nothing_before_it(model: Seq2Seq, place: int) -> None:
    changed = BATCH.target.clone()
    changed[:, place] = (changed[:, place] + 1) % 26
    with torch.no_grad():
        logits, other = model(BATCH.source, BATCH.target), model(BATCH.source, changed)
    assert torch.equal(logits[:, :place], other[:, :place])
    assert (logits[:, place:] != other[:, place:]).any(dim=-1).all()


@pytest.mark.parametrize("precision", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize(
    ("make", "options"),
    [
        (tiny_transformer, {"positions": "rotary"}),
        (tiny_transformer, {"positions": "learned"}),
        (tiny_mamba, {"discretization": "mixed"}),
        (tiny_mamba, {"discretization": "zoh"}),
    ],
)
def test_half_precision_is_the_same_with_fewer_digits(make, options, precision) -> None:
    model, words = make(**options), (BATCH.source, BATCH.target)
    exact = model(*words).detach()
    with torch.autocast("cpu", precision):
        mixed = model(*words)
        mixed.float().square().sum().backward()
    torch.testing.assert_close(mixed.float().detach(), exact, rtol=0.1, atol=0.1)
    halved = model.to(precision)(*words)
    assert halved.dtype == precision
    torch.testing.assert_close(halved.float().detach(), exact, rtol=0.1, atol=0.1)


SIZES = [
    (config, item.name)
    for config in (TransformerConfig, MambaConfig)
    for item in fields(config)
    if type(item.default) is int and item.default  # 0 as default stands for a size that follows
]


@pytest.mark.parametrize(("config", "name"), SIZES)
@pytest.mark.parametrize(
    ("size", "bound"), [(0, "least 1, not 0"), (-1, "least 1"), (10**30, r"most \d.* in this cou")]
)
def test_every_size_has_bounds(config: type, name: str, size: int, bound: str) -> None:
    with pytest.raises(ValueError, match=f"^{name} must be at {bound}"):
        config(**{name: size})
