"""Made-up records in which the answer is known, so that each rule reaches each of its verdicts."""

import pytest

from course.lab.catalogue import EXPERIMENTS
from course.lab.claims import (
    CLAIMS,
    WRONG,
    claimed_sizes,
    judge_records,
    longer_fail,
    makes_up,
    needs_scaling,
    overfits,
    repeats_the_end,
    right_rate,
    slightly,
)
from course.lab.records import find_records
from course.lab.scan_claims import as_large, by_the_clamp, judge_scans, quicker
from course.lab.tables import found_rows
from course.lab.verdicts import (
    FAILS,
    HOLDS,
    IN_PART,
    NO_WINNER,
    NOT_SHOWN,
    OPEN,
    VERDICTS,
    best_of,
    better,
    better_by,
    both_ends_fall,
    crossings,
    crossings_of,
    difference,
    rows_of,
    winner,
)
from nmt.data import load_pairs

WORDS = [pair.source for pair in load_pairs("small", "val")]


def row(*wrong, train=0.9, **more):
    """One record a seed, with so many wrong words each; another seed is wrong on partly other
    words.
    """
    rows = []
    for seed, count in enumerate(wrong):
        missed = (WORDS[7 * seed :] + WORDS[: 7 * seed])[:count]
        accuracy, trained = 1 - count / len(WORDS), train + 0.001 * seed
        best = {"val_accuracy": accuracy, "train_accuracy": trained}
        about = {"seed": seed, "training": {"data": "small"}, "words": len(WORDS), "best": best}
        rows.append({**about, "mistakes": [[word, "", ""] for word in missed], **more})
    return rows


GOOD, FAIR, BAD = row(10, 12, 11), row(40, 42, 41), row(100, 102, 101)
TWIN = row(11, 10, 12)  # as good as GOOD
ROWS = {"good": GOOD, "fair": FAIR, "bad": BAD, "twin": TWIN}


def test_a_difference_counts_only_beyond_the_luck_of_seeds_and_words():
    rows = {**ROWS, "wild": row(10, 300, 11), "few": GOOD[:1]}
    found = difference(rows, "good", "bad")
    assert found.sign == 1 and found.p < 0.01 and found.seeds == 3
    assert found.value == pytest.approx(90 / len(WORDS))
    assert difference(rows, "bad", "good").sign == -1 and difference(rows, "good", "twin").sign == 0
    wild = difference(rows, "good", "wild")
    assert wild.value > 0.2 and wild.low < 0 and wild.sign == 0, "the seeds do not agree"
    assert str(found).startswith("good 96.6%, bad 68.7%: +27.9 points (95 %: +")
    with pytest.raises(ValueError, match="1 seeds; how much"):
        difference(rows, "good", "few")


def test_better():
    assert better(ROWS, "good", "bad").verdict == HOLDS
    assert better(ROWS, "bad", "good").verdict == FAILS
    found = better(ROWS, "good", "twin")
    assert found.verdict == NOT_SHOWN and found.differences == (difference(ROWS, "good", "twin"),)


@pytest.mark.parametrize(
    ("first", "second", "times", "verdict"),
    [
        ("good", "fair", 1, HOLDS),
        ("good", "bad", 1, IN_PART),
        ("good", "fair", 3, IN_PART),
        ("fair", "good", 1, FAILS),
        ("good", "twin", 1, NOT_SHOWN),
    ],
)
def test_better_by_so_many_points(first, second, times, verdict):
    assert better_by(ROWS, first, second, 30 * times / len(WORDS)).verdict == verdict


def test_best_of():
    assert best_of(ROWS, "good", ["fair", "bad"]).verdict == HOLDS
    assert best_of(ROWS, "good", ["fair", "twin"]).verdict == IN_PART
    assert best_of(ROWS, "fair", ["good", "bad"]).verdict == FAILS
    assert best_of(ROWS, "good", ["twin"]).verdict == NOT_SHOWN
    one, several = (best_of(ROWS, "good", rivals) for rivals in (["fair"], ["fair", "bad"]))
    assert several.differences[0].p >= one.differences[0].p, "adjusted for the number of rivals"


