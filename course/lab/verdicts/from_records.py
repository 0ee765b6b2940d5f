"""The claims that experiments can judge: positions, heads, layers, schedules, discretisation, A and
Δ, and who is best on large.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Any

from course.lab.catalogue import EXPERIMENTS
from course.lab.mistakes import kind_of_mistake
from course.lab.records import wrong_words
from course.lab.tables import Records, found_rows
from course.lab.verdicts.rules import (
    FAILS,
    HOLDS,
    IN_PART,
    Finding,
    Rows,
    Verdict,
    asked,
    best_of,
    better,
    better_by,
    both_ends_fall,
    difference,
    overfits,
    several,
)
from nmt.data import WordPair, load_pairs
from nmt.pig_latin import rule_class

HERE = "08_lab_report"
RULES = ("mixed", "zero-order hold", "bilinear", "backward Euler")
WRONG = "bilinear, factors taken for logarithms"
SLIGHTLY = 0.05  # a difference of more than five points of a hundred is not slight


def rows_of(name: str, records: Records) -> dict[str, Sequence[Mapping[str, Any]]]:
    """The records of each row of an experiment, by the row's label, in the order of their seeds."""
    return {
        outcome.row.label: outcome.records for outcome in found_rows(EXPERIMENTS[name], records)
    }


def judge_records(records: Records) -> list[Verdict]:
    """The verdict on each claim that rows of runs can judge, from the records at hand; "open" where
    runs are missing.
    """
    positions, heads, layers = (rows_of(name, records) for name in ("positions", "heads", "layers"))
    schedule, batching = rows_of("schedule", records), rows_of("batching", records)
    rules, rates, scale = (
        rows_of(name, records) for name in ("discretization", "learning-rate", "delta-scale")
    )
    best = rows_of("best", records)
    two, four = "2 + 2 layers", "4 + 4 layers"
    cases: list[tuple[str, str, Finding, str]] = [
        (
            "3b",
            "Training the positions helps, by 5.8 points",
            better_by(positions, "learned-from-sinusoidal", "sinusoidal", 0.058),
            "2",
        ),
        (
            "3c",
            "Removing the positions costs a third",
            better_by(positions, "sinusoidal", "none", 1 / 3),
            "2",
        ),
        (
            "4a",
            "8 heads of 8 are best",
            best_of(heads, "8 heads", [label for label in heads if label != "8 heads"]),
            "3",
        ),
        (
            "4b",
            "Heads and their size must balance: few heads are worse, and so are many",
            both_ends_fall(heads, list(heads)),
            "3",
        ),
        (
            "4c",
            "More layers overfit: training up, validation down",
            overfits(layers, two, four),
            "3",
        ),
        ("5a", "Cosine beats reduce-on-plateau", better(schedule, "cosine", "plateau"), "4"),
        ("5b", "Adding up gradients makes up for batches of one length", makes_up(batching), "4"),
        (
            "6a",
            "Bilinear is the best discretisation, A from −1 … −n",
            best_of(rules, "bilinear", _others(RULES)),
            "5",
        ),
        (
            "6b",
            "Bilinear is the best discretisation, A from −1",
            _bilinear_at_minus_one(rules),
            "5",
        ),
        (
            "6c",
            "A at −1 beats S4D-real (A from −1 … −n)",
            several([better(rules, f"{r}, A = −1", r) for r in RULES[:3]]),
            "5",
        ),
        (
            "table",
            "What was run as “bilinear” beats Mamba's mixed rule",
            better(rules, WRONG, "mixed"),
            "5",
        ),
        (
            "table",
            "Δ must be divided by the root of the width to be stable",
            needs_scaling(scale, "Δ as it is", "Δ / √128"),
            "6",
        ),
        ("table", "A learning rate of 3e-4 is too small, 3e-3 is good", right_rate(rates), "6"),
        (
            "table",
            "Longer words fail more (the transformer with sinusoids)",
            longer_fail(positions, "sinusoidal"),
            "7",
        ),
        (
            "table",
            "Mistakes of the base: words with a vowel in front, their last letter repeated",
            repeats_the_end(positions),
            "7",
        ),
        (
            "8",
            "A well-tuned Mamba is slightly better than a well-tuned transformer, on large",
            slightly(best),
            "9",
        ),
    ]
    return [
        Verdict(number, claim, *finding, f"{HERE}, section {section}")
        for number, claim, finding, section in cases
    ]


def _others(rules: Sequence[str]) -> list[str]:
    return [rule for rule in rules if rule != "bilinear"]


def _bilinear_at_minus_one(rules: Rows) -> Finding:
    return best_of(rules, "bilinear, A = −1", [f"{rule}, A = −1" for rule in _others(RULES)])


def makes_up(rows: Rows) -> Finding:
    """Batches of one length against padded random ones, with 1 and with 5 batches added up: is
    there a loss, and does it go away?

    In part if it only shrinks, or goes away at a price: batches of one length are better off with
    one batch than with five.
    """
    pairs = [
        tuple(f"{kind}, {number} added up" for kind in ("random lengths, padded", "one length"))
        for number in (1, 5)
    ]

    def rule() -> Finding:
        alone, added = (difference(rows, *pair) for pair in pairs)
        told = f"{alone}. {added}."
        if alone.sign <= 0:
            return (
                FAILS,
                (
                    "There is nothing to make up for: one at a time, batches of one length are not"
                    f" worse. {told}"
                ),
            )
        if added.sign <= 0:
            price = difference(rows, pairs[0][1], pairs[1][1])
            if price.sign > 0:
                return (
                    IN_PART,
                    (
                        "The loss is there with one batch and gone with five, but fewer steps cost"
                        f" more. {price}. {told}"
                    ),
                )
            return HOLDS, f"The loss is there with one batch and gone with five. {told}"
        return (
            (IN_PART, f"The loss shrinks. {told}")
            if added.value < alone.value
            else (FAILS, f"The loss does not shrink. {told}")
        )

    return asked(rows, [label for pair in pairs for label in pair], rule)


