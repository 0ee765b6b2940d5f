import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from course.lab.mistakes import KINDS, Rate, count_kinds, in_bands, kind_of_mistake, rates
from nmt.data import load_pairs
from nmt.pig_latin import to_pig_latin

words = st.sampled_from([pair.source for pair in load_pairs("small", "val")])


@pytest.mark.parametrize(
    ("source", "answer", "kind"),
    [
        ("school", "choolsay", "wrong onset"),
        ("year", "earyay", "wrong onset"),
        ("square", "uaresqay", "wrong onset"),
        ("ankle", "kleanay", "wrong onset"),
        ("good-humoured", "oodgay-humouredway", "wrong onset"),
        ("good-humoured", "goodway-humouredway", "wrong onset"),
        ("across", "acrossw", "lost ending"),
        ("across", "", "lost ending"),
        ("school", "oolschy", "dropped letter"),
        ("across", "acrosway", "dropped letter"),
        ("strengthening", "engtheningsay", "dropped stretch"),
        ("thoughtfulness", "oughtfulnesay", "dropped stretch"),
        ("across", "acrosssway", "doubled letter"),
        ("adieus", "adieussway", "doubled letter"),
        ("across", "acrossossway", "copied twice"),
        ("banana", "anananabay", "copied twice"),
        ("school", "oolschey", "wrong letter"),
        ("school", "ooslchay", "swapped letters"),
        ("ankle", "ankleeway", "doubled letter"),
        ("good-humoured", "oodgay-mouray-odha", "several"),
        ("pleasure-grounds", "easureplay-ouredsplay", "several"),
        ("abc", "xyzxyzxyzxyzxyzxyzxyz", "several"),
    ],
)
def test_named_mistakes(source, answer, kind):
    assert kind_of_mistake(source, answer) == kind


@given(words, st.data())
def test_one_change_gets_its_name_or_that_of_a_kind_that_comes_before(source, data):
    right = to_pig_latin(source)
    place = data.draw(st.integers(0, len(right) - 1))
    dropped = right[:place] + right[place + 1 :]
    doubled = right[: place + 1] + right[place:]
    assert kind_of_mistake(source, dropped) in ("dropped letter", "lost ending", "wrong onset")
    assert kind_of_mistake(source, doubled) in ("doubled letter", "wrong onset")
    start = data.draw(st.integers(0, place))
    assume(place + 1 - start > 1)
    again = right[: place + 1] + right[start:]
    assert kind_of_mistake(source, again) in ("copied twice", "wrong onset")


@given(words, st.text("abcdefghijklmnopqrstuvwxyz-", max_size=40))
def test_every_wrong_answer_has_exactly_one_kind(source, answer):
    assume(answer != to_pig_latin(source))
    assert kind_of_mistake(source, answer) in KINDS


def test_a_right_answer_is_no_mistake():
    with pytest.raises(ValueError, match="is right"):
        kind_of_mistake("school", "oolschay")


def test_rates_count_wrong_words_group_by_group():
    pairs = load_pairs("small", "val")
    wrong = {pair.source for pair in pairs[::10]}
    by_length = rates(pairs, wrong, lambda pair: len(pair.source))
    assert list(by_length) == sorted(by_length) and Rate(1, 4).share == 0.25
    assert sum(rate.words for rate in by_length.values()) == len(pairs)
    assert sum(rate.wrong for rate in by_length.values()) == len(wrong)
    classes = {pair.rule_class for pair in pairs}
    assert set(rates(pairs, (), lambda pair: pair.rule_class)) == classes


def test_kinds_are_counted_in_their_order():
    across = [("across", "acrossway", answer) for answer in ("acrosssway", "")]
    counts = count_kinds([("school", "oolschay", "choolsay"), *across])
    assert tuple(counts) == KINDS and sum(counts.values()) == 3
    assert counts["lost ending"] == counts["doubled letter"] == 1


def test_bands_of_lengths():
    counts = {"2": [1, 2], "3": [0, 4], "4": [2, 5], "10": [3, 3], "9": [1, 1]}
    assert in_bands(counts, 3) == {"1–3": [1, 6], "4–6": [2, 5], "7–9": [1, 1], "10–12": [3, 3]}
