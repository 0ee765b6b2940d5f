"""Results of a class as a table for eyes, and as JSON and CSV for programs and spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from course.grading.classroom import (
    FORMAT,
    Student,
    common_mistakes,
    identical_answers,
    students,
)
from course.grading.grader import Graded, Result

MOST = 12  # mistakes in the class's table
_SIGN = {"correct": "✓", "not attempted": "○", "missing": "–", "timeout": "…"}


def as_data(graded: Sequence[Graded], isolation: str) -> dict[str, Any]:
    """Everything, for JSON."""
    heads, common = ("students", "exercise", "mistake", "names"), common_mistakes(graded)
    identical = [{"exercise": name, "names": same} for name, same in identical_answers(graded)]
    submissions = []
    for each in graded:
        counts = {"correct": each.correct, "exercises": len(each.results)}
        submissions.append(asdict(each) | {"seconds": round(each.seconds, 2)} | counts)
    return {
        "format": FORMAT,
        "isolation": isolation,
        "mistakes": [dict(zip(heads, row)) for row in common],
        "identical": identical,
        "submissions": submissions,
    }


def as_csv(graded: Sequence[Graded], points: Mapping[str, float]) -> str:
    """One row for each student, as gradebooks take it: `student_id`, `score` and `max_score` (the
    names that nbgrader exports), one column for each exercise with its status and the mistake by
    name, remarks, and the files.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    head = ["student_id", "score", "max_score", *points, "remarks", "submissions"]
    writer.writerow(head)
    whole = f"{sum(points.values()):g}"
    for student in students(graded):
        results = student.results
        row = [student.name, f"{student.score(points):g}", whole]
        row += [_words(results[name]) if name in results else "" for name in points]
        row += ["; ".join(_remarks(student)), "; ".join(e.submission for e in student.submissions)]
        writer.writerow([_tame(value) for value in row])
    return text.getvalue()


def _remarks(student: Student) -> list[str]:
    said = []
    for each in student.submissions:
        said += [f"unreadable: {r.message}" for r in each.results if not r.exercise]
        said += each.remarks
        said += [f"{r.exercise}: {remark}" for r in each.results for remark in r.remarks]
    return said


def lines_of(each: Graded) -> list[str]:
    """A submission's block of lines, for eyes."""
    count = sum(bool(result.exercise) for result in each.results)
    lines = [f"{plain(each.submission)}: {each.correct} of {count} correct"]
    width = max((len(result.exercise) for result in each.results), default=0)
    for result in each.results:
        mark = _SIGN.get(result.status, "✗")
        lines.append(f"  {mark} {result.exercise:<{width}}  {_words(result)}")
        detail = _first_line(result)
        lines += [f"      {detail}"] if detail else []
        lines += [f"      note: {plain(remark)}" for remark in result.remarks]
    return lines + [f"  note: {plain(remark)}" for remark in each.remarks]


def class_lines(graded: Sequence[Graded], points: Mapping[str, float]) -> list[str]:
    """The class: how many are all correct, its most common mistakes, and identical answers."""
    everyone = students(graded)
    whole = sum(student.score(points) == sum(points.values()) for student in everyone)
    lines = [f"{len(everyone)} students, {whole} of them all correct"]
    common = common_mistakes(graded)[:MOST]
    if common:
        lines.append("Most common mistakes:")
    lines += [
        f"  {count} × {name}: {plain(what)} ({_some(who)})" for count, name, what, who in common
    ]
    lines += [
        f"Same answer but for spaces and comments: {name} ({_some(who)})"
        for name, who in identical_answers(graded)
    ]
    return lines


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return ", ".join(map(plain, names[:4])) + more


def _words(result: Result) -> str:
    return f"{result.status}: {plain(result.mistake)}" if result.mistake else result.status


def _first_line(result: Result) -> str:
    """What was seen, in one line; a known mistake's name says it already."""
    if result.mistake and result.status == "wrong":
        return ""
    return plain(" · ".join(result.message.splitlines()))[:200]


def plain(text: str, keep: str = "") -> str:
    """Without control characters but those to `keep`: a file's name or an error's text must not
    steer the teacher's terminal.
    """
    return "".join(each if each.isprintable() or each in keep else "�" for each in text)


def _tame(value: object) -> str:
    """A cell that no spreadsheet takes for a formula."""
    text = plain(str(value))
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text
