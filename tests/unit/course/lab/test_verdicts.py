"""Made-up records in which the answer is known, so that each rule reaches each of its verdicts."""

import pytest

from course.interpretability.embeddings import Grouping
from course.interpretability.transformer_claim import Part
from course.lab.records import find_records
from course.lab.verdicts import (
    ENOUGH,
    FAILS,
    HOLDS,
    IN_PART,
    NO_WINNER,
    OPEN,
    VERDICTS,
    difference,
    judge_all,
    judge_records,
    judge_scans,
)
from course.lab.verdicts.elsewhere import (
    as_large,
    by_the_clamp,
    more_grouped,
    not_grouped,
    of_parts,
    quicker,
)
from course.lab.verdicts.from_records import (
    WRONG,
    longer_fail,
    makes_up,
    needs_scaling,
    repeats_the_end,
    right_rate,
    rows_of,
    slightly,
)
from course.lab.verdicts.readings import crossings, winner
from course.lab.verdicts.rules import best_of, better, better_by, both_ends_fall, overfits, several
from nmt.data import load_pairs

WORDS = [pair.source for pair in load_pairs("small", "val")]


def row(*wrong, train=0.9, shift=7, data="small", **more):
    """One record a seed, with so many wrong words each; another seed is wrong on partly other
    words.
    """
    return [
        {
            "seed": seed,
            "training": {"data": data},
            "words": len(WORDS),
            "best": {
                "val_accuracy": 1 - count / len(WORDS),
                "train_accuracy": train + 0.001 * seed,
            },
            "mistakes": [
                [word, "", ""] for word in (WORDS[seed * shift :] + WORDS[: seed * shift])[:count]
            ],
            **more,
        }
        for seed, count in enumerate(wrong)
    ]


GOOD, FAIR, BAD = row(10, 12, 11), row(40, 42, 41), row(100, 102, 101)
TWIN = row(11, 10, 12)  # as good as GOOD


def test_a_difference_counts_only_beyond_the_spread_and_the_luck_of_words():
    rows = {"good": GOOD, "bad": BAD, "twin": TWIN, "wild": row(10, 300, 11), "few": GOOD[:1]}
    found = difference(rows, "good", "bad")
    assert (
        found.sign == 1
        and found.p < 1e-4
        and found.seeds == 3
        and found.value == pytest.approx(90 / len(WORDS))
    )
    assert difference(rows, "bad", "good").sign == -1 and difference(rows, "good", "twin").sign == 0
    wild = difference(rows, "good", "wild")
    assert wild.p < 1e-4 and wild.value < wild.spread and wild.sign == 0, (
        "the words agree, the seeds do not"
    )
    assert (
        str(found)
        == "good 96.6%, bad 68.7%: a difference of +27.9 points, spread 0.3, p < 0.0001, 3 seeds"
    )
    with pytest.raises(ValueError, match="share 1 seeds"):
        difference(rows, "good", "few")


def test_better():
    rows = {"good": GOOD, "fair": FAIR, "bad": BAD, "twin": TWIN, "few": GOOD[: ENOUGH - 1]}
    assert better(rows, "good", "bad")[0] == HOLDS
    assert better(rows, "bad", "good")[0] == FAILS and better(rows, "bad", "good")[1].startswith(
        "It is the other way round."
    )
    assert (
        better(rows, "good", "twin")[0] == FAILS
        and "inside the spread" in better(rows, "good", "twin")[1]
    )
    assert (
        better(rows, "good", "few") == (OPEN, "Seeds not run yet: few (2 of 3).")
        and better(rows, "good", "gone")[0] == OPEN
    )


def test_better_by_so_many_points():
    rows = {"good": GOOD, "fair": FAIR, "bad": BAD}
    points = 30 / len(WORDS)
    assert better_by(rows, "good", "fair", points)[0] == HOLDS
    assert (
        better_by(rows, "good", "bad", points)[0] == IN_PART
        and "more than twice" in better_by(rows, "good", "bad", points)[1]
    )
    assert (
        better_by(rows, "good", "fair", 3 * points)[0] == IN_PART
        and "less than half" in better_by(rows, "good", "fair", 3 * points)[1]
    )
    assert (
        better_by(rows, "fair", "good", points)[0] == FAILS
        and better_by(rows, "fair", "gone", points)[0] == OPEN
    )


def test_best_of():
    rows = {"good": GOOD, "fair": FAIR, "bad": BAD, "twin": TWIN}
    assert best_of(rows, "good", ["fair", "bad"])[0] == HOLDS
    assert best_of(rows, "good", ["fair", "twin"])[0] == IN_PART
    assert best_of(rows, "fair", ["good", "bad"])[0] == FAILS and best_of(rows, "fair", ["good"])[
        1
    ].startswith("good is better.")
    assert best_of(rows, "good", ["twin"])[0] == FAILS
    assert best_of(rows, "good", ["gone"])[0] == OPEN


