"""Main effects and interactions: found where they are put in, and nowhere else."""

import random

import pytest

from course.lab.catalogue import EXPERIMENTS
from course.lab.factorial import FACTORS, effects
from course.lab.grid import runs_of
from course.lab.records import find_records
from nmt.data import load_pairs

EXPERIMENT = EXPERIMENTS["a-and-delta"]
WORDS = [pair.source for pair in load_pairs("small", "val")]


def made_up(wrong):
    """Records of every row; `wrong` says how many words a row misses."""
    about, found = {"training": {"data": "small"}, "words": len(WORDS)}, {}
    for run in runs_of([EXPERIMENT]):
        lost = random.Random(str(run.key)).sample(WORDS, wrong(run.model))
        mistakes = [[word, word, "x"] for word in lost]
        found[run.key] = {**about, "seed": run.seed, "mistakes": mistakes}
    return found


def test_a_main_effect_is_found_and_no_other():
    found = effects(EXPERIMENT, made_up(lambda m: 30 if m["a_learned"] else 90))
    assert len(found) == 4 + 5
    learned = found.pop("A learned")
    assert learned.difference == pytest.approx(60 / len(WORDS)) and learned.p < 0.001
    assert all(abs(one.difference) < 1e-9 and one.p > 0.5 for one in found.values())


def test_an_interaction_is_what_one_factor_does_to_the_effect_of_another():
    def wrong(model):
        both = model["a_start"] == "minus-one" and model["delta"] == "constant"
        return 100 if both else 20

    found = effects(EXPERIMENT, made_up(wrong))
    both = found["A from −1 × Δ constant"]
    assert both.difference == pytest.approx(-80 / len(WORDS)) and both.p < 0.001
    assert found["A from −1"].difference == pytest.approx(-80 / 3 / len(WORDS))
    assert found["Δ constant"].difference == pytest.approx(-80 / 2 / len(WORDS))
    assert found["A from −1 × Δ a position code"].difference == pytest.approx(0)


def test_effects_come_from_the_records_at_hand():
    records = find_records()
    assert set(effects(EXPERIMENT, records)) >= {"A learned", "A learned × Δ constant"}
    assert [len(levels) for levels in FACTORS.values()] == [2, 2, 3]
