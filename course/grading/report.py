"""Results of a class as a table for eyes, and as JSON and CSV for programs and spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from course.grading.grader import Graded, Result

_SIGN = {"correct": "✓", "not attempted": "○", "missing": "–", "timeout": "…"}


def as_data(graded: Sequence[Graded], isolation: str) -> dict[str, Any]:
    """Everything, for JSON."""
    return {
        "format": "nmt-grades-1",
        "isolation": isolation,
        "submissions": [
            {
                **asdict(each),
                "seconds": round(each.seconds, 2),
                "correct": each.correct,
                "exercises": len(each.results),
            }
            for each in graded
        ],
    }


def as_csv(graded: Sequence[Graded]) -> str:
    """One row for each submission, one column for each exercise that any of them has: status, and
    the mistake by name.
    """
    names = list(
        dict.fromkeys(
            result.exercise for each in graded for result in each.results if result.exercise
        )
    )
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["submission", "correct", *names, "remarks"])
    for each in graded:
        said = {result.exercise: _words(result) for result in each.results}
        remarks = [
            *each.remarks,
            *(
                f"{result.exercise}: {remark}"
                for result in each.results
                for remark in result.remarks
            ),
        ]
        if "" in said:
            remarks.insert(0, f"unreadable: {each.results[0].message}")
        writer.writerow(
            [
                _tame(value)
                for value in (
                    each.submission,
                    each.correct,
                    *(said.get(name, "") for name in names),
                    "; ".join(remarks),
                )
            ]
        )
    return text.getvalue()


def lines_of(each: Graded) -> list[str]:
    """A submission's block of lines, for eyes."""
    count = sum(bool(result.exercise) for result in each.results)
    lines = [f"{_plain(each.submission)}: {each.correct} of {count} correct"]
    width = max((len(result.exercise) for result in each.results), default=0)
    for result in each.results:
        mark = _SIGN.get(result.status, "✗")
        lines.append(f"  {mark} {result.exercise:<{width}}  {_words(result)}")
        detail = _first_line(result)
        lines += [f"      {detail}"] if detail else []
        lines += [f"      note: {_plain(remark)}" for remark in result.remarks]
    return lines + [f"  note: {_plain(remark)}" for remark in each.remarks]


def class_line(graded: Sequence[Graded]) -> str:
    """How many submissions are all correct."""
    whole = sum(
        bool(each.results) and all(result.status == "correct" for result in each.results)
        for each in graded
    )
    return f"{len(graded)} submissions, {whole} of them all correct"


def _words(result: Result) -> str:
    return f"{result.status}: {_plain(result.mistake)}" if result.mistake else result.status


def _first_line(result: Result) -> str:
    """What was seen, in one line; a known mistake's name says it already."""
    if result.mistake and result.status == "wrong":
        return ""
    return _plain(" · ".join(result.message.splitlines()))[:200]


def _plain(text: str) -> str:
    """Without control characters: a file's name or an error's text must not steer the teacher's
    terminal.
    """
    return "".join(each if each.isprintable() else "�" for each in text)


def _tame(value: object) -> str:
    """A cell that no spreadsheet takes for a formula."""
    text = _plain(str(value))
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text
