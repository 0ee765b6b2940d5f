"""The claims that other notebooks judge, by the same functions: what heads do, embeddings, Mamba's
memory, and how quick scans are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from statistics import mean
from typing import Any

from course.interpretability.embeddings import vowel_grouping
from course.interpretability.mamba_claim import judge_packing
from course.interpretability.mamba_memory import measure_memory
from course.interpretability.stored_embeddings import load_tables
from course.interpretability.transformer_claim import Part, judge, questions, show_another_letter
from course.lab.records import RECORDS
from course.lab.verdicts.rules import FAILS, HOLDS, IN_PART, LEVEL, Finding, Verdict
from nmt.checkpoints import load_checkpoint
from nmt.data import load_pairs
from nmt.trace import trace

SCANS = RECORDS.parent / "scans.json"
LOOKING, SCANNING = "07_interpretability", "05_scans"
# a silhouette up to which no substantial structure is found (Kaufman & Rousseeuw 1990, table 4)
NO_STRUCTURE = 0.25
MUCH = 2.0  # times as quick: "much faster"
LOOPS, TREES = ("sequential", "fast"), ("hillis_steele", "blelloch", "heinsen")
REPORTED = {2: 2e-5, 128: 1e-3}  # length → the student's largest difference between the scans
_IN_OUR_WORDS = {"confirmed": HOLDS, "refined": IN_PART, "refuted": FAILS}


def of_parts(number: str, parts: Sequence[Part], section: str) -> list[Verdict]:
    """Verdicts of notebook 07 in the words of this one, one for each part of a claim."""
    return [
        Verdict(
            f"{number}{letter}",
            part.claim[:1].upper() + part.claim[1:],
            _IN_OUR_WORDS[part.verdict],
            _numbers(part.numbers),
            section,
        )
        for letter, part in zip("abcdefgh", parts)
    ]


def _numbers(numbers: Mapping[str, float]) -> str:
    said = (
        f"{name}: {value:.0%}" if 0 < value < 1 else f"{name}: {value:g}"
        for name, value in numbers.items()
    )
    return f"{'; '.join(said)}."


@cache
def judge_models(
    transformer: str = "transformer-small", mamba: str = "mamba-small"
) -> list[Verdict]:
    """Claims 1, 3a and 7: what heads do, whether places count more than letters, and whether Mamba
    packs the word. Takes some seconds.

    Args:
        transformer, mamba: names of checkpoints; claim 7 is about a Mamba whose A is −1.
    """
    model, pairs = load_checkpoint(transformer).model, load_pairs("small", "val")
    words = [pair.source for pair in pairs]
    first = of_parts("1", judge(model, trace(model, words, truth=True)), f"{LOOKING}, section 8")
    shown = show_another_letter(model, questions(words))
    told = (
        "Shown another letter as the last one written, the decoder keeps count in"
        f" {shown['place']:.0%} of the words and goes by the letter in {shown['other']:.0%}."
    )
    verdict = (
        HOLDS
        if shown["place"] > 2 * shown["other"]
        else IN_PART
        if shown["place"] > shown["other"]
        else FAILS
    )
    third = Verdict(
        "3a", "Positions matter more than letters", verdict, told, f"{LOOKING}, section 8"
    )
    keeper = load_checkpoint(mamba).model
    statistics = measure_memory(trace(keeper, words, truth=True))
    some = [pair for number, pair in enumerate(pairs) if number % 3 == 0 or "-" in pair.source]
    return [
        *first,
        third,
        *of_parts("7", judge_packing(keeper, statistics, some), f"{LOOKING}, section 12"),
    ]


def judge_embeddings() -> list[Verdict]:
    """Claim 2: do vowels keep together, at width 64 and at a much smaller width? From the tables
    that came with the course.
    """
    runs = load_tables()
    groups = {
        width: [vowel_grouping(run.after) for run in runs[f"width-{width}"]]
        for width in (8, 16, 64)
    }
    told = {
        width: (
            f"silhouettes {', '.join(f'{one.silhouette:z.2f}' for one in own)} (p at most"
            f" {max(one.p_value for one in own):.2g})"
        )
        for width, own in groups.items()
    }
    cases = [
        (
            "2a",
            "At width 64 vowels and consonants do not cluster",
            not_grouped(groups[64], told[64]),
        ),
        (
            "2b",
            "A much smaller width might show clusters",
            more_grouped(groups[8], groups[64], f"Width 8: {told[8]}. Width 64: {told[64]}."),
        ),
    ]
    return [
        Verdict(number, claim, *finding, f"{LOOKING}, section 10")
        for number, claim, finding in cases
    ]


def not_grouped(groups: Sequence[Any], told: str) -> Finding:
    """It holds if in no seed the grouping is more than chance, and in part if it is, but too weak
    for structure.
    """
    if all(one.p_value >= LEVEL for one in groups):
        return HOLDS, f"Nothing beyond chance: {told}."
    weak = mean(one.silhouette for one in groups) <= NO_STRUCTURE
    return (IN_PART, f"Weak, but beyond chance: {told}.") if weak else (FAILS, f"They do: {told}.")


def more_grouped(narrow: Sequence[Any], wide: Sequence[Any], told: str) -> Finding:
    """It holds if each narrow table groups more than every wide one and more than chance; in part
    if so on average.
    """
    if min(one.silhouette for one in narrow) > max(one.silhouette for one in wide) and all(
        one.p_value < LEVEL for one in narrow
    ):
        return HOLDS, told
    return (
        IN_PART
        if mean(one.silhouette for one in narrow) > mean(one.silhouette for one in wide)
        else FAILS
    ), told


def judge_scans(path: Path = SCANS) -> list[Verdict]:
    """Claim 9 and what the report says of the scans' difference, from the measured times and
    errors.
    """
    record = json.loads(path.read_text(encoding="utf-8"))
    errors, place = record["errors"]["student"], f"{SCANNING}, section 9"
    return [
        Verdict(
            "9",
            "The parallel scan, compiled, is much faster",
            *quicker(record["compiled"]),
            f"{SCANNING}, section 8",
        ),
        Verdict(
            "table",
            "The two scans differ by 2e-5 at length 2, and by 1e-3 at length 128",
            *as_large(errors),
            place,
        ),
        Verdict("table", "They differ because log 0 is set to −12", *by_the_clamp(errors), place),
    ]


def as_large(
    rows: Sequence[Mapping[str, Any]], reported: Mapping[int, float] = REPORTED
) -> Finding:
    """Are the differences of the log-space scan within a factor of two of the reported ones? In
    part if some are.

    Args:
        rows: one length each, with the difference as it is ("heinsen").
        reported: length → the student's figure.
    """
    ours = {row["length"]: row["heinsen"] for row in rows}
    near = [0.5 <= ours[length] / theirs <= 2 for length, theirs in reported.items()]
    told = ", ".join(f"{ours[length]:.0e} at length {length}" for length in reported)
    return (
        HOLDS if all(near) else IN_PART if any(near) else FAILS
    ), f"The same noise through one layer makes {told}."


def by_the_clamp(rows: Sequence[Mapping[str, Any]]) -> Finding:
    """Does the clamp alone make most of the difference at every length? In part if at some.

    Args:
        rows: one length each, with the difference as it is ("heinsen") and with the clamp alone, in
            double precision ("clamp").
    """
    most = [row["clamp"] > 0.5 * row["heinsen"] for row in rows]
    last = max(rows, key=lambda row: row["length"])
    told = (
        f"At length {last['length']} the clamp alone makes {last['clamp']:.0e} of"
        f" {last['heinsen']:.0e}; the rest is cancellation."
    )
    return (HOLDS if all(most) else IN_PART if any(most) else FAILS), told


def quicker(rows: Sequence[Mapping[str, Any]]) -> Finding:
    """It holds if so at every length, in part at some; else it does not hold.

    Args:
        rows: one measurement each: "method", "length", and seconds "plain" and "compiled", forward
            and backward ("both").

    Raises:
        ValueError: if no length has both a loop and a tree.
    """
    wins, told = [], ""
    for length in sorted({row["length"] for row in rows}):
        here = {row["method"]: row for row in rows if row["length"] == length}
        loops = [
            here[name][how]["both"]["median"]
            for name in LOOPS
            if name in here
            for how in ("plain", "compiled")
        ]
        trees = {name: here[name]["compiled"]["both"]["median"] for name in TREES if name in here}
        if not loops or not trees:
            continue
        best = min(trees, key=trees.__getitem__)
        wins.append(min(loops) / trees[best])
        told = (
            f"at length {length} the quickest compiled one ({best.replace('_', '–')}) takes"
            f" {1e3 * trees[best]:.2g} ms, the quickest loop {1e3 * min(loops):.2g} ms"
        )
    if not wins:
        raise ValueError(
            "to compare a parallel scan with a loop, both must be measured at one length"
        )
    verdict = HOLDS if min(wins) >= MUCH else IN_PART if max(wins) >= MUCH else FAILS
    return (
        verdict,
        (
            f"On two cores, forward and backward: at {sum(win > 1 for win in wins)} of {len(wins)}"
            f" lengths it is quicker at all; {told}."
        ),
    )
