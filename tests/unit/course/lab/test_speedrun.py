import json

import pytest
from tiny_lab import MODEL

import nmt.training
from course.__main__ import main
from course.lab.speedrun import RECIPES, machine, speed_run
from nmt.runs import Preset

TINY = Preset(MODEL, {"data": "small", "epochs": 3, "batch_size": 64, "batching": "random"})


@pytest.fixture
def tiny(monkeypatch, few_words):
    for goal in (0.0, 0.97):
        monkeypatch.setitem(RECIPES, goal, TINY)


def test_the_clock_stops_at_the_goal_and_a_goal_not_reached_is_said_to_be_so(tiny):
    at_once = speed_run(0.0, seed=1)
    assert at_once["reached"] and at_once["seconds"] > 0
    assert at_once["epochs"] == 1 == at_once["seed"]
    never = speed_run(0.97)
    assert not never["reached"] and never["epochs"] == 3 and never["val_accuracy"] < 0.97


def test_the_command_writes_its_record(tiny, tmp_path, capsys):
    out = tmp_path / "speed.json"
    command = "speedrun --goals 0.97 --seeds 0 1 --threads 1 --out".split()
    assert main([*command, str(out)]) == 0
    assert capsys.readouterr().out.count("not reached") == 2
    record = json.loads(out.read_text())
    assert record["machine"].keys() == machine().keys()
    assert list(record["runs"]) == ["0.97, seed 0", "0.97, seed 1"]
    assert not out.with_suffix(".part.json").exists()


def test_a_goal_without_recipe_is_refused_before_the_first_run(refused, tmp_path, monkeypatch):
    monkeypatch.setattr("course.lab.speedrun.speed_run", None)
    goals = "--goals", "0.97", "0.5", "--out", tmp_path / "speed.json"
    assert "no recipe for 0.5" in refused("speedrun", *goals) and not list(tmp_path.iterdir())
    assert "a folder" in refused("speedrun", "--out", tmp_path)


@pytest.mark.parametrize("epoch", [0, 2])
def test_an_interrupt_keeps_finished_runs_and_the_record_that_was_there(
    tiny, tmp_path, capsys, monkeypatch, epoch
):
    out = tmp_path / "speed.json"
    out.write_text("what was there")
    command = [*"speedrun --goals 0 0.97 --seeds 0 --threads 1 --out".split(), str(out)]
    real, measured = nmt.training.token_loss, []

    def interrupted(model, *arguments):
        measured.append(model.training)
        if sum(measured) == 4 * (1 + epoch) + 2:  # the first run is one epoch of four batches
            raise KeyboardInterrupt
        return real(model, *arguments)

    monkeypatch.setattr("nmt.training.token_loss", interrupted)
    assert main(command) == 130
    assert out.read_text() == "what was there" and "not reached" not in capsys.readouterr().out
    kept = json.loads(out.with_suffix(".part.json").read_text())["runs"]
    assert list(kept) == ["0, seed 0"]
    monkeypatch.setattr("nmt.training.token_loss", real)
    assert main(command) == 0
    runs = json.loads(out.read_text())["runs"]
    assert runs["0, seed 0"] == kept["0, seed 0"] and list(runs) == ["0, seed 0", "0.97, seed 0"]