def test_both_ends_fall():
    assert both_ends_fall({"a": FAIR, "b": GOOD, "c": BAD}, "abc").verdict == HOLDS
    assert both_ends_fall({"a": TWIN, "b": GOOD, "c": BAD}, "abc").verdict == IN_PART
    assert both_ends_fall({"a": TWIN, "b": GOOD, "c": GOOD}, "abc").verdict == NOT_SHOWN


def test_overfits():
    def of(larger):
        return overfits({"s": GOOD, "l": larger}, "s", "l").verdict

    assert of(row(40, 42, 41, train=0.99)) == HOLDS
    assert of(row(40, 42, 41, train=0.8)) == IN_PART
    assert of(row(2, 1, 3, train=0.99)) == FAILS
    assert of(TWIN) == NOT_SHOWN


def test_gradients_of_several_batches():
    def rows(one, five):
        padded = {f"random lengths, padded, {number} added up": GOOD for number in (1, 5)}
        return {**padded, "one length, 1 added up": one, "one length, 5 added up": five}

    assert makes_up(rows(FAIR, TWIN)).verdict == HOLDS
    assert makes_up(rows(BAD, FAIR)).verdict == IN_PART
    assert makes_up(rows(FAIR, BAD)).verdict == FAILS
    assert makes_up(rows(TWIN, BAD)).verdict == NOT_SHOWN, "nothing to make up for"
    costly = rows(FAIR, BAD) | {"random lengths, padded, 5 added up": BAD}
    assert makes_up(costly).verdict == IN_PART, "gone, but fewer steps cost more"
    no_gain = rows(FAIR, FAIR) | {"random lengths, padded, 5 added up": FAIR}
    assert makes_up(no_gain).verdict == IN_PART, "gone, for random lengths have lost it"


def test_stability_and_learning_rate():
    lost = row(100, 102, 101, diverged="no number")
    assert needs_scaling({"p": lost, "s": GOOD}, "p", "s").verdict == HOLDS
    assert needs_scaling({"p": FAIR, "s": GOOD}, "p", "s").verdict == IN_PART
    assert needs_scaling({"p": GOOD, "s": FAIR}, "p", "s").verdict == FAILS

    def of(small, good, other):
        return right_rate({"s": small, "g": good, "o": other}, "s", "g").verdict

    assert of(BAD, GOOD, FAIR) == of(BAD, GOOD, row(9, 11, 10)) == HOLDS
    assert of(BAD, FAIR, GOOD) == IN_PART
    assert of(GOOD, FAIR, FAIR) == FAILS and of(GOOD, TWIN, FAIR) == NOT_SHOWN


def test_length_and_kind_of_mistakes():
    by_length = sorted(load_pairs("small", "val"), key=lambda pair: len(pair.source))

    def missing(pairs, wrong=lambda pair: f"{pair.target}{pair.target[-1]}"):
        mistakes = [[pair.source, pair.target, wrong(pair)] for pair in pairs]
        return {"base": [{**one, "mistakes": mistakes} for one in GOOD]}

    assert longer_fail(missing(by_length[-30:]), "base").verdict == HOLDS
    assert longer_fail(missing(by_length[:30]), "base").verdict == FAILS
    assert longer_fail(missing(by_length[::20]), "base").verdict == NOT_SHOWN
    vowels = [pair for pair in by_length if pair.rule_class == "vowel"]
    others = [pair for pair in by_length if pair.rule_class == "consonant"]
    assert repeats_the_end(missing(vowels), "base").verdict == HOLDS
    assert repeats_the_end(missing(others), "base").verdict == IN_PART
    dropped = missing(others, lambda pair: pair.target[:-1])
    assert repeats_the_end(dropped, "base").verdict == FAILS
    assert repeats_the_end(missing([]), "base").verdict == FAILS


def test_slightly_better():
    assert slightly({"m": GOOD, "t": row(25, 26, 24)}, "m", "t").verdict == HOLDS
    assert slightly({"m": GOOD, "t": FAIR}, "m", "t").verdict == IN_PART
    assert slightly({"m": FAIR, "t": GOOD}, "m", "t").verdict == FAILS


