import json
from dataclasses import asdict

import pytest

from course.lab.records import (
    MOST_ANSWERS,
    RECORDS,
    compact_json,
    find_records,
    load_records,
    pack_record,
    read_record,
    record_key,
    settings_key,
    write_record,
    wrong_words,
)
from nmt.checkpoints import build_model
from nmt.data import load_pairs
from nmt.runs import reported
from nmt.training import TrainingConfig

MODEL = {"kind": "transformer", "dropout": 0.2}


def record(mistakes=3, epochs=2, **changes):
    words = [pair for pair in load_pairs("small", "val")][:mistakes]
    row = {"epoch": 1, "train_loss": 0.123456, "val_loss": 1.891859, "seconds": 5.727202}
    row |= {"train_accuracy": 0.5, "val_accuracy": 0.25}
    return {
        "name": "tiny",
        "model": MODEL,
        "training": asdict(TrainingConfig()),
        "seed": 0,
        "words": 323,
        "best": row,
        "mistakes": [[pair.source, pair.target, "wrong"] for pair in words],
        "epochs": [{**row, "epoch": number + 1} for number in range(epochs)],
        **changes,
    }


def test_a_record_comes_back_from_its_file(tmp_path):
    original = record(epochs=60)
    path = write_record(original, tmp_path)
    assert path.name == "tiny-seed0.json" and path.stat().st_size < 6_000
    back = read_record(path)
    assert back["mistakes"] == original["mistakes"] and back["best"] == original["best"]
    rounded = {"train_loss": 0.12346, "val_loss": 1.8919, "seconds": 5.7272}
    assert len(back["epochs"]) == 60
    assert back["epochs"][4] == original["epochs"][4] | rounded
    assert load_records("tiny", tmp_path) == [back]


def test_compact_json_is_json_with_a_line_for_each_outer_key():
    data = {"a": {"b": [1, 2], "é": {}}, "c": None}
    for levels, lines in ((0, 1), (1, 4), (2, 7), (5, 7)):
        text = compact_json(data, levels)
        assert json.loads(text) == data and text.count("\n") == lines, text


def test_many_mistakes_are_thinned_out_evenly_and_no_wrong_word_is_lost(tmp_path):
    original = record(mistakes=250)
    path = write_record(original, tmp_path)
    assert path.stat().st_size < 9_000
    back = read_record(path)
    assert wrong_words(back) == wrong_words(original) and len(wrong_words(back)) == 250
    assert len(back["mistakes"]) == MOST_ANSWERS
    places = [original["mistakes"].index(mistake) for mistake in back["mistakes"]]
    assert {later - earlier for earlier, later in zip(places, places[1:])} == {2, 3}
    assert pack_record(record(mistakes=MOST_ANSWERS))["also_wrong"] == ""


def test_settings_left_out_count_as_defaults_and_seed_and_device_do_not_count():
    whole = build_model(MODEL).config_data(), asdict(TrainingConfig(seed=7, device="cpu"))
    assert settings_key(MODEL, {}) == settings_key(*whole)
    others = [{"words": 100}, {"passes": 2}, {"batching": "random"}]
    keys = {settings_key(MODEL, training) for training in ({}, *others)}
    keys |= {settings_key(model, {}) for model in ({**MODEL, "num_heads": 8}, {"kind": "mamba"})}
    assert len(keys) == 6
    with pytest.raises(ValueError, match="unknown kind"):
        settings_key({"kind": "oracle"}, {})
    with pytest.raises(ValueError, match="unknown key 'colour'"):
        settings_key(MODEL, {"colour": "blue"})


def test_records_are_found_by_their_settings_whatever_their_names(tmp_path):
    others = {"c": {"seed": 1}, "d": {"training": {"future_setting": 1}}}
    for name in "bacd":
        write_record(record(**others.get(name, {}), name=name), tmp_path)
    found = find_records(tmp_path)
    assert {key[1] for key in found} == {0, 1} and len(found) == 2
    assert found[record_key(record())]["name"] == "a"


def test_every_record_of_the_repository_is_known_and_whole():
    paths = sorted(RECORDS.glob("*.json"))
    found = find_records()
    assert len(found) == len(paths), "two of the same settings and seed, or one that is not known"
    sizes = {name: len(load_pairs(name, "val")) for name in ("small", "large")}
    for one in found.values():
        words = sizes[one["training"]["data"]]
        share = 1 - len(wrong_words(one)) / words
        assert reported(one)["val_accuracy"] == pytest.approx(share, abs=1e-6), one["name"]


def test_records_come_in_the_order_of_their_seeds_and_of_one_name(tmp_path):
    for name, seed in (("a", 10), ("a", 2), ("a-b", 0)):
        (tmp_path / f"{name}-seed{seed}.json").write_text(json.dumps({"seed": seed}))
    assert [record["seed"] for record in load_records("a", tmp_path)] == [2, 10]
