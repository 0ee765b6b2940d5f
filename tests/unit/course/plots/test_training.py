"""The figures of training and its result say what their numbers say."""

import math

import pytest
from says import says, spelled

from course import plots
from course.plots.training import wilson_interval
from nmt.data import WordPair

WORDS = "apple", "orange", "street", "tree", "quick", "well-known", "house"
PAIRS = [WordPair.of(word) for word in WORDS]


def rows(count):
    found = []
    for e in range(1, count + 1):
        accuracies = {"train_accuracy": 1 - 1 / e, "val_accuracy": 0.9 * (1 - 1 / e)}
        found.append({"epoch": e, "train_loss": 3 / e, "val_loss": 3.2 / e, **accuracies})
    return found


def test_curves_of_any_length_read_the_last_epoch():
    last = "After epoch 10", "0.32 nats per token (guessing: 3.37)", "81.0% of them"
    says(plots.plot_learning_curves(rows(10)), *last, "each of 10 epochs")
    for count in (1, 3, 60):
        assert plots.plot_learning_curves(rows(count), epochs=60).svg.count("<polyline") > 4
    running = plots.plot_learning_curves(rows(2), epochs=20)
    alone = plots.plot_learning_curves(rows(2))
    assert running.svg != alone.svg, "there is room for epochs to come"


def test_mistakes_are_counted_by_group():
    by_class = plots.plot_mistakes(PAIRS, {"well-known", "tree"})
    counts = "vowel: 0 of 2, consonant: 0 of 1, cluster: 1 of 2, qu: 0 of 1, compound: 1 of 1"
    worst = "2 of 7 words are wrong; the largest share is 1 of 1, in the group “compound”."
    says(by_class, counts, worst)
    by_length = plots.plot_mistakes(PAIRS, ["tree"], by="length and dash")
    counts = "up to 5 letters: 1 of 4, 6 to 8: 0 of 2, with a dash: 0 of 1"
    says(by_length, counts, "1 of 4, in the group “up to 5 letters”")
    assert plots.plot_mistakes(PAIRS, []).reading == "0 of 7 words are wrong."
    with pytest.raises(ValueError, match="'elsewhere' is not among"):
        plots.plot_mistakes(PAIRS, ["elsewhere"])


@pytest.mark.parametrize(("count", "total"), [(0, 10), (1, 10), (5, 10), (10, 10), (24, 323)])
def test_wilsons_interval_is_where_the_share_is_just_not_refuted(count, total):
    """At each of its ends p the observed share lies z standard deviations √(p (1 − p) / n) away."""
    for end in wilson_interval(count, total):
        if 0 < end < 1:
            away = abs(count / total - end) / (end * (1 - end) / total) ** 0.5
            assert away == pytest.approx(1.96, abs=1e-6)


def test_comparison_orders_by_the_mean_and_gives_the_spread():
    picture = plots.plot_comparison({"a": [0.5, 0.7], "b": [0.9, 0.95], "c": [0.1, 0.1]})
    says(picture, "Words spelled right: b is best with 92.5% on average, c last with 10.0%.")
    told = "b 92.5% (from 90.0% to 95.0%)", "a 60.0%", "c 10.0%"
    places = [picture.alt.index(one) for one in told]
    assert places == sorted(places)


def test_accuracy_against_loss_compares_with_the_formula():
    points = [(0.1, math.exp(-1) + 0.2), (1.0, 0.0)]
    promised = "At a loss of 0.1 the formula promises 37% of the words, and 57% are right"
    above = "1 of 2 measurements lie above"
    says(plots.plot_loss_against_accuracy(points, length=10.0), promised, above)


def test_a_right_word_is_called_right_and_a_wrong_one_wrong_where_it_begins_to_be():
    step = (
        "Step 3 of 9: after “ee” the model finds t most probable (90%), and the rule asks for it."
    )
    right = "street → eetstray. Right: the rule says the same. "
    marked = "Step 3 is marked", "green and hatched"
    says(plots.plot_spelling(spelled("street", "eetstray"), 3), right + step, *marked)
    for answer, first in (("eetstay", 6), ("", 1), ("eetstrayy", 9), ("eetstrayway", 9)):
        wrong = f"Wrong: the rule says eetstray; the first difference is at step {first}."
        says(plots.plot_spelling(spelled("street", answer)), wrong)


def test_any_step_of_any_answer_can_be_looked_at_and_later_ones_mean_the_last():
    word = spelled("good-humoured", "oodgay-mouray")
    readings = {step: plots.plot_spelling(word, step).reading for step in (1, 8, 9, 14, 15)}
    assert len(set(readings.values())) == 4 and readings[14] == readings[15]
    assert "the rule asks for u (0%)" in readings[8] and "the rule asks" not in readings[9]
    says(plots.plot_spelling(spelled("ox", "o" * 24, ended=False)), "Step 1 of 24")
    says(plots.plot_spelling(spelled("o" * 64, "o" * 64 + "way"), 60), "Right")
