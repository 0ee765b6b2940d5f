import json

import pytest
import torch
from tiny_lab import MODEL

from course.__main__ import BEYOND
from course.lab.catalogue import CATALOGUE
from course.lab.generalization import (
    LONG_WUGS,
    REPEATS,
    SHOWN,
    WUGS,
    ask,
    by_seed,
    distance_rates,
    look_beyond,
)
from course.lab.grid import runs_of
from course.lab.invented_words import WUG_CLASSES
from course.lab.mistakes import count_kinds
from nmt.checkpoints import SHIPPED, build_model, fingerprint, load_checkpoint, save_checkpoint
from nmt.data import load_pairs
from nmt.pig_latin import to_pig_latin


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return build_model(MODEL).eval()


def test_a_model_that_knows_the_rule_is_right_and_one_that_knows_nothing_is_wrong(
    model, monkeypatch
):
    words = ["wug", "spling", "apple"]
    nothing = ask(model, words)
    assert nothing["wrong"] == [3, 3]
    assert [mistake[:2] for mistake in nothing["mistakes"]] == [[w, to_pig_latin(w)] for w in words]
    monkeypatch.setattr(
        "course.lab.generalization.greedy_decode",
        lambda model, words: [to_pig_latin(word) for word in words],
    )
    assert ask(model, words) == {"wrong": [0, 3], "mistakes": []}
    whole = look_beyond(model, "small")
    groups = [group for part in ("wugs", "long", "one_letter") for group in whole[part].values()]
    assert all(one["wrong"][0] == 0 for one in (*groups, whole["validation"]))
    assert whole["test"]["wrong"] == [0, len(load_pairs("small", "test"))]


def test_everything_is_asked_and_counted_once(model, monkeypatch):
    monkeypatch.setattr(
        "course.lab.generalization.greedy_decode", lambda model, words: ["" for _ in words]
    )
    found = look_beyond(model, "small")
    val = load_pairs("small", "val")
    assert found["validation"]["wrong"] == [len(val), len(val)]
    assert found["validation"]["kinds"]["lost ending"] == len(val)
    assert found["test"]["wrong"] == [len(load_pairs("small", "test"))] * 2
    for part in ("by_length", "by_class", "by_distance"):
        assert sum(wrong for wrong, _ in found["validation"][part].values()) == len(val)
    assert found["wugs"].keys() == set(WUG_CLASSES)
    assert all(group["wrong"] == [WUGS, WUGS] for group in found["wugs"].values())
    longest = max(len(pair.source) for pair in load_pairs("small", "train"))
    assert found["longest_in_training"] == longest and min(map(int, found["long"])) == longest
    for group in found["long"].values():
        assert group["wrong"] == [LONG_WUGS, LONG_WUGS] and len(group["mistakes"]) == SHOWN
    assert list(found["one_letter"]) == [str(times) for times in REPEATS]


def test_distance_groups(model):
    train, val = load_pairs("small", "train"), load_pairs("small", "val")[:40]
    found = distance_rates(val, {val[0].source}, train)
    assert set(found) <= {"1", "2", "3", "4 or more"}
    assert [sum(each) for each in zip(*found.values())] == [1, 40]


def test_the_record_is_that_of_the_shipped_weights_and_of_all_seeds():
    """If this fails, `make beyond` asks the new weights, and those seeds whose runs are there."""
    record = json.loads(BEYOND.read_text(encoding="utf-8"))
    best = [row.ships[0] for row in CATALOGUE["best"].rows]
    there = [name for name in best if (SHIPPED / f"{name}.safetensors").exists()]
    weights = {name: found["weights"] for name, found in record.items()}
    assert weights == {name: fingerprint(name) for name in there}
    for name, found in record.items():
        words = len(load_pairs(found["data"], "test"))
        assert found["test"]["wrong"][1] == words
        mistakes = load_checkpoint(name).record["mistakes"]
        assert found["validation"]["wrong"][0] == len(mistakes)
        assert found["validation"]["kinds"] == count_kinds(mistakes)
        assert list(found["seeds"]) == ["0", "1", "2", "3", "4"], name
        assert len({one["weights"] for one in found["seeds"].values()}) == 5
        for one in found["seeds"].values():
            assert one["wrong"] == [len(one["mistakes"]), words]


def test_what_was_asked_before_stays_where_a_run_has_left_no_weights(tmp_path, monkeypatch, model):
    monkeypatch.setattr("course.lab.generalization.FOLDER", tmp_path)
    before = {"3": {"weights": "abc", "wrong": [0, 1], "mistakes": []}}
    assert by_seed("mamba-small", before) == before
    run = next(run for run in runs_of([CATALOGUE["best"]]) if run.name == "mamba-small")
    save_checkpoint(tmp_path / run.folder / "model", model, {"seed": 0})
    found = by_seed("mamba-small", before)
    assert list(found) == ["0", "3"] and found["3"] == before["3"]
    assert found["0"]["wrong"] == [len(found["0"]["mistakes"]), len(load_pairs("small", "test"))]
