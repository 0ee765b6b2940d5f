"""The verdicts on packing: each follows from its number, at both ends and between."""

import pytest
import torch

import course.interpretability.mamba_claim
from course.interpretability.mamba_claim import judge_packing
from course.interpretability.mamba_memory import MemoryStatistics, Survival
from nmt.data import WordPair
from nmt.mamba import Mamba, MambaConfig

PAIRS = [WordPair.of(word) for word in ("well-known", "street", "ox")]


def statistics(
    left: list[list[float]], at_eos: list[list[float]], at_dash: list[list[float]]
) -> MemoryStatistics:
    elsewhere = torch.full((2, 4), 0.8)
    survival = {
        token: Survival(token, 4, 3, torch.tensor(at), elsewhere)
        for token, at in (("<EOS>", at_eos), ("-", at_dash))
    }
    return MemoryStatistics(torch.ones(2, 4, 1), torch.tensor(left), survival)


ALL, SOME, NONE = [[0.01] * 4] * 2, [[0.01, 0.01, 0.9, 0.9]] * 2, [[0.9] * 4] * 2
ONE_LAYER = [[0.9] * 4, [0.01] * 4]


@pytest.mark.parametrize(
    ("left", "at_eos", "at_dash", "emptied", "expected"),
    [
        (ALL, ALL, ALL, 0.95, ["confirmed"] * 4),
        (NONE, NONE, NONE, 0.05, ["refuted"] * 4),
        (SOME, ONE_LAYER, SOME, 0.5, ["refined"] * 4),
        (NONE, NONE, ONE_LAYER, 0.0, ["refuted", "refuted", "refined", "refuted"]),
    ],
)
def test_each_verdict_follows_from_its_number(
    left, at_eos, at_dash, emptied, expected, monkeypatch
) -> None:
    monkeypatch.setattr(
        course.interpretability.mamba_claim, "measure", lambda model, pairs: (0.0, 1.0)
    )
    monkeypatch.setattr(
        course.interpretability.mamba_claim,
        "accuracy_without_the_past",
        lambda model, pairs, token="<EOS>", after=False: emptied if after else 0.3,
    )
    parts = judge_packing(
        Mamba(MambaConfig(hidden_size=4)), statistics(left, at_eos, at_dash), PAIRS
    )
    assert [part.verdict for part in parts] == expected
    assert parts[3].numbers == {"right": 1.0, "right, only what <EOS> wrote is left": emptied}
    assert parts[2].numbers["right, emptied before the dash"] == 0.3


def test_a_model_that_spells_nothing_confirms_nothing() -> None:
    torch.manual_seed(0)
    parts = judge_packing(
        Mamba(MambaConfig(hidden_size=4)).eval(), statistics(NONE, NONE, NONE), PAIRS
    )
    assert parts[3].verdict == "refuted" and set(parts[3].numbers.values()) == {0}