def test_winner_and_crossings():
    rows = {"good": GOOD, "fair": FAIR, "twin": TWIN, "few": GOOD[:1]}
    assert winner(rows, ["good", "fair"]) == "good" and winner(rows) is None
    assert winner(rows, ["good", "twin", "fair"]) == NO_WINNER
    assert crossings({1: 0.0, 100: 1.0}, {1: 1.0, 100: 0.0}) == [pytest.approx(10)]
    assert crossings({1: 0.0, 10: 0.5, 100: 1.0}, {1: 1.0, 10: 0.5, 100: 0.0}) == [10]
    assert crossings({1: 0.2, 100: 1.0}, {1: 0.1, 100: 0.9}) == []


def test_where_curves_cross_is_computed_from_the_records():
    experiment = EXPERIMENTS["data-size"]
    assert crossings_of(found_rows(experiment, {})) is None

    def crossed(good):
        about, made_up = {"training": {"data": "large"}, "words": 10}, {}
        for row in experiment.rows:
            best = {"val_accuracy": 0.9 if good(row) else 0.1}
            runs = experiment.runs(row)
            made_up |= {one.key: {**about, "seed": one.seed, "best": best} for one in runs}
        return crossings_of(found_rows(experiment, made_up))

    (place,) = crossed(lambda row: (row.line == "Mamba") == (row.x < 2_000))
    assert place == pytest.approx(3_000**0.5 * 1_000**0.5)
    assert crossed(lambda row: row.line == "Mamba") == []


def measured(loop, tree, length=8):
    def times(seconds):
        return {"plain": {"both": {"median": seconds}}, "compiled": {"both": {"median": seconds}}}

    return [
        {"method": "fast", "length": length, **times(loop)},
        {"method": "blelloch", "length": length, **times(tree)},
    ]


def test_quicker():
    assert quicker([*measured(4, 1), *measured(4, 2, 16)]).verdict == HOLDS
    found = quicker([*measured(4, 1), *measured(4, 8, 16)])
    assert found.verdict == IN_PART and list(found.numbers.values()) == [4, 0.5]
    assert quicker(measured(1, 0.9)).verdict == quicker(measured(1, 4)).verdict == FAILS


def test_differences_of_the_scans():
    def judged(rule, *pairs):
        return rule([dict(zip(("length", "heinsen", "clamp"), each)) for each in pairs])

    assert judged(as_large, (2, 3e-5, 0), (128, 8e-4, 0)).verdict == HOLDS
    assert judged(as_large, (2, 3e-5, 0), (128, 1e-5, 0)).verdict == IN_PART
    assert judged(as_large, (2, 1, 0), (128, 1, 0)).verdict == FAILS
    assert judged(by_the_clamp, (2, 1e-5, 9e-6), (4, 1e-5, 9e-6)).verdict == HOLDS
    assert judged(by_the_clamp, (2, 1e-5, 9e-6), (4, 1e-3, 9e-6)).verdict == IN_PART
    found = judged(by_the_clamp, (2, 1e-5, 1e-6), (4, 1e-3, 9e-6))
    assert found.verdict == FAILS
    assert found.numbers == {"longest": 4, "difference": 1e-3, "by the clamp": 9e-6}


def test_without_records_everything_is_open_and_nothing_breaks():
    assert {one.verdict for one in judge_records({})} == {OPEN}


def test_with_the_records_at_hand_every_claim_is_judged():
    records = find_records()
    found = judge_records(records)
    assert len(found) == len(CLAIMS) == len({one.claim for one in found}) == 16
    assert all(one.verdict in VERDICTS[:4] and one.finding for one in found)
    by_number = {one.number: one for one in found}
    assert by_number["3c"].finding.differences[0].sign == 1, "in every seed"
    assert by_number["8"].verdict == NOT_SHOWN and by_number["5a"].verdict == NOT_SHOWN
    assert [one.verdict for one in judge_scans()] == [FAILS, HOLDS, FAILS]
    reported = claimed_sizes()
    assert reported["learned-from-sinusoidal", "sinusoidal"] == pytest.approx(0.053)
    assert ("cosine", "plateau") not in reported, "the student gives no two figures"
    assert WRONG in rows_of("discretization", records)
