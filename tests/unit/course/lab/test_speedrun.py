import json

import pytest

from course.__main__ import main
from course.lab.speedrun import RECIPES, machine, speed_run
from nmt.runs import Preset
from nmt.training import TrainingConfig

TINY = Preset(
    {
        "kind": "transformer",
        "hidden_size": 8,
        "num_heads": 1,
        "encoder_layers": 1,
        "decoder_layers": 1,
        "mlp_size": 8,
    },
    {"data": "small", "epochs": 3, "batch_size": 512, "batching": "random"},
)


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setitem(RECIPES, 0.97, TINY)
    monkeypatch.setitem(RECIPES, 0.0, TINY)


def test_the_clock_stops_at_the_goal_and_a_goal_not_reached_is_said_to_be_so(tiny):
    at_once = speed_run(0.0, seed=1)
    assert (
        at_once["reached"]
        and at_once["epochs"] == 1
        and at_once["seconds"] > 0
        and at_once["seed"] == 1
    )
    never = speed_run(0.97)
    assert not never["reached"] and never["epochs"] == 3 and never["val_accuracy"] < 0.97


def test_the_command_writes_its_record(tiny, tmp_path, capsys):
    out = tmp_path / "speed.json"
    assert (
        main(
            [
                "speedrun",
                "--goals",
                "0.97",
                "--seeds",
                "0",
                "1",
                "--threads",
                "1",
                "--out",
                str(out),
            ]
        )
        == 0
    )
    assert capsys.readouterr().out.count("not reached") == 2
    record = json.loads(out.read_text())
    assert record["machine"].keys() == machine().keys() and list(record["runs"]) == [
        "0.97, seed 0",
        "0.97, seed 1",
    ]
    assert main(["speedrun", "--goals", "0.5", "--out", str(out)]) == 2
    assert "no recipe for 0.5" in capsys.readouterr().err


def test_recipes_are_trained_on_smalls_training_words_alone():
    assert set(RECIPES) == {0.97, 0.99}
    for recipe in RECIPES.values():
        assert (
            TrainingConfig(**recipe.training).data == "small"
            and TrainingConfig(**recipe.training).words == 0
        )