def needs_scaling(rows: Rows, plain: str, scaled: str) -> Finding:
    """Does training diverge without the division, and not with it? In part if it only reaches less
    without it.
    """

    def rule() -> Finding:
        lost = {
            label: sum("diverged" in record for record in rows[label]) for label in (plain, scaled)
        }
        found = difference(rows, scaled, plain)
        told = (
            f"Diverged: {lost[plain]} of {len(rows[plain])} seeds without the division,"
            f" {lost[scaled]} of {len(rows[scaled])} with it. "
        )
        if lost[plain] > lost[scaled]:
            return HOLDS, f"{told}{found}."
        return (
            (IN_PART, f"{told}It is not needed for stability, but it helps. {found}.")
            if found.sign > 0
            else (FAILS, f"{told}{found}.")
        )

    return asked(rows, (plain, scaled), rule)


def right_rate(
    rows: Rows, small: str = "learning rate 0.0003", good: str = "learning rate 0.003"
) -> Finding:
    """Is the small rate worse than the good one, and is no rate better than the good one?"""

    def rule() -> Finding:
        too_small, top = (
            difference(rows, good, small),
            max(rows, key=lambda label: _accuracy(rows[label])),
        )
        if too_small.sign <= 0:
            return FAILS, f"{too_small}."
        if top == good:
            return HOLDS, f"{too_small}. No rate reaches more than {good}."
        ahead = difference(rows, top, good)
        if ahead.sign > 0:
            return IN_PART, f"3e-4 is too small, but 3e-3 is not the best. {too_small}. {ahead}."
        return (
            HOLDS,
            f"{too_small}. The highest mean, that of {top}, can't be told from it: {ahead}.",
        )

    return asked(rows, list(rows), rule)


def _accuracy(records: Sequence[Mapping[str, Any]]) -> float:
    return mean(record["best"]["val_accuracy"] for record in records)


def longer_fail(rows: Rows, label: str, pairs: Sequence[WordPair] = ()) -> Finding:
    """Are the longer half of the words wrong more often than the shorter half? By the exact test of
    Fisher, words wrong in most seeds.

    Source: Fisher 1935, "The Design of Experiments", §11 (the lady tasting tea).
    """

    def rule() -> Finding:
        from scipy.stats import fisher_exact

        words = [
            pair.source for pair in pairs or load_pairs(rows[label][0]["training"]["data"], "val")
        ]
        sets = [wrong_words(record) for record in rows[label]]
        missed = {word for word in words if 2 * sum(word in wrong for wrong in sets) > len(sets)}
        middle = sorted(map(len, words))[len(words) // 2]
        long, short = (
            [word for word in words if (len(word) > middle) == longer] for longer in (True, False)
        )
        counts = [
            [len(missed & set(group)), len(group) - len(missed & set(group))]
            for group in (long, short)
        ]
        p = float(fisher_exact(counts).pvalue)
        shares = [wrong / (wrong + right) for wrong, right in counts]
        told = (
            f"Wrong in most of {len(sets)} seeds: {shares[0]:.1%} of the words of more than"
            f" {middle} letters, {shares[1]:.1%} of the others"
        )
        return (
            HOLDS if shares[0] > shares[1] and p < 0.05 else FAILS
        ), f"{told} ({'p < 0.0001' if p < 1e-4 else f'p = {p:.2g}'})."

    return asked(rows, [label], rule)


def repeats_the_end(rows: Rows, label: str = "sinusoidal") -> Finding:
    """Which share of the mistakes is on words with a vowel in front, and which repeats letters? It
    holds if both are more than half.
    """

    def rule() -> Finding:
        mistakes = [mistake for record in rows[label] for mistake in record["mistakes"]]
        if not mistakes:
            return FAILS, "There are no mistakes to look at."
        vowels = mean(rule_class(source) == "vowel" for source, _, _ in mistakes)
        twice = mean(
            kind_of_mistake(source, answer) in ("doubled letter", "copied twice")
            for source, _, answer in mistakes
        )
        told = (
            f"Of {len(mistakes)} mistakes of {len(rows[label])} seeds, {vowels:.0%} are on words"
            f" with a vowel in front, {twice:.0%} repeat letters."
        )
        return (FAILS, IN_PART, HOLDS)[(vowels > 0.5) + (twice > 0.5)], told

    return asked(rows, [label], rule)


def slightly(
    rows: Rows, first: str = "Mamba, large", second: str = "transformer, large"
) -> Finding:
    """Is the first better, by at most five points?"""
    verdict, reason = better(rows, first, second)
    if verdict == HOLDS and difference(rows, first, second).value > SLIGHTLY:
        return IN_PART, f"Better, and more than slightly. {reason}"
    return verdict, reason
