"""Alignment: heads that do a known thing get the mark that they must get."""

from collections import Counter

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from tiny import tiny_mamba, tiny_transformer

from course.interpretability.alignment import (
    agreement,
    alignment_score,
    cross_patterns,
    places_without_reading,
    rows_by_rule_class,
    score_looks,
    shuffled_places,
    true_places,
)
from nmt.pig_latin import LETTERS, RULE_CLASSES, align, rule_class
from nmt.trace import trace

WORDS = ["brown", "is", "street", "apple", "good-humoured", "yes", "quick"]


def looking(word: str, shift: int) -> torch.Tensor:
    """Two heads: one looks `shift` letters beside the copied letter with nine tenths of its weight,
    one spreads its weight evenly.
    """
    keys = len(word) + 1
    places = [
        len(word) if place is None else min(max(place + shift, 0), len(word))
        for place in [*align(word), None]
    ]
    one_hot = F.one_hot(torch.tensor(places), keys).float()
    everywhere = torch.full_like(one_hot, 1 / keys)
    return torch.stack([0.9 * one_hot + 0.1 * everywhere, everywhere])[None]


def test_who_follows_the_truth_gets_full_marks_and_who_does_not_look_gets_chance() -> None:
    score = alignment_score([looking(word, 0) for word in WORDS], WORDS)
    assert score.share.shape == (1, 2) and score.share[0, 0] == 1 and score.best() == (0, 0)
    assert score.queries == sum(map(len, WORDS))
    assert score.weight[0, 1] == pytest.approx(score.chance)
    chances = [len(word) / (len(word) + 1) for word in WORDS]
    assert score.chance == pytest.approx(sum(chances) / score.queries)
    assert score.weight[0, 0] == pytest.approx(0.9 + 0.1 * score.chance, abs=1e-6)


@pytest.mark.parametrize("shift", [-1, 1])
def test_a_shifted_head_is_found_at_its_shift_and_nowhere_else(shift: int) -> None:
    words = ["brown", "street", "planet", "clothes"]
    patterns = [looking(word, shift) for word in words]
    weights = {by: alignment_score(patterns, words, by).weight[0, 0] for by in range(-2, 3)}
    assert max(weights, key=weights.__getitem__) == shift
    inside = [[p if p in range(len(w) + 1) else None for p in true_places(w, shift)] for w in words]
    assert score_looks(patterns, inside).share[0, 0] == 1
    assert alignment_score(patterns, words).share[0, 0] < 0.2


def test_causal_chance_counts_only_what_may_be_seen() -> None:
    pattern = torch.full((1, 1, 3, 3), 1 / 3)
    for causal, chance in ((True, (1 / 2 + 1 / 3) / 2), (False, 1 / 3)):
        score = score_looks([pattern], [[None, 0, 1]], causal=causal)
        assert score.chance == pytest.approx(chance)


def test_a_place_outside_the_word_is_a_miss() -> None:
    pattern = torch.tensor([[[[1.0, 0.0]]]])
    score = score_looks([pattern, pattern], [[0], [-1]])
    assert score.share.item() == 0.5 and score.weight.item() == 0.5 and score.queries == 2


def test_cross_patterns_are_the_traces_own() -> None:
    models = (tiny_transformer(decoder_layers=2), None), (tiny_mamba(), 1)
    words = ["brown", "is", "crown", "it"]
    found = [(one, heads) for model, heads in models for one in trace(model, words, truth=True)]
    for (one, heads), pattern in zip(found, cross_patterns([one for one, _ in found])):
        torch.testing.assert_close(pattern, one.attention("cross", heads))


@given(
    st.text(alphabet=LETTERS + "-", min_size=1, max_size=12).filter(lambda word: word.strip("-")),
    st.integers(0, 3),
)
def test_shuffled_places_are_the_true_ones_in_another_order(word: str, seed: int) -> None:
    shuffled, truth = shuffled_places(word, seed), align(word)
    assert Counter(shuffled) == Counter(truth)
    assert [place is None for place in shuffled] == [place is None for place in truth]
    assert shuffled == shuffled_places(word, seed)


def test_the_guesser_knows_lengths_and_no_letters() -> None:
    known = ["bat", "cat", "oak"]  # most words of three letters move one
    guess = places_without_reading(known, ["dog", "ant", "abcd"])
    assert guess[0][:3] == guess[1][:3] == [1, 2, 0]
    assert guess[2][:4] == [0, 1, 2, 3]  # no known word is as long
    assert agreement(guess[:1], ["dog"]) == 1 and agreement(guess[1:2], ["ant"]) == 0
    assert agreement(guess[:2], ["dog", "ant"]) == 0.5


def test_rows_by_rule_class_are_a_partition() -> None:
    classes = rows_by_rule_class(WORDS)
    assert sorted(sum(classes.values(), [])) == list(range(len(WORDS)))
    assert all(rule_class(WORDS[row]) == name for name, rows in classes.items() for row in rows)
    assert list(classes) == [name for name in RULE_CLASSES if name in classes]
