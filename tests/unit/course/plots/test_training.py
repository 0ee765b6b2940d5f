"""The figures of training say what their numbers say, and refuse what cannot be drawn."""

import math

import pytest

from course.plots.training import (
    plot_comparison,
    plot_learning_curves,
    plot_loss_against_accuracy,
    plot_mistakes,
    wilson_interval,
)
from nmt.data import WordPair


def rows(count):
    found = []
    for e in range(1, count + 1):
        accuracies = {"train_accuracy": 1 - 1 / e, "val_accuracy": 0.9 * (1 - 1 / e)}
        found.append({"epoch": e, "train_loss": 3 / e, "val_loss": 3.2 / e, **accuracies})
    return found


def test_curves_read_the_last_epoch():
    picture = plot_learning_curves(rows(10))
    assert (
        "After epoch 10" in picture.reading
        and "0.32 nats per token (guessing: 3.37)" in picture.reading
    )
    assert "81.0% of them" in picture.reading and "each of 10 epochs" in picture.alt


@pytest.mark.parametrize("count", [1, 3, 60])
def test_curves_of_any_length_can_be_drawn(count):
    assert plot_learning_curves(rows(count), epochs=60).svg.count("<polyline") > 4


def test_room_for_a_running_run_changes_the_picture():
    assert plot_learning_curves(rows(2)).svg != plot_learning_curves(rows(2), epochs=20).svg


def test_curves_need_an_epoch():
    with pytest.raises(ValueError, match="no epoch is finished yet"):
        plot_learning_curves([])


PAIRS = [
    WordPair.of(word)
    for word in ("apple", "orange", "street", "tree", "quick", "well-known", "house")
]


def test_mistakes_are_counted_by_class_in_the_rules_order():
    picture = plot_mistakes(PAIRS, {"well-known", "tree"})
    assert (
        "vowel: 0 of 2, consonant: 0 of 1, cluster: 1 of 2, qu: 0 of 1, compound: 1 of 1"
        in picture.alt
    )
    assert (
        picture.reading
        == "2 of 7 words are wrong; the largest share is 1 of 1, in the group “compound”."
    )


def test_mistakes_are_counted_by_length_and_dash():
    picture = plot_mistakes(PAIRS, ["tree"], by="length and dash")
    assert "up to 5 letters: 1 of 4, 6 to 8: 0 of 2, with a dash: 0 of 1" in picture.alt
    assert "1 of 4, in the group “up to 5 letters”" in picture.reading


@pytest.mark.parametrize(("count", "total"), [(0, 10), (1, 10), (5, 10), (10, 10), (24, 323)])
def test_wilsons_interval_is_where_the_share_is_just_not_refuted(count, total):
    """At each of its ends p the observed share lies z standard deviations √(p (1 − p) / n) away."""
    for end in wilson_interval(count, total):
        if 0 < end < 1:
            away = abs(count / total - end) / (end * (1 - end) / total) ** 0.5
            assert away == pytest.approx(1.96, abs=1e-6)


def test_a_perfect_model_has_no_worst_group():
    assert plot_mistakes(PAIRS, []).reading == "0 of 7 words are wrong."


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((PAIRS, [], "mood"), "by 'mood'"),
        (([], []), "no words"),
        ((PAIRS, ["elsewhere"]), "'elsewhere' is not among"),
    ],
)
def test_mistakes_of_other_words_are_refused(arguments, complaint):
    with pytest.raises(ValueError, match=complaint):
        plot_mistakes(*arguments)


def test_comparison_orders_by_the_mean_and_gives_the_spread():
    picture = plot_comparison(
        {"a": [0.5, 0.7], "b": [0.9, 0.95], "c": [0.1, 0.1]}, baseline={"c": 0.2}
    )
    assert (
        picture.reading
        == "Words spelled right: b is best with 92.5% on average, c last with 10.0%."
    )
    assert "2 for each of 3 variants" in picture.alt
    assert (
        picture.alt.index("b 92.5% (from 90.0% to 95.0%)")
        < picture.alt.index("a 60.0%")
        < picture.alt.index("c 10.0%")
    )
    assert "c 20.0%" in picture.alt


def test_comparison_of_plain_numbers_and_of_one_variant():
    picture = plot_comparison({"only": [1.25]}, label="cosine similarity", percent=False)
    assert picture.reading == "Cosine similarity: only is best with 1.25 on average."


@pytest.mark.parametrize("values", [{}, {"a": [0.5], "b": []}])
def test_comparison_needs_runs(values):
    with pytest.raises(ValueError, match="at least one run"):
        plot_comparison(values)


def test_accuracy_against_loss_compares_with_the_formula():
    points = [(0.1, math.exp(-1) + 0.2), (1.0, 0.0)]
    picture = plot_loss_against_accuracy(points, length=10.0)
    assert (
        "At a loss of 0.1 the formula promises 37% of the words, and 57% are right; 1 of 2"
        " measurements lie above" in picture.reading
    )


@pytest.mark.parametrize(("points", "length"), [([], 10.0), ([(0.1, 0.5)], 0.0)])
def test_accuracy_against_loss_needs_points_and_a_length(points, length):
    with pytest.raises(ValueError, match="positive length"):
        plot_loss_against_accuracy(points, length)
