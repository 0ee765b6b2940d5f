"""What a teacher gets of a class: rows, points, mistakes, pages; what was graded is never lost."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from class_of_notebooks import (
    ATTEND,
    HEADS,
    IMPORTS,
    MASK,
    ROOT,
    SOLVED,
    STUBS,
    answers,
    mask_with,
    notebook,
    solved_but,
)

from course.__main__ import main
from course.exercises import exercises
from course.grading import Zygote, grade
from course.grading.classroom import (
    common_mistakes,
    identical_answers,
    points_of,
    read_grades,
    read_roster,
    student_of,
    students,
)
from course.grading.feedback import write_pages
from course.grading.grader import Graded, Result
from course.grading.report import as_csv, class_lines

CHUNKS = "scans.chunks"
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="grading needs fork")


def a_class():
    forgotten = Result(ATTEND, "wrong", "k = 4", "√k forgotten", "How large do sums become?")
    return [
        Graded("a/1.ipynb", [Result(MASK, "correct", text="f00"), forgotten], student="anna"),
        Graded("a/2.ipynb", [Result(MASK, "error", "ValueError: <b>")], student="anna"),
        Graded("b/1.ipynb", [Result(MASK, "correct", text="f00"), forgotten], student="ben"),
        Graded("c/1.ipynb", [Result(MASK, "error", "cell 3\nValueError: <b>")], student="c"),
        Graded("d/1.ipynb", [Result("", "unreadable", "it is a list")], student="../=d"),
    ]


def test_a_row_for_each_student_with_points_as_gradebooks_take_them():
    points = points_of(a_class(), ["attention=0.5", f"{MASK}=2"])
    assert points == {MASK: 2.0, ATTEND: 0.5}
    header, *rows = csv.reader(as_csv(a_class(), points).splitlines())
    assert header == ["student_id", "score", "max_score", MASK, ATTEND, "remarks", "submissions"]
    found = ["2", "2.5", "correct", "wrong: √k forgotten", ""]
    assert rows[0] == ["anna", *found, "a/1.ipynb; a/2.ipynb"]
    assert [row[1] for row in rows] == ["2", "2", "0", "0"] and "it is a list" in rows[3][5]
    for wrong in ("attention", "attention=-1", "nothing=1"):
        with pytest.raises(ValueError, match=r"NAME=POINTS|no such exercise"):
            points_of(a_class(), [wrong])


def test_the_most_common_mistakes_and_who_wrote_the_same():
    assert common_mistakes(a_class()) == [
        (2, ATTEND, "√k forgotten", ["anna", "ben"]),
        (1, MASK, "error: ValueError", ["c"]),
    ]
    assert identical_answers(a_class()) == [(MASK, ["anna", "ben"])]
    lines = class_lines(a_class(), points_of(a_class(), []))
    assert lines[0] == "4 students, 0 of them all correct"
    assert lines[2] == f"  2 × {ATTEND}: √k forgotten (anna, ben)"


def test_a_page_for_each_student_with_nothing_that_runs(tmp_path):
    everyone = [*students(a_class()), *students([Graded("x", student="=d")])]
    pages = write_pages(tmp_path, everyone, points_of(a_class(), []))
    assert [page.stem for page in pages] == ["anna", "ben", "c", "d", "d-2"]
    text = pages[1].read_text(encoding="utf-8")
    assert "1 of 2 points" in text and "How large do sums become?" in text
    assert "&lt;b&gt;" in pages[2].read_text() and "<b>" not in pages[2].read_text()


def test_a_student_is_the_first_folder(tmp_path):
    path = tmp_path / "anna" / "02" / "x.ipynb"
    assert student_of(path, [tmp_path]) == "anna" and student_of(path, [path]) == "x"
    assert student_of(tmp_path / "ben.ipynb", [tmp_path]) == "ben"


@pytest.mark.parametrize(
    ("line", "students"),
    [
        ("a.ipynb,x,Zoë\nb/02.ipynb,y,Ben", ["Zoë", "Ben", "b"]),  # by name, by folder and name
        ("02.ipynb,x,all", ["a", "all", "all"]),
        (",,", ["a", "b", "b"]),
    ],
)
@pytest.mark.parametrize("separator", ",;\t")
def test_a_table_says_which_file_is_whose(tmp_path, line, students, separator):
    text = f"\ufefffile,points,student\n{line}\n".replace(",", separator)
    (tmp_path / "who.csv").write_text(text, encoding="utf-8")
    roster, folder = read_roster(tmp_path / "who.csv"), tmp_path / "class"
    (folder / "b").mkdir(parents=True)
    files = [folder / name for name in ("a.ipynb", "b/02.ipynb", "b/deep/02.ipynb")]
    assert [student_of(file, [folder], roster) for file in files] == students


def test_what_is_no_roster_is_said(tmp_path):
    (tmp_path / "who.csv").write_text("name,who\na,b\n")
    with pytest.raises(ValueError, match="columns file and student"):
        read_roster(tmp_path / "who.csv")


def test_what_lies_beside_the_notebooks_is_said(tmp_path, capsys):
    folder = folder_of(tmp_path, anna=notebook(list(STUBS.values())))
    for name in ("answers.json", "mask.py", "all.ZIP", "notes.md"):
        (folder / "anna" / name).write_text("{}")
    (folder / "pages").mkdir()
    (folder / "pages" / "anna.html").write_text("")
    own = ["--json", str(folder / "grades.json"), "--feedback", str(folder / "pages")]
    (folder / "grades.json").write_text("{}")
    assert main(["grade", str(folder), "--only", MASK, "--jobs", "1", *own]) == 0
    said = capsys.readouterr().out
    assert "grades.json" not in said and "anna.html" not in said, "its own results"
    for name, left in (("answers.json", 1), ("mask.py", 1), ("all.ZIP", 1), ("notes.md", 0)):
        assert said.count(f"does not end in .ipynb: {folder / 'anna' / name}") == left


def folder_of(tmp_path, **texts):
    for name, text in texts.items():
        (tmp_path / "class" / name).mkdir(parents=True, exist_ok=True)
        (tmp_path / "class" / name / "02_attention.ipynb").write_text(text, encoding="utf-8")
    return tmp_path / "class"


def test_only_what_changed_is_graded_again_and_copies_are_found(tmp_path, capsys):
    whole = notebook(answers({name: SOLVED[name] for name in (ATTEND, HEADS)}))
    other = whole.replace("    return rearrange(attend", "    # mine\\n    return rearrange(attend")
    assert other != whole
    folder = folder_of(tmp_path, anna=whole, ben=other, carl=whole)
    files = ["--json", tmp_path / "g.json", "--feedback", tmp_path / "pages"]
    command = [str(each) for each in ("grade", folder, *files, "--only", HEADS, "--jobs", 1)]
    assert main(command) == 0
    said = capsys.readouterr().out
    assert f"Same answer but for spaces and comments: {HEADS} (anna, ben, carl)" in said
    assert "3 students, 3 of them all correct" in said and ATTEND not in said
    assert (tmp_path / "pages" / "carl.html").exists()
    first = json.loads((tmp_path / "g.json").read_text())
    folder_of(tmp_path, ben=notebook(answers(solved_but(HEADS, '"b h q k', '"b q h k'))))
    assert main([*command, "--changed"]) == 0
    said = capsys.readouterr().out
    assert "2 submissions have not changed" in said and "3 students, 2 of them" in said
    second = json.loads((tmp_path / "g.json").read_text())
    assert first["submissions"][0] == second["submissions"][0]
    found = read_grades(tmp_path / "g.json")
    assert {name.split("/")[-2] for name in found} == {"anna", "ben", "carl"}
    (tmp_path / "g.json").write_text("{}")
    assert main([*command, "--changed"]) == 2


def test_ctrl_c_leaves_the_class_that_was_graded(tmp_path):
    texts = {"anna": notebook(list(STUBS.values())), "zoe": notebook(mask_with("while True: pass"))}
    folder, table = folder_of(tmp_path, **texts), tmp_path / "grades.csv"
    arguments = [folder, "--csv", table, "--jobs", 1, "--answer-seconds", 100]
    running = subprocess.Popen(
        [sys.executable, "-m", "course", "grade", *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    end = time.monotonic() + 240
    while "anna" not in (table.read_text() if table.exists() else ""):
        assert running.poll() is None and time.monotonic() < end
        time.sleep(0.1)
    os.killpg(running.pid, signal.SIGINT)  # as a terminal does
    said, _ = running.communicate(timeout=60)
    assert running.returncode == 130 and "Stopped: 1 of 2 submissions" in said
    assert len(list(csv.reader(table.read_text().splitlines()))) == 2


def test_a_bug_that_was_rewritten_and_not_mended_is_not_called_untouched(tmp_path):
    """Notebook 05's chunks with a bug: as they are given, and with a line that says the same."""
    given = exercises()[CHUNKS].stub
    changed = given.replace("state = h\n", "state = states[-1]\n")
    assert changed != given
    with Zygote() as zygote:
        for text, status in ((given, "not attempted"), (changed, "wrong")):
            imports = f"{IMPORTS}\nfrom torch import Tensor"
            cells = [imports, "torch.set_default_dtype(torch.float64)"]
            path = tmp_path / "05_scans.ipynb"
            path.write_text(notebook([*cells, f'@exercise("{CHUNKS}")\n{text}']))
            (result,) = grade(path, zygote, only=[CHUNKS]).results
            assert result.status == status, result
    assert result.mistake == "the bug is still there"
