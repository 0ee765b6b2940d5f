"""The command `python -m course grade`: notebooks or folders of them in, a table out, JSON and CSV
where they are asked for.
"""

from __future__ import annotations

import argparse
import io
import json
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
                if file.lower().endswith(".ipynb") and not file.startswith(".")
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
    from course.grading import Graded, Limits, Zygote, grade
    from course.grading.report import class_line, lines_of

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a name that can't be shown ends nothing
    limits = Limits(
        options.seconds, min(options.answer_seconds, options.seconds), int(options.memory * 2**20)
    )
    graded: list[Graded] = []
    failed = _write(options, graded, "nothing is graded yet")  # the places are tried before
    if failed:
        raise ValueError("; ".join(failed))
    with Zygote() as zygote:
        isolation, stopped = zygote.strength.sentence(), False
        try:
            for path in submissions:
                graded.append(grade(path, zygote, limits))
                failed = _write(options, graded, isolation)
                print("\n".join(lines_of(graded[-1])), flush=True)
        except KeyboardInterrupt:
            stopped = True
    if len(submissions) > 1:
        print(class_line(graded))
    if stopped:
        print(f"Stopped: {len(graded)} of {len(submissions)} submissions were graded.")
    print(isolation)
    for each in failed:
        print(f"error: {each}", file=sys.stderr)
    return 130 if stopped else 2 if failed else 0


def _write(options: argparse.Namespace, graded: Sequence[Any], isolation: str) -> list[str]:
    """Write what is known so far, each file whole; what could not be written, in words."""
    from course.grading.report import as_csv, as_data
    from nmt.files import write_whole

    failed = []
    for file in (options.json, options.csv):
        if file is None:
            continue
        if file is options.json:
            text = json.dumps(as_data(graded, isolation), indent=2, ensure_ascii=False) + "\n"
        else:
            text = as_csv(graded)
        try:
            write_whole(file, text.encode("utf-8", "replace"))
        except OSError as error:
            failed.append(f"{file}: {error.strerror or error}")
    return failed
