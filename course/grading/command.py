"""The command `python -m course grade`: notebooks or folders of them in, a table out, JSON and CSV
where they are asked for.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_MEMORY = 1024


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
    grading.add_argument(
        "submissions",
        nargs="+",
        type=Path,
        metavar="PATH",
        help="a notebook, or a folder with notebooks in it",
    )
    grading.add_argument("--json", type=Path, metavar="FILE", help="write everything as JSON")
    grading.add_argument(
        "--csv", type=Path, metavar="FILE", help="write one row for each submission"
    )
    grading.add_argument(
        "--seconds",
        type=positive_number,
        default=120.0,
        metavar="S",
        help="for one submission (default 120)",
    )
    grading.add_argument(
        "--answer-seconds",
        type=positive_number,
        default=10.0,
        metavar="S",
        help="for one answer (default 10)",
    )
    grading.add_argument(
        "--memory",
        type=positive_number,
        default=_MEMORY,
        metavar="MB",
        help=f"for one answer (default {_MEMORY})",
    )


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


def find_submissions(paths: Sequence[Path]) -> list[Path]:
    """Files as they are; of folders all notebooks below them, in order. Hidden folders, such as
    checkpoints of Jupyter, are left out.

    Raises:
        ValueError: for a path that is not there, and where there is no notebook at all.
    """
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise ValueError(f"{path}: no such file or folder")
        if not path.is_dir():
            found.append(path)
            continue
        for folder, inner, files in os.walk(path):
            inner[:] = sorted(each for each in inner if not each.startswith("."))
            found += [
                Path(folder) / file
                for file in sorted(files)
                if file.endswith(".ipynb") and not file.startswith(".")
            ]
    if not found:
        raise ValueError(f"no notebook (.ipynb) in {', '.join(map(str, paths))}")
    return list(dict.fromkeys(found))


def _grade(options: argparse.Namespace) -> int:
    submissions = find_submissions(options.submissions)
    if not hasattr(os, "fork"):
        raise ValueError("grading needs Linux or macOS; on Windows it runs in WSL")
    for file in (options.json, options.csv):
        if file is not None and (file.is_dir() or file in submissions):
            raise ValueError(f"{file}: choose another name for the results")
    from course.grading import Limits, Zygote, grade
    from course.grading.report import as_csv, as_data, as_table
    from nmt.checkpoints import write_json, write_whole

    limits = Limits(
        options.seconds, min(options.answer_seconds, options.seconds), int(options.memory * 2**20)
    )
    graded = []
    with Zygote() as zygote:
        isolation = zygote.strength.sentence()
        for number, path in enumerate(submissions, start=1):
            if sys.stderr.isatty():
                print(f"\r{number}/{len(submissions)}", end="", file=sys.stderr, flush=True)
            graded.append(grade(path, zygote, limits))
    if sys.stderr.isatty():
        print("\r" + " " * 20 + "\r", end="", file=sys.stderr)
    print(as_table(graded))
    print(isolation)
    if options.json:
        write_json(options.json, as_data(graded, isolation))
    if options.csv:
        write_whole(options.csv, as_csv(graded).encode())
    return 0