def test_both_ends_fall():
    assert both_ends_fall({"a": FAIR, "b": GOOD, "c": BAD}, "abc")[0] == HOLDS
    assert both_ends_fall({"a": TWIN, "b": GOOD, "c": BAD}, "abc")[0] == IN_PART
    assert both_ends_fall({"a": TWIN, "b": GOOD, "c": GOOD}, "abc")[0] == FAILS
    assert both_ends_fall({"a": TWIN, "b": GOOD}, "abc")[0] == OPEN


def test_overfits():
    small, larger, worse = GOOD, row(40, 42, 41, train=0.99), row(40, 42, 41, train=0.8)
    assert overfits({"s": small, "l": larger}, "s", "l")[0] == HOLDS
    assert overfits({"s": small, "l": worse}, "s", "l")[0] == IN_PART
    assert overfits({"s": small, "l": row(9, 8, 10, train=0.99)}, "s", "l")[0] == FAILS
    assert overfits({"s": small}, "s", "l")[0] == OPEN


def test_several_findings_of_one_claim():
    holds, part, fails, open_ = ((verdict, f"{verdict}!") for verdict in VERDICTS)
    assert several([holds, holds])[0] == HOLDS and several([fails, fails])[0] == FAILS
    assert several([holds, fails])[0] == several([part, part])[0] == IN_PART
    assert several([holds, open_, open_]) == (OPEN, "open!")


def test_gradients_of_several_batches():
    def rows(one, five):
        pairs = {
            ("random lengths, padded", 1): GOOD,
            ("random lengths, padded", 5): GOOD,
            ("one length", 1): one,
            ("one length", 5): five,
        }
        return {f"{kind}, {number} added up": own for (kind, number), own in pairs.items()}

    assert makes_up(rows(FAIR, TWIN))[0] == HOLDS
    assert makes_up(rows(BAD, FAIR))[0] == IN_PART
    assert (
        makes_up(rows(FAIR, BAD))[0] == FAILS and "does not shrink" in makes_up(rows(FAIR, BAD))[1]
    )
    assert (
        makes_up(rows(TWIN, BAD))[0] == FAILS
        and "nothing to make up for" in makes_up(rows(TWIN, BAD))[1]
    )
    assert makes_up({})[0] == OPEN
    costly = rows(FAIR, BAD) | {"random lengths, padded, 5 added up": BAD}
    assert makes_up(costly)[0] == IN_PART and "cost more" in makes_up(costly)[1]


def test_stability_and_learning_rate():
    lost = row(100, 102, 101, diverged="no number")
    assert needs_scaling({"p": lost, "s": GOOD}, "p", "s")[0] == HOLDS
    assert needs_scaling({"p": FAIR, "s": GOOD}, "p", "s")[0] == IN_PART
    assert needs_scaling({"p": GOOD, "s": FAIR}, "p", "s")[0] == FAILS
    assert needs_scaling({"p": GOOD}, "p", "s")[0] == OPEN
    small, good, other = "learning rate 0.0003", "learning rate 0.003", "learning rate 0.01"
    assert (
        right_rate({small: BAD, good: GOOD, other: FAIR})[0]
        == right_rate({small: BAD, good: GOOD, other: row(9, 11, 10)})[0]
        == HOLDS
    )
    assert right_rate({small: BAD, good: FAIR, other: GOOD})[0] == IN_PART
    assert right_rate({small: GOOD, good: FAIR, other: FAIR})[0] == FAILS
    assert right_rate({small: GOOD, good: FAIR[:2], other: FAIR})[0] == OPEN


def test_length_and_kind_of_mistakes():
    by_length = sorted(load_pairs("small", "val"), key=lambda pair: len(pair.source))

    def missing(pairs):
        return {
            "base": [
                {
                    **one,
                    "mistakes": [[p.source, p.target, f"{p.target}{p.target[-1]}"] for p in pairs],
                }
                for one in GOOD
            ]
        }

    assert longer_fail(missing(by_length[-30:]), "base")[0] == HOLDS
    assert (
        longer_fail(missing(by_length[:30]), "base")[0]
        == longer_fail(missing(by_length[::20]), "base")[0]
        == FAILS
    )
    assert longer_fail({}, "base")[0] == OPEN
    vowels = [pair for pair in by_length if pair.rule_class == "vowel"]
    others = [pair for pair in by_length if pair.rule_class == "consonant"]
    assert repeats_the_end(missing(vowels), "base")[0] == HOLDS
    assert repeats_the_end(missing(others), "base")[0] == IN_PART
    dropped = {
        "base": [
            {**one, "mistakes": [[p.source, p.target, p.target[:-1]] for p in others]}
            for one in GOOD
        ]
    }
    assert repeats_the_end(dropped, "base")[0] == FAILS and repeats_the_end({}, "base")[0] == OPEN


