import json

import pytest
import torch

from course.__main__ import BEYOND
from course.lab.catalogue import CATALOGUE
from course.lab.generalization import (
    LONG_WUGS,
    REPEATS,
    SHOWN,
    WUGS,
    ask,
    distance_rates,
    look_beyond,
)
from course.lab.invented_words import WUG_CLASSES
from course.lab.mistakes import count_kinds
from nmt.checkpoints import SHIPPED, fingerprint, load_checkpoint
from nmt.data import load_pairs
from nmt.pig_latin import to_pig_latin
from nmt.transformer import Transformer, TransformerConfig


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return Transformer(
        TransformerConfig(
            hidden_size=8, num_heads=1, encoder_layers=1, decoder_layers=1, mlp_size=8
        )
    ).eval()


def test_a_model_that_knows_the_rule_is_right_and_one_that_knows_nothing_is_wrong(
    model, monkeypatch
):
    words = ["wug", "spling", "apple"]
    nothing = ask(model, words)
    assert nothing["wrong"] == [3, 3] and [mistake[:2] for mistake in nothing["mistakes"]] == [
        [w, to_pig_latin(w)] for w in words
    ]
    monkeypatch.setattr(
        "course.lab.generalization.greedy_decode",
        lambda model, words: [to_pig_latin(word) for word in words],
    )
    assert ask(model, words) == {"wrong": [0, 3], "mistakes": []}
    whole = look_beyond(model, "small")
    asked = [
        group["wrong"] for part in ("wugs", "long", "one_letter") for group in whole[part].values()
    ]
    assert all(wrong == 0 for wrong, _ in asked) and whole["validation"]["wrong"][0] == 0
    assert whole["test"]["wrong"] == [0, len(load_pairs("small", "test"))]


def test_everything_is_asked_and_counted_once(model, monkeypatch):
    monkeypatch.setattr(
        "course.lab.generalization.greedy_decode", lambda model, words: ["" for _ in words]
    )
    found = look_beyond(model, "small")
    val = load_pairs("small", "val")
    assert found["validation"]["wrong"] == [len(val), len(val)] and found["validation"]["kinds"][
        "lost ending"
    ] == len(val)
    assert found["test"]["wrong"] == [len(load_pairs("small", "test"))] * 2
    for part in ("by_length", "by_class", "by_distance"):
        assert sum(wrong for wrong, _ in found["validation"][part].values()) == len(val)
    assert {kind: group["wrong"] for kind, group in found["wugs"].items()} == dict.fromkeys(
        WUG_CLASSES, [WUGS, WUGS]
    )
    longest = max(len(pair.source) for pair in load_pairs("small", "train"))
    assert found["longest_in_training"] == longest and min(map(int, found["long"])) == longest
    assert all(
        group["wrong"] == [LONG_WUGS, LONG_WUGS] and len(group["mistakes"]) == SHOWN
        for group in found["long"].values()
    )
    assert list(found["one_letter"]) == [str(times) for times in REPEATS]


def test_distance_groups(model):
    train, val = load_pairs("small", "train"), load_pairs("small", "val")[:40]
    found = distance_rates(val, {val[0].source}, train)
    assert (
        set(found) <= {"1", "2", "3", "4 or more"}
        and sum(asked for _, asked in found.values()) == 40
    )
    assert sum(wrong for wrong, _ in found.values()) == 1


def test_the_record_is_that_of_the_shipped_weights():
    """If this fails, `make beyond` asks the new weights."""
    record = json.loads(BEYOND.read_text(encoding="utf-8"))
    best = [row.ships[0] for row in CATALOGUE["best"].rows]
    shipped = {
        name: fingerprint(name) for name in best if (SHIPPED / f"{name}.safetensors").exists()
    }
    assert {name: found["weights"] for name, found in record.items()} == shipped
    for name, found in record.items():
        assert found["test"]["wrong"][1] == len(load_pairs(found["data"], "test"))
        mistakes = load_checkpoint(name).record["mistakes"]
        assert found["validation"]["wrong"][0] == len(mistakes) and found["validation"][
            "kinds"
        ] == count_kinds(mistakes)
