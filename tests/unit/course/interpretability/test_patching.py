"""Activation patching: whole patches give the other word, and pairs are what they claim to be."""

import pytest
import torch

from course.interpretability.patching import Pair, around_the_letter, minimal_pairs, patch_pairs
from nmt.checkpoints import load_checkpoint
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
def model() -> Transformer:
    return load_checkpoint("transformer-small").model


def test_minimal_pairs_differ_in_one_letter_and_are_spelled_in_one_order() -> None:
    words = [pair.source for pair in load_pairs("small")][::3]
    pairs = minimal_pairs(words)
    assert len(pairs) > 10
    for pair in pairs:
        assert [
            place for place in range(len(pair.word)) if pair.word[place] != pair.other[place]
        ] == [pair.place]
        assert align(pair.word) == align(pair.other)
    by_force = {
        (one, two)
        for one in words[:150]
        for two in words[:150]
        if one < two
        and len(one) == len(two)
        and sum(a != b for a, b in zip(one, two)) == 1
        and align(one) == align(two)
    }
    assert {(pair.word, pair.other) for pair in minimal_pairs(words[:150])} == by_force
    assert minimal_pairs(["brown"], ["brown", "crown", "blown"]) == [
        Pair("brown", "crown", 0),
        Pair("brown", "blown", 1),
    ]


def test_the_embedding_of_the_letter_is_all_that_differs(model: Transformer) -> None:
    for patched in patch_pairs(model, PAIRS):
        place = patched.pair.place
        assert patched.letter.shape == (3, len(patched.pair.word) + 1) and patched.layers == (
            "embedding",
            "encoder.0",
            "encoder.1",
        )
        assert patched.letter[0, place] == pytest.approx(1, abs=1e-3)
        others = [column for column in range(patched.letter.shape[1]) if column != place]
        torch.testing.assert_close(
            patched.letter[0, others], torch.zeros(len(others)), atol=1e-3, rtol=0
        )


def test_finding_is_asked_only_where_the_next_letter_follows(model: Transformer) -> None:
    brown, feed, sell, apple = patch_pairs(model, PAIRS)
    assert brown.finding is not None and apple.finding is not None
    # After the last letter, and after a single first consonant.
    assert feed.finding is None and sell.finding is None
    # The embeddings of o, w, n are the same in crown.
    assert brown.finding[0, 2:].abs().max() < 1e-4


def test_the_average_is_taken_by_distance(model: Transformer) -> None:
    found = patch_pairs(model, PAIRS)
    mean = around_the_letter(found, [0, 1])
    torch.testing.assert_close(
        mean[:, 0], torch.stack([one.letter[:, one.pair.place] for one in found]).mean(0)
    )
    finding = around_the_letter(found, [1], "finding")
    chosen = [one for one in found if one.finding is not None]
    torch.testing.assert_close(
        finding[:, 0], torch.stack([one.finding[:, one.pair.place + 1] for one in chosen]).mean(0)
    )


def test_the_model_is_left_as_it_was(model: Transformer) -> None:
    patch_pairs(model, PAIRS[:1])
    assert not any(module._forward_hooks for module in model.modules())
    assert all(layer.pattern_hook is None for layer in model.attention_layers().values())
