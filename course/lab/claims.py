"""The claims of the student's report that runs can judge, and the few rules by which they do. Each
rule takes the rows that it needs from an experiment and returns a `Finding`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import permutations
from statistics import mean, stdev
from typing import Any

from course.lab.catalogue import EXPERIMENTS
from course.lab.mistakes import kind_of_mistake
from course.lab.records import RECORDS, wrong_words
from course.lab.tables import Records
from course.lab.verdicts import (
    BY_SIGN,
    FAILS,
    HOLDS,
    IN_PART,
    LEVEL,
    NOT_SHOWN,
    OPEN,
    Finding,
    Rows,
    Rule,
    Verdict,
    accuracy,
    best_of,
    better,
    better_by,
    both_ends_fall,
    corrected,
    difference,
    differences,
    lacking,
    rows_of,
)
from nmt.data import load_pairs
from nmt.pig_latin import rule_class
from nmt.runs import reported

SLIGHTLY = 0.05  # a difference of more than five points of a hundred is not slight
RULES = ("mixed", "zero-order hold", "bilinear", "backward Euler")
WRONG = "bilinear, factors taken for logarithms"


def overfits(rows: Rows, smaller: str, larger: str) -> Finding:
    """Does the larger model get training words better and validation words worse? In part if only
    the latter.
    """
    found = difference(rows, larger, smaller)
    more, less = (
        [reported(record)["train_accuracy"] for record in rows[label]]
        for label in (larger, smaller)
    )
    gain, spread = mean(more) - mean(less), max(stdev(more), stdev(less))
    verdict = BY_SIGN[-found.sign] if gain > spread or found.sign >= 0 else IN_PART
    return Finding(verdict, (found,), {"gain on training words": gain, "its spread": spread})


def makes_up(rows: Rows) -> Finding:
    """Batches of one length against padded random ones, with 1 and with 5 batches added up: is
    there a loss, and does it go away?

    It holds if the loss goes away because batches of one length gain. In part if it only shrinks,
    or is gone without a gain: then random lengths may have lost, to fewer steps, what they led by.
    """
    padded, same = ([f"{kind}, {n} added up" for n in (1, 5)] for kind in _KINDS)
    pairs = [*zip(padded, same), same]
    alone, added, price = corrected([difference(rows, *pair) for pair in pairs])
    if alone.sign <= 0:
        verdict = FAILS if alone.sign else NOT_SHOWN
    elif added.sign <= 0:
        verdict = HOLDS if price.sign < 0 else IN_PART
    else:
        verdict = IN_PART if added.value < alone.value else BY_SIGN[-price.sign]
    return Finding(verdict, (alone, added, price))


_KINDS = ("random lengths, padded", "one length")


def needs_scaling(rows: Rows, plain: str, scaled: str) -> Finding:
    """Does training diverge without the division, and not with it? In part if it only reaches less
    without it.
    """
    found = difference(rows, scaled, plain)
    lost = [sum("diverged" in record for record in rows[label]) for label in (plain, scaled)]
    opposite = lost[0] < lost[1] or found.sign < 0
    verdict = HOLDS if lost[0] > lost[1] else IN_PART if found.sign > 0 else NOT_SHOWN
    verdict = FAILS if opposite else verdict
    return Finding(verdict, (found,), {"diverged without": lost[0], "diverged with": lost[1]})


def right_rate(rows: Rows, small: str, good: str) -> Finding:
    """Is the small rate worse than the good one, and is no rate better than the good one?"""
    top = max(rows, key=lambda label: accuracy(rows[label]))
    found = [difference(rows, good, small)]
    if top != good:  # chosen for its result, from all other rates
        found += differences(rows, good, [top], len(rows) - 1)
    verdict = BY_SIGN[found[0].sign]
    return Finding(IN_PART if verdict == HOLDS and found[-1].sign < 0 else verdict, tuple(found))


def longer_fail(rows: Rows, label: str) -> Finding:
    """Are the longer half of the words wrong more often than the shorter half? By the exact test of
    Fisher, words wrong in most seeds.

    Source: Fisher 1935, "The Design of Experiments", §11 (the lady tasting tea).
    """
    from scipy.stats import fisher_exact

    words = [pair.source for pair in load_pairs(rows[label][0]["training"]["data"], "val")]
    sets = [wrong_words(record) for record in rows[label]]
    missed = {word for word in words if 2 * sum(word in wrong for wrong in sets) > len(sets)}
    middle = sorted(map(len, words))[len(words) // 2]
    long, short = ([w for w in words if (len(w) > middle) == longer] for longer in (True, False))
    counts = [[len(missed & set(group)), len(set(group) - missed)] for group in (long, short)]
    p = float(fisher_exact(counts).pvalue)
    shares = [wrong / (wrong + right) for wrong, right in counts]
    verdict = NOT_SHOWN if p >= LEVEL else HOLDS if shares[0] > shares[1] else FAILS
    numbers = {"letters of a long word, more than": middle, "long, wrong": shares[0]}
    return Finding(verdict, (), {**numbers, "others, wrong": shares[1], "p": p})


def repeats_the_end(rows: Rows, label: str) -> Finding:
    """Which share of the mistakes is on words with a vowel in front, and which repeats letters? It
    holds if both are more than half.
    """
    mistakes = [mistake for record in rows[label] for mistake in record["mistakes"]]
    twice = ("doubled letter", "copied twice")
    shares = {
        "on words with a vowel in front": [rule_class(word) == "vowel" for word, _, _ in mistakes],
        "that repeat letters": [kind_of_mistake(word, own) in twice for word, _, own in mistakes],
    }
    numbers = {name: mean(found) if found else 0.0 for name, found in shares.items()}
    verdict = (FAILS, IN_PART, HOLDS)[sum(share > 0.5 for share in numbers.values())]
    return Finding(verdict, (), {"mistakes": len(mistakes), **numbers})


def slightly(rows: Rows, first: str, second: str) -> Finding:
    """Is the first better, by at most five points, on the *test* words? The validation words chose
    the settings. Where no seeds were kept that could be asked, the validation words decide.
    """
    record = json.loads((RECORDS.parent / "beyond.json").read_text(encoding="utf-8"))
    asked = {label: on_test_words(record, label) for label in (first, second)}
    found = better(asked if min(map(len, asked.values())) > 1 else rows, first, second)
    much = found.verdict == HOLDS and found.differences[0].value > SLIGHTLY
    numbers = {
        f"{label}: test words wrong": mean(len(one["mistakes"]) for one in own)
        for label, own in asked.items()
        if own
    }
    return Finding(IN_PART if much else found.verdict, found.differences, numbers)


def on_test_words(beyond: Mapping[str, Any], label: str) -> list[Mapping[str, Any]]:
    """The answers of a row's seeds to the test words, as records that can be compared."""
    own = beyond.get(label.lower().replace(", ", "-"), {"seeds": {}})
    return [
        {
            "training": {"data": own["data"]},
            "words": one["wrong"][1],
            "mistakes": one["mistakes"],
            "last": {"val_accuracy": 1 - one["wrong"][0] / one["wrong"][1]},
        }
        for one in own["seeds"].values()
    ]


