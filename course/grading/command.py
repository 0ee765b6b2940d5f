"""The command `python -m course grade`: notebooks or folders of them in, a table out, JSON and CSV
where they are asked for.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any


def add_command(commands: Any) -> None:
    """Hang the command into the parser of `python -m course`."""
    description = (
        "Grade the exercises in notebooks. Each answer runs alone, with limits on time, memory,"
        " files and network."
    )
    grading = commands.add_parser(
        "grade", help="grade students' notebooks", description=description
    )
    grading.set_defaults(command=_grade)
    where = "a notebook, or a folder with notebooks in it"
    grading.add_argument("submissions", nargs="+", type=Path, metavar="PATH", help=where)
    for flag, metavar, kind, default, help in _OPTIONS:
        action = "append" if isinstance(default, list) else "store"
        options = {"metavar": metavar, "type": kind, "default": default, "action": action}
        grading.add_argument(f"--{flag}", help=help, **options)
    same = "keep what the --json file holds of submissions that have not changed"
    grading.add_argument("--changed", action="store_true", help=same)


def _count(text: str) -> int:
    if not 1 <= int(text) <= 64:
        raise argparse.ArgumentTypeError(f"must be from 1 to 64, not {text}")
    return int(text)


def positive_number(text: str) -> float:
    """A number above 0, for the parser. Raises `ArgumentTypeError`, or `ValueError` for what is no
    number.
    """
    number = float(text)
    if not 0 < number < 1e6:
        raise argparse.ArgumentTypeError(
            f"must be more than 0, and less than a million, not {text}"
        )
    return number


_JOBS = min(os.cpu_count() or 1, 4)
# Flag, what stands for its value, how to read it, the default, help. A list takes several.
_OPTIONS: tuple[tuple[str, str, Callable[[str], Any], Any, str], ...] = (
    ("json", "FILE", Path, None, "write everything as JSON"),
    ("csv", "FILE", Path, None, "write a row for each student"),
    ("feedback", "FOLDER", Path, None, "write a page for each student"),
    ("students", "FILE", Path, None, "a table with columns file and student (default: by folder)"),
    ("points", "NAME=POINTS", str, [], "what an exercise, or each of a chapter, is worth (1)"),
    ("only", "NAME", str, [], "grade this exercise or chapter alone; may be repeated"),
    ("jobs", "N", _count, _JOBS, "submissions at a time (default: one a processor, up to 4)"),
    ("seconds", "S", positive_number, 120.0, "for one submission (default 120)"),
    ("answer-seconds", "S", positive_number, 10.0, "for one answer (default 10)"),
    ("memory", "MB", positive_number, 1024, "for one answer (default 1024)"),
)


def _grade(options: argparse.Namespace) -> int:
    if not hasattr(os, "fork"):
        raise ValueError("grading needs Linux or macOS; on Windows it runs in WSL")
    from course.grading.classroom import find_submissions, points_of
    from course.grading.pool import graded_in_turn
    from course.grading.report import class_lines, lines_of

    paths, left = find_submissions(options.submissions)
    for file in (options.json, options.csv):
        if file is not None and (file.is_dir() or file in paths):
            raise ValueError(f"{file}: choose another name for the results")
    points_of([], options.points)
    if options.changed and options.json is None:
        raise ValueError("--changed compares with what --json FILE holds: say which file")
    jobs, done = _planned(options, paths)
    isolation, stopped = "nothing is graded yet", False
    results = [done[place] for place in sorted(done)]
    failed = _write(options, results, isolation)  # the places are tried before
    if failed:
        raise ValueError("; ".join(failed))
    try:
        for place, graded, isolation in graded_in_turn(jobs, options.jobs):
            done[place] = graded
            results = [done[place] for place in sorted(done)]
            failed = _write(options, results, isolation)
            print("\n".join(lines_of(graded)), flush=True)
    except KeyboardInterrupt:
        stopped = True
    if len(paths) > 1:
        print("\n".join(class_lines(results, points_of(results, options.points))))
    _tell(options, left, len(paths) - len(jobs))
    if stopped:
        print(f"Stopped: {len(done)} of {len(paths)} submissions were graded.")
    print(isolation if jobs else "Nothing was run.")
    for each in failed:
        print(f"error: {each}", file=sys.stderr)
    return 130 if stopped else 2 if failed else 0


def _planned(
    options: argparse.Namespace, paths: Sequence[Path]
) -> tuple[list[Any], dict[int, Any]]:
    """What is to be graded, and what was graded before and has not changed, by its place."""
    from course.grading import classroom
    from course.grading.grader import Limits
    from course.grading.pool import Job

    only = tuple(sorted(classroom.selected(options.only)))
    roster = classroom.read_roster(options.students) if options.students else {}
    answer = min(options.answer_seconds, options.seconds)
    limits = Limits(options.seconds, answer, int(options.memory * 2**20))
    before = classroom.read_grades(options.json) if options.changed else {}
    jobs, done = [], {}
    for place, path in enumerate(paths):
        digest = classroom.digest(path, limits, only)
        old = before.get(str(path))
        if old is not None and digest and old.digest == digest:
            done[place] = old
        else:
            student = classroom.student_of(path, options.submissions, roster)
            jobs.append(Job(place, path, student, digest, limits, only))
    return jobs, done


def _tell(options: argparse.Namespace, left: Sequence[Path], same: int) -> None:
    """What was not graded now, and why."""
    if same:
        have = "submission has" if same == 1 else "submissions have"
        print(f"{same} {have} not changed: graded before.")
    own = [each for each in (options.json, options.csv, options.feedback) if each]
    for file in left:
        if not any(each == file or each in file.parents for each in own):
            print(f"Not graded, since its name does not end in .ipynb: {file}")


def _write(options: argparse.Namespace, graded: Sequence[Any], isolation: str) -> list[str]:
    """Write what is known so far, each file whole; what could not be written, in words."""
    from course.grading.classroom import points_of, students
    from course.grading.feedback import write_pages
    from course.grading.report import as_csv, as_data
    from nmt.files import write_whole

    failed = []
    points = points_of(graded, options.points)
    if options.json:
        text = json.dumps(as_data(graded, isolation), indent=2, ensure_ascii=False) + "\n"
        failed += _tried(lambda: write_whole(options.json, text.encode("utf-8", "replace")))
    if options.csv:
        rows = as_csv(graded, points)
        failed += _tried(lambda: write_whole(options.csv, rows.encode("utf-8", "replace")))
    if options.feedback:
        failed += _tried(lambda: write_pages(options.feedback, students(graded), points))
    return failed


def _tried(write: Callable[[], Any]) -> list[str]:
    try:
        write()
    except OSError as error:
        return [f"{error.filename}: {error.strerror or error}"]
    return []
