"""A class: who handed in what, what it is worth, what went wrong most often, who wrote the same."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from course.checking.exercise import CHAPTERS
from course.exercises.catalogue import chapter
from course.grading.grader import STATUSES, Graded, Limits, Result
from nmt import ROOT

FORMAT = "nmt-grades-2"


@dataclass
class Student:
    """All that one student handed in: for each exercise the best result."""

    name: str
    submissions: list[Graded] = field(default_factory=list)

    @property
    def results(self) -> dict[str, Result]:
        """By exercise, in the order in which they were found."""
        found: dict[str, list[Result]] = {}
        for result in (result for each in self.submissions for result in each.results):
            if result.exercise:
                found.setdefault(result.exercise, []).append(result)
        best_first = STATUSES.index
        return {name: min(own, key=lambda r: best_first(r.status)) for name, own in found.items()}

    def score(self, points: Mapping[str, float]) -> float:
        """The points of what is correct."""
        return sum(
            points[name] for name, result in self.results.items() if result.status == "correct"
        )


def read_roster(file: Path) -> dict[str, str]:
    """Student by file, from a table with the columns `file` and `student` (in any order, among
    others; separated by comma, semicolon or tab). A file is named as it is, or with its folders.

    Raises:
        ValueError: for a table without these two columns.
        OSError: for one that can't be read.
    """
    text = file.read_text(encoding="utf-8-sig", errors="replace")
    first = text.partition("\n")[0]
    rows = csv.DictReader(text.splitlines(), delimiter=max(",;\t", key=first.count))
    if not {"file", "student"} <= set(rows.fieldnames or ()):
        raise ValueError(f"{file}: its first line must name the columns file and student")
    return {row["file"]: row["student"] for row in rows if row["file"] and row["student"]}


def student_of(path: Path, given: Sequence[Path], roster: Mapping[str, str] | None = None) -> str:
    """Whose submission it is: what the roster says of the file; else the first folder below the
    one that was given, as nbgrader lays them out (`submitted/STUDENT/…`); a file that lies in no
    such folder is a student of its own.
    """
    below = [path.relative_to(root) for root in given if root.is_dir() and root in path.parents]
    for name in (str(path), *map(str, below), path.name):
        if roster and name in roster:
            return roster[name]
    parts = below[0].parts if below else ()
    return parts[0] if len(parts) > 1 else path.stem


def students(graded: Sequence[Graded]) -> list[Student]:
    """One for each name, in the order of the submissions."""
    found: dict[str, Student] = {}
    for each in graded:
        found.setdefault(each.student, Student(each.student)).submissions.append(each)
    return list(found.values())


def selected(names: Sequence[str]) -> set[str]:
    """The exercises meant by names of exercises or chapters.

    Raises:
        ValueError: for a name that is neither.
    """
    every = {each: chapter(each) for each in CHAPTERS}
    known = {name for each in every.values() for name in each}
    found: set[str] = set()
    for name in names:
        if name not in known and name not in every:
            raise ValueError(f"{name}: no such exercise or chapter ({', '.join(every)})")
        found |= set(every.get(name, [name]))
    return found


def points_of(graded: Sequence[Graded], said: Sequence[str]) -> dict[str, float]:
    """What each exercise of the class is worth: one point, or what was said (`NAME=POINTS`; a
    chapter's name stands for each of its exercises).

    Raises:
        ValueError: for what can't be read.
    """
    points = {result.exercise: 1.0 for each in graded for result in each.results if result.exercise}
    for text in said:
        name, _, number = text.partition("=")
        if not re.fullmatch(r"\d+(\.\d+)?", number):
            raise ValueError(f"{text}: write NAME=POINTS, such as attention.multi-head=2")
        points |= {each: float(number) for each in selected([name]) if each in points}
    return points


def common_mistakes(graded: Sequence[Graded]) -> list[tuple[int, str, str, list[str]]]:
    """How many students made which mistake, most of them first: count, exercise, mistake, names."""
    who: dict[tuple[str, str], list[str]] = {}
    for student in students(graded):
        for name, result in student.results.items():
            if result.status not in ("correct", "not attempted", "missing"):
                what = result.mistake or _kind(result)
                who.setdefault((name, what), []).append(student.name)
    table = [(len(names), *key, names) for key, names in who.items()]
    return sorted(table, key=lambda row: -row[0])


def _kind(result: Result) -> str:
    """What is known of a result without a mistake's name."""
    if result.status == "error":
        named = re.findall(r"^(\w+(?:Error|Exception|Exit|Interrupt))\b", result.message, re.M)
        return f"error: {named[0]}" if named else "error"
    return "wrong in a way that has no name" if result.status == "wrong" else result.status


def identical_answers(graded: Sequence[Graded]) -> list[tuple[str, list[str]]]:
    """Exercises, and the students whose long answers differ in spaces, comments and docstrings
    alone.
    """
    who: dict[tuple[str, str], list[str]] = {}
    for student in students(graded):
        for result in (result for each in student.submissions for result in each.results):
            same = who.setdefault((result.exercise, result.text), [])
            if result.text and student.name not in same:
                same.append(student.name)
    return [(name, same) for (name, _), same in who.items() if len(same) > 1]


def digest(path: Path, limits: Limits, only: Sequence[str]) -> str:
    """Changes with the submission, with the limits, and with what judges it."""
    found = hashlib.sha256(repr((limits, sorted(only))).encode())
    try:
        found.update(path.read_bytes())
    except OSError:
        return ""
    return f"{_judge()}-{found.hexdigest()}"


def _judge() -> str:
    found = hashlib.sha256()
    rooms = ("nmt", "course/checking", "course/exercises", "course/grading")
    for file in sorted(file for room in rooms for file in (ROOT / room).rglob("*.py")):
        found.update(file.read_bytes())
    return found.hexdigest()[:16]


def read_grades(file: Path) -> dict[str, Graded]:
    """What an earlier run wrote with `--json`, by submission; nothing where there is no such file.

    Raises:
        ValueError: if it is of another kind.
    """
    if not file.exists():
        return {}
    try:
        data: Any = json.loads(file.read_bytes())
        if data["format"] != FORMAT:
            raise ValueError
        found = {}
        for each in data["submissions"]:
            results = [Result(**result) for result in each["results"]]
            known = {name: each[name] for name in ("submission", "remarks", "seconds", "digest")}
            found[each["submission"]] = Graded(**known, student=each["student"], results=results)
        return found
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"{file}: these are no grades of this version") from None


def find_submissions(paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Files as they are; of folders all notebooks below them, in order, and what may be one under
    another name. Hidden folders, such as checkpoints of Jupyter, are left out.

    Raises:
        ValueError: for a path that is not there, and where there is no notebook at all.
    """
    found: list[Path] = []
    left: list[Path] = []
    for path in paths:
        if not path.exists():
            raise ValueError(f"{path}: no such file or folder")
        if not path.is_dir():
            found.append(path)
            continue
        for folder, inner, files in os.walk(path):
            inner[:] = sorted(each for each in inner if not each.startswith("."))
            for file in (Path(folder) / each for each in sorted(files) if each[0] != "."):
                if ".ipynb" in file.name.lower():  # `.IPYNB`, and the `.ipynb.txt` of a browser
                    found.append(file)
                elif file.suffix.lower() in (".json", ".py", ".html", ".zip", ".pdf"):
                    left.append(file)
    if not found:
        raise ValueError(f"no notebook (.ipynb) in {', '.join(map(str, paths))}")
    return list(dict.fromkeys(found)), left
