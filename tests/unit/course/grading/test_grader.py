"""A class of submissions, honest, wrong and hostile, is graded in one go; and nothing outside is
harmed.
"""

import csv
import json
import os
from contextlib import suppress
from pathlib import Path

import pytest
from class_of_notebooks import (
    BODIES,
    CLASS,
    HEADS,
    IMPORTS,
    LONELY,
    MASK,
    OUTSIDE,
    ROOT,
    STUBS,
    UNREADABLE,
    UNWRITTEN,
    notebook,
)

from course.__main__ import main
from course.checking.compare import first_difference
from course.checking.judging import attempts
from course.exercises import exercises
from course.exercises.catalogue import chapter
from course.grading import bubble, fork_server
from course.grading.values import decode_outcome, encode_outcome, pack, unpack

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="grading needs fork")


def _real_notebooks(folder):
    data = json.loads((ROOT / "notebooks/02_attention.ipynb").read_text(encoding="utf-8"))
    (folder / "02_attention untouched.ipynb").write_text(json.dumps(data))
    for cell in data["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "code" and f'@exercise("{MASK}")' in text:
            cell["source"] = text.replace(UNWRITTEN, BODIES[MASK])
    (folder / "02_attention solved.ipynb").write_text(json.dumps(data))


@pytest.fixture(scope="module", params=["with bubblewrap", "without bubblewrap"])
def graded(request, tmp_path_factory):
    """The whole class, graded once: by file name, the CSV's rows, and all."""
    wrapped = request.param == "with bubblewrap"
    if wrapped and not bubble.bubblewrap(ROOT):
        pytest.skip("there is no bubblewrap here, or it may make no namespaces")
    folder = tmp_path_factory.mktemp("class ä ö")
    for name, (text, _) in CLASS.items():
        (folder / f"{name}.ipynb").write_text(text, encoding="utf-8")
    for name, (content, _) in UNREADABLE.items():
        (folder / f"{name}.ipynb").write_bytes(content)
    _real_notebooks(folder)
    (folder / os.fsdecode(b"not utf-8 \xfc.ipynb")).write_text(CLASS["untouched"][0])
    latin = json.dumps(json.loads(CLASS["all right"][0]), ensure_ascii=False)
    latin = latin.replace("True: may attend.", "wahr: darf auf späteres hören")
    (folder / "latin-1.ipynb.txt").write_bytes(latin.encode("latin-1"))
    (folder / "renamed.json").write_text(CLASS["all right"][0])
    (folder / "=HYPERLINK(1).ipynb").write_text(notebook([IMPORTS, *STUBS.values()]))
    (folder / ".ipynb_checkpoints").mkdir()
    (folder / ".ipynb_checkpoints" / "old.ipynb").write_text("{}")
    results = tmp_path_factory.mktemp("results")
    files = ["--json", str(results / "c.json"), "--csv", str(results / "c.csv")]
    limits = "--answer-seconds 3 --seconds 20 --memory 700".split()
    with pytest.MonkeyPatch.context() as patch:
        if not wrapped:
            patch.setattr(fork_server, "bubblewrap", lambda _course: [])
        assert main(["grade", str(folder), *files, *limits]) == 0
    data = json.loads((results / "c.json").read_text(encoding="utf-8"))
    rows = list(csv.reader((results / "c.csv").read_text(encoding="utf-8").splitlines()))
    assert ("in bubblewrap" in data["isolation"]) == wrapped
    assert data["mistakes"][0]["students"] >= data["mistakes"][-1]["students"] > 0
    return {Path(each["submission"]).stem: each for each in data["submissions"]}, rows, data


@pytest.mark.parametrize("name", CLASS)
def test_each_submission_is_reported_as_what_it_is(graded, name):
    results = {each["exercise"]: each for each in graded[0][name]["results"]}
    assert set(results) == set(chapter("attention"))
    for exercise, wanted in CLASS[name][1].items():
        statuses, _, parts = wanted.partition(": ")
        result = results[exercise]
        assert result["status"] in statuses.split("|"), result
        said = f"{result['mistake']} {result['message']}"
        assert any(part in said for part in parts.split("|")), result


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_is_no_notebook_is_said_in_one_sentence(graded, name):
    (result,) = graded[0][name]["results"]
    assert result["status"] == "unreadable" and UNREADABLE[name][1] in result["message"], result
    assert "\n" not in result["message"]


def test_nothing_outside_is_harmed(graded):
    assert not OUTSIDE.exists()
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            assert LONELY.encode() not in file.read_bytes(), "a child lives on"


def test_remarks_name_patches_and_borrowed_solutions(graded):
    patched = " ".join(graded[0]["patches and is right"]["remarks"])
    assert "course.checking.judging.verdict_of" in patched
    borrowed = {each["exercise"]: each for each in graded[0]["borrows"]["results"]}[MASK]
    assert borrowed["remarks"] == ["uses nmt.attention.causal_mask, which is the solution"]
    assert graded[0]["mark renamed"]["remarks"] == ["there is no exercise 'attention.mask'"]
    assert not graded[0]["all right"]["remarks"]


def test_csv_has_a_row_for_each_and_no_formulas(graded):
    header, *rows = graded[1]
    assert header[:3] == ["student_id", "score", "max_score"]
    assert set(header[3:-2]) == set(chapter("attention"))
    assert header[-2:] == ["remarks", "submissions"]
    assert len(rows) == len(CLASS) + len(UNREADABLE) + 5 == len(graded[2]["submissions"])
    assert all(
        len(row) == len(header) and not any(cell[:1] in tuple("=+-@") for cell in row)
        for row in rows
    )
    known = next(row for row in rows if row[0] == "known mistakes")
    assert "wrong: more keys than queries forgotten" in known
    assert known[1:3] == ["0", str(len(chapter("attention")))]


def test_the_real_notebook_untouched_and_solved(graded):
    for name, wanted in (("untouched", "not attempted"), ("solved", "correct")):
        results = graded[0][f"02_attention {name}"]["results"]
        statuses = {each["exercise"]: each["status"] for each in results}
        assert set(statuses) == set(chapter("attention")) and statuses.pop(MASK) == wanted
        assert set(statuses.values()) == {"not attempted"}


def test_names_and_alphabets_of_other_systems(graded):
    results = {each["exercise"]: each["status"] for each in graded[0]["latin-1.ipynb"]["results"]}
    assert results[MASK] == results[HEADS] == "correct"
    assert any(name.startswith("not utf-8 ") for name in graded[0])


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["nowhere.ipynb"], "no such file"),
        (["."], "no notebook"),
        (["a.ipynb", "--seconds", "0"], "more than 0"),
        ([], "required"),
    ],
)
def test_a_mistake_in_what_was_asked_is_one_line(arguments, reason, tmp_path, monkeypatch, refused):
    monkeypatch.chdir(tmp_path)
    assert reason in refused("grade", *arguments)


def test_no_result_file_is_half_written(tmp_path, refused):
    file = tmp_path / "a.ipynb"
    file.write_text(notebook([IMPORTS, *STUBS.values()]))
    assert str(tmp_path) in refused("grade", file, "--csv", tmp_path)
    assert "choose another name" in refused("grade", file, "--csv", file)
    assert json.loads(file.read_text())["cells"]


def test_every_exercise_has_results_that_can_travel():
    """What a reference returns on each input is the same after a journey between processes."""
    for exercise in exercises().values():
        attempt = attempts(exercise, exercise.answer)
        for gradients in (False, True) if exercise.trains else (False,):
            outcome = attempt(0, gradients, 60.0)
            arrived = decode_outcome(*unpack(pack(*encode_outcome(outcome))[4:]))
            assert outcome.error is None, exercise.name
            assert first_difference(outcome.value, arrived.value) is None, exercise.name
