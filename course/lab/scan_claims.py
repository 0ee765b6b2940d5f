"""What the student's report says of scans, held against the measurements of notebook 05."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from course.lab.scan_trials import stored_trials
from course.lab.verdicts import FAILS, HOLDS, IN_PART, Finding, Verdict

HOW, LOOPS = ("plain", "compiled"), ("sequential", "fast")
TREES = ("hillis_steele", "blelloch", "heinsen")
MUCH = 2.0  # times as quick: "much faster"
REPORTED = {2: 2e-5, 128: 1e-3}  # length → the student's largest difference between the scans


def judge_scans() -> list[Verdict]:
    """Claim 9 and what the report says of the scans' difference, from the measured times and
    errors.
    """
    record = stored_trials()
    errors = record["errors"]["student"]
    large = "The two scans differ by 2e-5 at length 2, and by 1e-3 at length 128"
    claims: tuple[tuple[str, str, Finding, int], ...] = (
        ("9", "The parallel scan, compiled, is much faster", quicker(record["compiled"]), 8),
        ("table", large, as_large(errors), 9),
        ("table", "They differ because log 0 is set to −12", by_the_clamp(errors), 9),
    )
    return [Verdict(*claim[:3], f"05_scans, section {claim[3]}") for claim in claims]


def as_large(rows: Sequence[Mapping[str, Any]]) -> Finding:
    """Are the differences of the log-space scan within a factor of two of the reported ones? In
    part if some are.

    Args:
        rows: one length each, with the difference as it is ("heinsen").
    """
    ours = {row["length"]: row["heinsen"] for row in rows}
    near = [0.5 <= ours[length] / theirs <= 2 for length, theirs in REPORTED.items()]
    return Finding(_share(near), (), {f"at length {length}": ours[length] for length in REPORTED})


def by_the_clamp(rows: Sequence[Mapping[str, Any]]) -> Finding:
    """Does the clamp alone make most of the difference at every length? In part if at some.

    Args:
        rows: one length each, with the difference as it is ("heinsen") and with the clamp alone, in
            double precision ("clamp").
    """
    most = [row["clamp"] > 0.5 * row["heinsen"] for row in rows]
    last = max(rows, key=lambda row: row["length"])
    numbers = {
        "longest": last["length"],
        "difference": last["heinsen"],
        "by the clamp": last["clamp"],
    }
    return Finding(_share(most), (), numbers)


def quicker(rows: Sequence[Mapping[str, Any]]) -> Finding:
    """Is the quickest compiled tree twice as quick as the quickest loop? It holds if so at every
    length, in part at some.

    Args:
        rows: one measurement each: "method", "length", and seconds "plain" and "compiled", forward
            and backward ("both").
    """
    wins = {}
    for length in sorted({row["length"] for row in rows}):
        here = {row["method"]: row for row in rows if row["length"] == length}
        seconds = {how: {n: row[how]["both"]["median"] for n, row in here.items()} for how in HOW}
        loops = [own[name] for own in seconds.values() for name in LOOPS if name in own]
        trees = [seconds["compiled"][name] for name in TREES if name in here]
        if loops and trees:
            wins[length] = min(loops) / min(trees)
    verdict = _share([win >= MUCH for win in wins.values()])
    return Finding(verdict, (), {f"times as quick, length {n}": win for n, win in wins.items()})


def _share(found: Sequence[bool]) -> str:
    return HOLDS if all(found) else IN_PART if any(found) else FAILS
