from dataclasses import asdict
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from course.lab.significance import compare_rows, holm, number_of_words, sign_flip_p
from nmt.training import TrainingConfig


def record(seed, wrong, words=100, data="small"):
    return {
        "name": "tiny",
        "seed": seed,
        "words": words,
        "training": asdict(TrainingConfig(data=data)),
        "mistakes": [[w, w, "x"] for w in wrong],
    }


@given(st.lists(st.integers(1, 5), max_size=8), st.integers(0, 10))
def test_the_p_value_counts_every_choice_of_signs(sizes, observed):
    sums = [
        abs(sum(sign * size for sign, size in zip(signs, sizes)))
        for signs in product((-1, 1), repeat=len(sizes))
    ]
    observed = min(observed, sum(sizes))
    assert sign_flip_p(sizes, observed) == pytest.approx(
        sum(s >= observed for s in sums) / len(sums)
    )


@given(st.integers(0, 30), st.integers(0, 30))
def test_with_one_seed_it_is_mcnemars_exact_test(ours, theirs):
    first = [record(0, [f"a{n}" for n in range(ours)] + ["both"])]
    second = [record(0, [f"b{n}" for n in range(theirs)] + ["both"])]
    result = compare_rows(first, second)
    assert result.difference == pytest.approx((theirs - ours) / 100) and result.seeds == 1
    expected = binomtest(ours, ours + theirs).pvalue if ours + theirs else 1.0
    assert result.p == pytest.approx(expected)


def test_seeds_are_pooled_word_by_word():
    """A word that one row gets wrong with three seeds counts three times, not as three words."""
    always, never = (
        [record(seed, ["a"]) for seed in range(3)],
        [record(seed, []) for seed in range(4)],
    )
    result = compare_rows(never, always)
    assert (result.difference, result.p, result.seeds) == (pytest.approx(0.01), 1.0, 3)
    assert compare_rows(always, never).difference == pytest.approx(-0.01)
    assert compare_rows(always, always).p == 1.0
    six = [f"a{n}" for n in range(6)]
    assert compare_rows(
        [record(seed, []) for seed in range(3)], [record(seed, six) for seed in range(3)]
    ).p == pytest.approx(2 / 2**6)


def test_what_cannot_be_paired_is_refused():
    with pytest.raises(ValueError, match="no seed in common"):
        compare_rows([record(0, [])], [record(1, [])])
    with pytest.raises(ValueError, match="the same validation words"):
        compare_rows([record(0, [])], [record(0, [], words=200, data="large")])


def test_older_records_were_measured_on_all_words_of_their_data():
    old = {key: value for key, value in record(0, []).items() if key != "words"}
    assert number_of_words(old) == 323 and number_of_words(record(0, [])) == 100


def test_holm():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0] and holm([]) == [] and holm([0.2]) == [0.2]