def all_rules(rows: Rows) -> Finding:
    """A at −1 against −1 … −n by each rule: it holds if it is better by all, in part if by some."""
    found = corrected([difference(rows, f"{rule}, A = −1", rule) for rule in RULES[:3]])
    signs = {one.sign for one in found}
    verdict = BY_SIGN[min(signs)] if len(signs) == 1 else IN_PART if 1 in signs else FAILS
    return Finding(verdict, found)


def _by(points: float) -> Rule:
    return partial(better_by, points=points)


def _best(rows: Rows, label: str, *rivals: str) -> Finding:
    return best_of(rows, label, rivals)


def _balance(rows: Rows) -> Finding:
    return both_ends_fall(rows, list(rows))


_SINES, _TRAINED = "sinusoidal", "learned-from-sinusoidal"
_HEADS = ("8 heads", "1 head", "2 heads", "4 heads", "16 heads")
_BILINEAR = ("bilinear", *(rule for rule in RULES if rule != "bilinear"))
_BILINEAR_AT_ONE = tuple(f"{rule}, A = −1" for rule in _BILINEAR)
_RATE = partial(right_rate, small="learning rate 0.0003", good="learning rate 0.003")
_ENDS = "Mistakes of the base: words with a vowel in front, their last letter repeated"
_BALANCE = "Heads and their size must balance: few heads are worse, and so are many"
_OVERFIT = "More layers overfit: training up, validation down"
_ADDED = "Adding up gradients makes up for batches of one length"
_STABLE = "Δ must be divided by the root of the width to be stable"
_TUNED = "A well-tuned Mamba is slightly better than a well-tuned transformer, on large"
# Section of notebook 09 and experiment → number, claim, rule, the rows that it takes (none: all).
_BY_SECTION: Mapping[tuple[int, str], Sequence[tuple[Any, ...]]] = {
    (3, "positions"): (
        ("3b", "Training the positions helps, by 5.3 points", _by(0.053), _TRAINED, _SINES),
        ("3c", "Removing the positions costs a third of the words", _by(1 / 3), _SINES, "none"),
    ),
    (4, "heads"): (("4a", "8 heads of 8 are best", _best, *_HEADS), ("4b", _BALANCE, _balance)),
    (8, "layers"): (("4c", _OVERFIT, overfits, "2 + 2 layers", "4 + 4 layers"),),
    (5, "schedule"): (("5a", "Cosine beats reduce-on-plateau", better, "cosine", "plateau"),),
    (5, "batching"): (("5b", _ADDED, makes_up),),
    (6, "discretization"): (
        ("6a", "Bilinear is the best discretisation, A from −1 … −n", _best, *_BILINEAR),
        ("6b", "Bilinear is the best discretisation, A from −1", _best, *_BILINEAR_AT_ONE),
        ("6c", "A at −1 beats S4D-real (A from −1 … −n)", all_rules),
        ("table", "What was run as “bilinear” beats Mamba's mixed rule", better, WRONG, "mixed"),
    ),
    (8, "delta-scale"): (("table", _STABLE, needs_scaling, "Δ as it is", "Δ / √128"),),
    (8, "learning-rate"): (("table", "A learning rate of 3e-4 is too small, 3e-3 is good", _RATE),),
    (9, "positions"): (
        ("table", "Longer words fail more (the transformer with sinusoids)", longer_fail, _SINES),
        ("table", _ENDS, repeats_the_end, _SINES),
    ),
    (11, "best"): (("8", _TUNED, slightly, "Mamba, large", "transformer, large"),),
}
CLAIMS = [
    (number, claim, section, experiment, labels, rule)
    for (section, experiment), claims in _BY_SECTION.items()
    for number, claim, rule, *labels in claims
]


def claimed_sizes() -> dict[tuple[str, str], float]:
    """What the student reports for the difference of two rows of an experiment: (first, second) →
    the difference of their word accuracies, one run each.
    """
    found: dict[tuple[str, str], float] = {}
    for name in dict.fromkeys(experiment for _, experiment in _BY_SECTION):
        rows = {r.label: r.student.val_accuracy for r in EXPERIMENTS[name].rows if r.student}
        found |= {(one, two): rows[one] - rows[two] for one, two in permutations(rows, 2)}
    return found


def judge_records(records: Records) -> list[Verdict]:
    """The verdict on each claim that rows of runs can judge, from the records at hand; "open" where
    runs are missing.
    """
    found = []
    for number, claim, section, experiment, labels, rule in CLAIMS:
        rows = rows_of(experiment, records)
        open_yet = lacking(rows, labels or list(rows))
        finding = Finding(OPEN) if open_yet else rule(rows, *labels)
        found.append(Verdict(number, claim, finding, f"09_lab_report, section {section}"))
    return found
