import io
import json

import pytest
import tiny_lab

from course.__main__ import main
from course.lab import catalogue
from course.lab.grid import runs_of
from course.lab.sweep import train_run
from nmt.checkpoints import build_model, save_checkpoint


@pytest.fixture
def tiny(monkeypatch, few_words):
    monkeypatch.setattr(catalogue, "CATALOGUE", {"tiny": tiny_lab.EXPERIMENT})
    return runs_of([tiny_lab.EXPERIMENT])


def test_run_prints_its_estimate_trains_writes_records_and_does_nothing_twice(
    tiny, tmp_path, capsys
):
    records = tmp_path / "records"
    records.mkdir()
    places = ["--out", str(tmp_path / "runs"), "--records", str(records)]
    arguments = [*"experiments run tiny --seeds 0 --jobs 1".split(), *places]
    assert main([*arguments, "--dry-run"]) == 0
    assert capsys.readouterr().out.startswith("3 runs, 0 of them done. The rest: about ")
    assert not list(records.iterdir())
    train_run(tiny[0], tmp_path / "runs")
    assert main(arguments) == 0
    out = capsys.readouterr().out.splitlines()
    assert len(out) == 4 and out[1].startswith("1/3 tiny-dropout-0.1, seed 0: ")
    assert len(list(records.iterdir())) == 3
    assert main(arguments) == 0
    assert capsys.readouterr().out == "3 runs, all done.\n"


def test_list_names_every_experiment_with_its_question(capsys):
    assert main(["experiments", "list"]) == 0
    out = capsys.readouterr().out
    for experiment in catalogue.CATALOGUE.values():
        assert f"{experiment.name} " in out and experiment.question in out


@pytest.fixture
def two_tables(monkeypatch):
    """The report is about two experiments."""
    two = {name: catalogue.EXPERIMENTS[name] for name in ("positions", "eight-runs")}
    monkeypatch.setattr("course.plots.report_files.EXPERIMENTS", two)


@pytest.mark.parametrize("words", ["experiments list", "experiments report", "grade --help"])
def test_output_in_an_encoding_that_lacks_signs(words, tmp_path, monkeypatch, two_tables):
    """As on Windows, where output goes to a file: a question mark stands for what is missing."""
    places = ["--records", str(tmp_path), "--out", str(tmp_path)] if "report" in words else []
    for encoding in ("cp1252", "ascii"):
        stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, write_through=True)
        monkeypatch.setattr("sys.stdout", stream)
        try:
            assert main([*words.split(), *places]) == 0
        except SystemExit as stop:  # of --help
            assert stop.code == 0
        assert stream.buffer.getvalue()
    if "list" in words:
        questions = "".join(each.question for each in catalogue.CATALOGUE.values())
        shown = stream.buffer.getvalue().decode("ascii")
        assert not questions.isascii() and shown.count("?") > questions.count("?")


def test_report_writes_where_it_is_told_to(tmp_path, capsys, two_tables):
    (tmp_path / "records").mkdir()
    places = ["--records", str(tmp_path / "records"), "--out", str(tmp_path)]
    arguments = ["experiments", "report", *places]
    assert main(arguments) == 0 and "files written" in capsys.readouterr().out
    assert (tmp_path / "tables" / "positions.csv").read_text().count("not run yet") == 8
    assert main(arguments) == 0 and "everything is as the records say" in capsys.readouterr().out


def test_beyond_asks_the_checkpoints_it_is_given(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("course.lab.generalization.WUGS", 3)
    monkeypatch.setattr("course.lab.generalization.LONG_WUGS", 3)
    record = {"name": "tiny", "seed": 5, "training": {"data": "small"}}
    save_checkpoint(tmp_path / "mine", build_model(tiny_lab.MODEL), record)
    files = [str(tmp_path / "mine.safetensors"), "--out", str(tmp_path / "beyond.json")]
    assert main(["experiments", "beyond", *files]) == 0
    assert "21 of 21 invented words" in capsys.readouterr().out
    assert json.loads((tmp_path / "beyond.json").read_text())["mine"]["seed"] == 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("run magic", "no experiment 'magic'"),
        ("run", "NAME"),
        ("run all --jobs 0", "must be at least 1"),
        ("dance", "dance"),
        ("beyond no-such-checkpoint", "no-such-checkpoint.safetensors: no such file"),
    ],
)
def test_mistakes_in_what_was_asked_are_one_line(refused, arguments, message):
    assert message in refused("experiments", *arguments.split())
