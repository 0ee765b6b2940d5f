"""Experiments on two claims: they ask what they say, and verdicts follow from the numbers."""

from dataclasses import replace

import pytest
import torch
from tiny import tiny_mamba, tiny_transformer

from course.interpretability import claims, misleading
from course.interpretability.claims import (
    Part,
    ay_looking_away,
    judge,
    judge_packing,
    onset_score,
    over_seeds,
    when_ay_begins,
)
from course.interpretability.heads import first_vowel, score_heads
from course.interpretability.mamba_memory import MemoryStatistics, Survival
from course.interpretability.misleading import (
    previous_letter_heads,
    questions,
    show_another_letter,
    swap_more_and_more,
    swap_neighbours,
    swap_places,
    turn_attention,
)
from nmt.checkpoints import load_checkpoint
from nmt.data import WordPair, load_pairs
from nmt.pig_latin import align, to_pig_latin
from nmt.trace import Trace, trace
from nmt.transformer import Transformer

WORDS = [pair.source for pair in load_pairs("small", "val")][::4]


@pytest.fixture(scope="module")
def traces(model: Transformer) -> list[Trace]:
    return trace(model, WORDS, truth=True)


def test_questions_ask_about_the_next_letter_of_words_without_doubles() -> None:
    asked = questions([*WORDS, "street", "ox", "a-b"])
    assert asked == questions([*WORDS, "street", "ox", "a-b"]) and len(asked) > 5
    for one in asked:
        assert align(one.word)[one.query] == one.place != one.other
        assert len(set(one.word)) == len(one.word) and one.query >= 1
        assert to_pig_latin(one.word)[one.query - 1] == one.word[one.place - 1]
        assert one.other > first_vowel(one.word)


def test_shares_are_shares_and_attention_decides_what_is_written(model: Transformer) -> None:
    asked = questions(WORDS)
    crosses = [name for name in model.attention_layers() if name.endswith("cross_attention")]
    untouched, turned = (turn_attention(model, asked, layers) for layers in ([], crosses))
    assert untouched["place"] > 0.9 and turned["other"] > 0.9
    for shares in (untouched, turned, show_another_letter(model, asked)):
        assert set(shares) == {"place", "other", "neither"}
        assert sum(shares.values()) == pytest.approx(1)


