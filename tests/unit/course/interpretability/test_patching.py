"""Activation patching: whole patches give the other word, and pairs are what they claim to be."""

from itertools import combinations

import pytest
import torch

from course.interpretability.patching import (
    Pair,
    Patched,
    around_the_letter,
    minimal_pairs,
    patch_pairs,
)
from nmt.data import load_pairs
from nmt.pig_latin import align
from nmt.transformer import Transformer

PAIRS = [
    Pair("brown", "crown", 0),
    Pair("feed", "feet", 3),
    Pair("sell", "tell", 0),
    Pair("apple", "ample", 1),
]


@pytest.fixture(scope="module")
def patched(model: Transformer) -> list[Patched]:
    return patch_pairs(model, PAIRS)


def test_minimal_pairs_differ_in_one_letter_and_are_spelled_in_one_order() -> None:
    words = [pair.source for pair in load_pairs("small")][::3]
    pairs = minimal_pairs(words)
    assert len(pairs) > 10
    for pair in pairs:
        differ = [one != other for one, other in zip(pair.word, pair.other, strict=True)]
        assert differ == [place == pair.place for place in range(len(pair.word))]
        assert align(pair.word) == align(pair.other)
    by_force = {
        (one, two)
        for one, two in combinations(sorted(words[:150]), 2)
        if len(one) == len(two)
        and sum(a != b for a, b in zip(one, two)) == 1
        and align(one) == align(two)
    }
    assert {(pair.word, pair.other) for pair in minimal_pairs(words[:150])} == by_force
    both = [Pair("brown", "crown", 0), Pair("brown", "blown", 1)]
    assert minimal_pairs(["brown"], ["brown", "crown", "blown"]) == both


def test_the_embedding_of_the_letter_is_all_that_differs(patched: list[Patched]) -> None:
    for one in patched:
        assert one.layers == ("embedding", "encoder.0", "encoder.1")
        alone = torch.zeros(3, len(one.pair.word) + 1)
        assert one.letter.shape == alone.shape
        alone[0, one.pair.place] = 1
        torch.testing.assert_close(one.letter[0], alone[0], atol=1e-3, rtol=0)


def test_finding_is_asked_only_where_the_next_letter_follows(patched: list[Patched]) -> None:
    brown, feed, sell, apple = patched
    assert brown.finding is not None and apple.finding is not None
    # After the last letter, and after a single first consonant.
    assert feed.finding is None and sell.finding is None
    # The embeddings of o, w, n are the same in crown.
    assert brown.finding[0, 2:].abs().max() < 1e-4


def test_the_average_is_taken_by_distance(patched: list[Patched]) -> None:
    letter = [one.letter[:, one.pair.place] for one in patched]
    mean = around_the_letter(patched, [0, 1])
    torch.testing.assert_close(mean[:, 0], torch.stack(letter).mean(0))
    asked = [(one.finding, one.pair.place + 1) for one in patched]
    finding = [found[:, behind] for found, behind in asked if found is not None]
    mean = around_the_letter(patched, [1], "finding")
    torch.testing.assert_close(mean[:, 0], torch.stack(finding).mean(0))


def test_the_model_is_left_as_it_was(model: Transformer, patched: list[Patched]) -> None:
    assert not any(module._forward_hooks for module in model.modules())
    assert all(layer.pattern_hook is None for layer in model.attention_layers().values())
