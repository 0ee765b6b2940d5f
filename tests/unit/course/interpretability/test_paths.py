"""Path patching against runs in which both paths, or neither, are changed; forecasts by hand."""

import pytest
import torch

from course.interpretability.ablation import ask
from course.interpretability.decoder_patching import decoder_parts, patch_decoder
from course.interpretability.misleading import questions, swap_neighbours
from course.interpretability.patching import Pair, minimal_pairs
from course.interpretability.paths import (
    first_letters,
    judge_forecast,
    later_vowels,
    only_through,
    starts_right,
    swap_marks,
    two_vowels,
)
from nmt.data import load_pairs
from nmt.decoding import greedy_decode
from nmt.interventions import replace_patterns, spread_evenly
from nmt.transformer import Transformer

WORDS = [pair.source for pair in load_pairs("small", "val")][::6]
LAYER = "encoder.0.self_attention"


def test_both_ways_are_the_whole_effect_and_no_way_is_none(model: Transformer) -> None:
    def corrupt(_source: torch.Tensor):
        return replace_patterns(model, {LAYER: spread_evenly(2)})

    def losses() -> torch.Tensor:
        return torch.cat(ask(model, WORDS).losses)

    untouched = losses()
    with corrupt(untouched):
        whole = losses()
    found = {}
    for ways in ((), ("keys",), ("values",), ("keys", "values")):
        with only_through(model, corrupt, ways):
            found[ways] = losses()
    torch.testing.assert_close(found["keys", "values"], whole, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(found[()], untouched, atol=1e-4, rtol=1e-3)
    assert found[("keys",)].mean() > 10 * untouched.mean()
    for layers, alone in (([], 0), ([0], 0), ([1], 1)):  # the last layer's keys are read
        with only_through(model, corrupt, ["keys"], layers):
            there = losses().mean() > 5 * untouched.mean()
        assert there == alone, layers
    torch.testing.assert_close(losses(), untouched)


def test_two_vowels_are_the_first_and_the_next_other_one() -> None:
    (found,) = two_vowels(["agreed", "street", "brown", "a-e", "rhythm"])
    assert (found.word, found.first, found.second) == ("agreed", 0, 3)
    assert later_vowels("agreed") == ["e", "e"] and later_vowels("brown") == []


def test_marks_decide_with_which_vowel_the_answer_begins(model: Transformer) -> None:
    asked = two_vowels(WORDS)
    assert len(asked) > 20
    for ways, second in ((None, 1.0), (["keys"], 1.0), (["values"], 0.0)):
        shares = swap_marks(model, asked, LAYER, [2], ways)
        assert abs(shares["second"] - second) < 0.05 and abs(sum(shares.values()) - 1) < 1e-9
    assert swap_marks(model, asked, LAYER, [0, 1, 3])["first"] > 0.95


def test_neighbours_are_swapped_through_the_keys(model: Transformer) -> None:
    asked, heads = questions(WORDS), [(0, 0), (0, 3), (1, 1)]
    whole = swap_neighbours(model, asked, heads)
    both = swap_neighbours(model, asked, heads, ways=["keys", "values"])
    assert whole == both and whole["other"] > 0.1
    assert swap_neighbours(model, asked, heads, ways=["values"])["other"] == 0


def test_first_letters_are_those_of_decoding(model: Transformer) -> None:
    letters = first_letters(model, WORDS)
    assert letters == [answer[0] for answer in greedy_decode(model, WORDS)]
    assert sum(starts_right(WORDS, letters)) > 0.95 * len(WORDS)
    assert starts_right(["brown", "brown"], ["o", "b"]) == [True, False]


def test_a_forecast_is_held_against_chance() -> None:
    said, was = [True, True, False, False], [True, False, False, False]
    found = judge_forecast(said, was)
    assert (found.words, found.right, found.chance) == (4, 0.75, 0.5)
    assert found.balanced == pytest.approx((1 + 2 / 3) / 2)
    assert judge_forecast([False] * 4, was).balanced == 0.5


def test_the_decoder_s_last_cross_attention_carries_the_letter(model: Transformer) -> None:
    every = [pair.source for pair in load_pairs("small")]
    pairs = minimal_pairs(WORDS, every)[:12]
    moved = patch_decoder(model, pairs)
    assert set(moved) == set(decoder_parts(model)) and len(moved) == 14
    assert moved["cross 1"].min() > 0.7 and moved["self 0"].abs().max() < 0.1
    assert 0.05 < moved["cross 1, head 0"].mean() < 0.3
    (alone,) = patch_decoder(model, pairs[:1])["cross 1"]
    torch.testing.assert_close(alone, moved["cross 1"][0], atol=1e-3, rtol=1e-3)
    same = patch_decoder(model, [Pair("brown", "crown", 0)])
    assert same["cross 1"].item() > 0.8
