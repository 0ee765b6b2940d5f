"""A page for each student: what was right, what was seen elsewhere, and the next question."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from course.grading.classroom import Student
from course.grading.grader import Result
from course.grading.report import plain
from nmt.files import write_whole

_STYLE = (
    ":root { color-scheme: light dark; } body { font: 1rem/1.5 system-ui, sans-serif;"
    " max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }"
    " pre { white-space: pre-wrap; overflow-wrap: anywhere; border-left: 3px solid;"
    " padding: 0 1rem; }"
)


def write_pages(
    folder: Path, students: Sequence[Student], points: Mapping[str, float]
) -> list[Path]:
    """`STUDENT.html` for each, with nothing in it that runs or loads.

    Raises:
        OSError: if the folder can't be written.
    """
    written: list[Path] = []
    for student in students:
        name = re.sub(r"[^\w.-]+", "-", plain(student.name, keep="\n")).strip(".-") or "student"
        taken, number = name, 2
        while folder / f"{taken}.html" in written:
            taken, number = f"{name}-{number}", number + 1
        written.append(folder / f"{taken}.html")
        content = page(student, points).encode("utf-8", "replace")
        if not written[-1].exists() or written[-1].read_bytes() != content:
            write_whole(written[-1], content)  # a class is written once for each submission
    return written


def page(student: Student, points: Mapping[str, float]) -> str:
    """The page's text."""
    name = _shown(student.name)
    score = f"{student.score(points):g} of {sum(points.values()):g} points"
    parts = [_about(result, points.get(each, 1.0)) for each, result in student.results.items()]
    unread = [
        f"<p>{_shown(result.message)}</p>"
        for each in student.submissions
        for result in each.results
        if not result.exercise
    ]
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{name}</title>'
        f"<style>{_STYLE}</style></head>\n<body><h1>{name}</h1>\n<p>{score}</p>\n"
        + "\n".join([*parts, *unread])
        + "\n</body></html>\n"
    )


def _about(result: Result, points: float) -> str:
    head = f"<h2>{escape(result.exercise)}: {result.status}</h2>"
    got = points if result.status == "correct" else 0
    said = f"<p>{got:g} of {points:g}</p>"
    if result.mistake:
        said += f"<p>{_shown(result.mistake)}</p>"
    if result.message:
        said += f"<pre>{_shown(result.message)}</pre>"
    if result.question:
        said += f"<p>{_shown(result.question)}</p>"
    return head + said


def _shown(text: str) -> str:
    return escape(plain(text, keep="\n"))