def test_slightly_better():
    assert slightly({"m": GOOD, "t": row(25, 26, 24)}, "m", "t")[0] == HOLDS
    assert slightly({"m": GOOD, "t": FAIR}, "m", "t")[0] == IN_PART
    assert slightly({"m": FAIR, "t": GOOD}, "m", "t")[0] == FAILS
    assert slightly({"m": FAIR}, "m", "t")[0] == OPEN


def test_winner_and_crossings():
    rows = {"good": GOOD, "fair": FAIR, "twin": TWIN, "few": GOOD[:1]}
    assert (
        winner(rows, ["good", "fair"]) == "good"
        and winner(rows, ["good", "twin", "fair"]) == NO_WINNER
        and winner(rows) is None
    )
    assert crossings({1: 0.0, 100: 1.0}, {1: 1.0, 100: 0.0}) == [pytest.approx(10)]
    assert crossings({1: 0.0, 10: 0.5, 100: 1.0}, {1: 1.0, 10: 0.5, 100: 0.0}) == [10]
    assert crossings({1: 0.2, 100: 1.0}, {1: 0.1, 100: 0.9}) == []


def measured(loop, tree, length=8):
    def times(seconds):
        return {"plain": {"both": {"median": seconds}}, "compiled": {"both": {"median": seconds}}}

    return [
        {"method": "fast", "length": length, **times(loop)},
        {"method": "blelloch", "length": length, **times(tree)},
    ]


def test_quicker():
    assert quicker([*measured(4, 1), *measured(4, 2, 16)])[0] == HOLDS
    assert quicker([*measured(4, 1), *measured(4, 8, 16)])[0] == IN_PART
    assert quicker(measured(1, 0.9))[0] == quicker(measured(1, 4))[0] == FAILS
    with pytest.raises(ValueError, match="measured at one length"):
        quicker(measured(1, 1)[:1])


def test_differences_of_the_scans():
    def rows(*pairs):
        return [
            {"length": length, "heinsen": whole, "clamp": clamp} for length, whole, clamp in pairs
        ]

    assert as_large(rows((2, 3e-5, 0), (128, 8e-4, 0)))[0] == HOLDS
    assert (
        as_large(rows((2, 3e-5, 0), (128, 1e-5, 0)))[0] == IN_PART
        and as_large(rows((2, 1, 0), (128, 1, 0)))[0] == FAILS
    )
    assert by_the_clamp(rows((2, 1e-5, 9e-6), (4, 1e-5, 9e-6)))[0] == HOLDS
    assert by_the_clamp(rows((2, 1e-5, 9e-6), (4, 1e-3, 9e-6)))[0] == IN_PART
    found = by_the_clamp(rows((2, 1e-5, 1e-6), (4, 1e-3, 9e-6)))
    assert found == (
        FAILS,
        "At length 4 the clamp alone makes 9e-06 of 1e-03; the rest is cancellation.",
    )


def test_grouping_of_vowels():
    def group(silhouette, p):
        return Grouping(silhouette, p, 0.0, 0.1, 0.05)

    strong, weak, none = group(0.4, 0.001), group(0.1, 0.01), group(0.05, 0.3)
    assert (
        not_grouped([none] * 3, "")[0] == HOLDS
        and not_grouped([weak] * 3, "")[0] == IN_PART
        and not_grouped([strong] * 3, "")[0] == FAILS
    )
    assert more_grouped([strong] * 3, [weak] * 3, "")[0] == HOLDS
    assert (
        more_grouped([strong, none], [weak] * 3, "")[0] == IN_PART
        and more_grouped([none], [weak], "")[0] == FAILS
    )


def test_parts_of_notebook_07_keep_their_verdicts():
    parts = [
        Part("it is so", verdict, {"weight": 0.5})
        for verdict in ("confirmed", "refined", "refuted")
    ]
    found = of_parts("1", parts, "07")
    assert [(one.number, one.verdict) for one in found] == [
        ("1a", HOLDS),
        ("1b", IN_PART),
        ("1c", FAILS),
    ]
    assert found[0].claim == "It is so" and found[0].reason == "weight: 50%."


def test_without_records_everything_is_open_and_nothing_breaks():
    assert {one.verdict for one in judge_records({})} == {OPEN}
    assert all("not run yet" in one.reason for one in judge_records({}))


def test_with_the_records_at_hand_every_claim_has_its_place():
    records = find_records()
    found = judge_all(records)
    numbers = [one.number for one in found]
    assert numbers == sorted(numbers) and {number[0] for number in numbers} == {*"123456789", "t"}
    assert all(one.verdict in VERDICTS and one.reason and one.claim for one in found)
    assert len({one.claim for one in found}) == len(found)
    removed = next(one for one in found if one.number == "3c")
    assert removed.verdict in (
        HOLDS,
        IN_PART,
    ), "without positions far fewer words are right, in every seed"
    assert judge_scans()[0].verdict == FAILS and WRONG in rows_of("discretization", records)
