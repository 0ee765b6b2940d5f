"""The student's claims, each held against our runs: holds, holds in part, does not hold, or open
where runs are missing.

A difference counts if it is larger than the spread over seeds and a paired test over words gives p
< 0.05. "Does not hold" means that our runs show the opposite, or nothing beyond luck; the reason
says which.
"""

from course.lab.tables import Records
from course.lab.verdicts.elsewhere import judge_embeddings, judge_models, judge_scans
from course.lab.verdicts.from_records import judge_records, rows_of
from course.lab.verdicts.readings import NO_WINNER, crossing_of, read_rows, winner
from course.lab.verdicts.rules import (
    ENOUGH,
    FAILS,
    HOLDS,
    IN_PART,
    OPEN,
    VERDICTS,
    Difference,
    Verdict,
    difference,
)

__all__ = [
    "ENOUGH",
    "FAILS",
    "HOLDS",
    "IN_PART",
    "NO_WINNER",
    "OPEN",
    "VERDICTS",
    "Difference",
    "Verdict",
    "crossing_of",
    "difference",
    "judge_all",
    "judge_embeddings",
    "judge_models",
    "judge_records",
    "judge_scans",
    "read_rows",
    "rows_of",
    "winner",
]


def judge_all(records: Records) -> list[Verdict]:
    """Every claim and its parts, in the order of the claims; what only a table says comes last.
    Takes some seconds.
    """
    found = [*judge_models(), *judge_embeddings(), *judge_records(records), *judge_scans()]
    return sorted(found, key=lambda one: (one.number == "table", one.number))