def test_the_letters_before_the_last_stay_or_are_foreign(
    model: Transformer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, shown = questions(WORDS), []
    monkeypatch.setattr(misleading, "_answers", lambda *_, answers: shown.append(answers) or {})
    for earlier in (True, False):
        show_another_letter(model, asked, earlier=earlier)
    for one, kept, foreign in zip(asked, *shown):
        assert len(kept) == len(foreign) == one.query
        assert kept[-1] == foreign[-1] == one.word[one.other - 1]
        assert kept[:-1] == to_pig_latin(one.word)[: one.query - 1]
        assert not set(foreign[:-1]) & set(one.word)


def test_swapping_misleads_the_control_does_not(model: Transformer, traces: list[Trace]) -> None:
    asked = questions(WORDS)
    scores = score_heads(traces, "encoder")["previous letter"].weight
    swapped, kept = (swap_more_and_more(model, asked, scores, swap) for swap in (True, False))
    assert len(swapped) == len(kept) == scores.numel()
    assert max(one["other"] - two["other"] for one, two in zip(swapped, kept)) > 0.2
    best = divmod(int(scores.argmax()), scores.shape[1])
    assert swapped[0] == swap_neighbours(model, asked, [best])


def test_previous_letter_heads_come_best_first_and_are_never_none(traces: list[Trace]) -> None:
    previous = score_heads(traces, "encoder")["previous letter"]
    found = previous_letter_heads(previous)
    weights = [previous.weight[one].item() for one in found]
    assert found[0] == previous.best() and weights == sorted(weights, reverse=True)
    assert len(found) == int((previous.weight > 0.5).sum()) == 3
    none = replace(previous, weight=previous.weight / 10)
    assert previous_letter_heads(none) == [previous.best()]


def test_ay_is_asked_of_words_whose_letters_move(model: Transformer, traces: list[Trace]) -> None:
    found = when_ay_begins(traces)
    moved = [one for one in traces if first_vowel(one.word) > 0 and "-" not in one.word]
    assert {score.queries for score in found.values()} == {len(moved)}
    assert sum(score.share for score in found.values()).max() <= 1 + 1e-9  # three different places
    assert onset_score(traces).queries == sum(first_vowel(one.word) for one in moved)
    assert 0 <= ay_looking_away(model, WORDS) <= 1


def test_each_of_five_verdicts_has_its_numbers(model: Transformer, traces: list[Trace]) -> None:
    parts = judge(model, traces)
    assert [part.verdict for part in parts[:4]] == ["confirmed", "refined", "refuted", "confirmed"]
    looking, finding, division, ending, _ = (part.numbers for part in parts)
    assert looking["weight"] > 0.5 > 2 * looking["chance"] and looking["heads above"] == 3
    assert finding["best head, swapped"] < 0.1 < finding["previous-letter heads, swapped"]
    assert finding["words"] == len(questions(WORDS))
    assert division["both"] <= min(division["copy"], division["start"])
    assert ending["best head"] > 0.9


def test_an_untrained_model_confirms_nothing() -> None:
    fresh = tiny_transformer()
    found = judge(fresh, trace(fresh, WORDS, truth=True))
    assert "confirmed" not in {part.verdict for part in found}


PAIRS = [WordPair.of(word) for word in ("well-known", "street", "ox")]


def statistics(
    left: list[list[float]], at_eos: list[list[float]], at_dash: list[list[float]]
) -> MemoryStatistics:
    elsewhere = torch.full((2, 4), 0.8)
    survival = {
        token: Survival(token, 4, 3, torch.tensor(at), elsewhere)
        for token, at in (("<EOS>", at_eos), ("-", at_dash))
    }
    return MemoryStatistics(torch.ones(2, 4, 1), torch.tensor(left), survival)


ALL, SOME, NONE = [[0.01] * 4] * 2, [[0.01, 0.01, 0.9, 0.9]] * 2, [[0.9] * 4] * 2
ONE_LAYER = [[0.9] * 4, [0.01] * 4]


def test_seeds_that_disagree_refine_a_claim() -> None:
    def seed(first: str, second: str, weight: float) -> list[Part]:
        return [Part("a", first, {"head": weight, "weight": weight}), Part("b", second, {})]

    agree, disagree = over_seeds([seed("refuted", "refuted", 0.25), seed("refuted", "refined", 1)])
    assert (agree.claim, agree.verdict, agree.numbers) == ("a", "refuted", {"weight": 0.625})
    assert (disagree.claim, disagree.verdict) == ("b", "refined")


@pytest.mark.parametrize(
    ("left", "at_eos", "at_dash", "emptied", "expected"),
    [
        (ALL, ALL, ALL, 0.95, ["confirmed"] * 4),
        (NONE, NONE, NONE, 0.05, ["refuted"] * 4),
        (SOME, ONE_LAYER, SOME, 0.5, ["refined"] * 4),
        (NONE, NONE, ONE_LAYER, 0.0, ["refuted", "refuted", "refined", "refuted"]),
    ],
)
def test_each_verdict_follows_from_its_number(
    left, at_eos, at_dash, emptied, expected, monkeypatch
) -> None:
    monkeypatch.setattr(claims, "measure", lambda model, pairs: (0.0, 1.0))
    left_over = lambda model, pairs, token="", after=False: emptied if after else 0.3  # noqa: E731
    monkeypatch.setattr(claims, "accuracy_without_the_past", left_over)
    parts = judge_packing(tiny_mamba(), statistics(left, at_eos, at_dash), PAIRS)
    assert [part.verdict for part in parts] == expected
    assert parts[3].numbers == {"right": 1.0, "right, only what <EOS> wrote is left": emptied}
    assert parts[2].numbers["right, emptied before the dash"] == 0.3


def test_a_model_that_spells_nothing_confirms_nothing() -> None:
    parts = judge_packing(tiny_mamba(), statistics(NONE, NONE, NONE), PAIRS)
    assert parts[3].verdict == "refuted" and set(parts[3].numbers.values()) == {0}


def test_exchanged_places_mislead_the_machine_that_goes_by_them():
    model = load_checkpoint("transformer-two-heads").model
    asked = questions([pair.source for pair in load_pairs("small", "val")])
    assert swap_places(model, asked, "encoder.0")["other"] > 0.6
    assert swap_places(model, asked, "encoder.1")["place"] > 0.8, "too late"
