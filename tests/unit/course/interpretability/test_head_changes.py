"""Heads changed in every way, against the model's own decoding and hooks written out by hand."""

import pytest
import torch
from tiny import tiny_transformer

from course.interpretability.head_changes import ChangedHeads, HeadChange, move_looks
from nmt.data import load_pairs
from nmt.decoding import greedy_decode
from nmt.interventions import look_at, replace_patterns, spread_evenly, switch_off
from nmt.transformer import Transformer

WORDS = [pair.source for pair in load_pairs("small", "val")][::8]
LAYERS = ["encoder.0.self_attention", "decoder.0.self_attention", "decoder.1.cross_attention"]
EVERY = (0, 1, 2, 3)


@pytest.fixture(scope="module")
def heads(model: Transformer) -> ChangedHeads:
    return ChangedHeads(model, WORDS)


@pytest.mark.parametrize("trained", [False, True])
def test_a_draft_changes_the_way_and_not_the_answer(model: Transformer, trained: bool) -> None:
    """The untrained model never ends some words: their answers are cut at the same length."""
    heads = ChangedHeads(model if trained else tiny_transformer(decoder_layers=2), WORDS)
    for word in ("street", "is", "good-for-nothing", "y"):
        (answer,) = greedy_decode(heads.model, [word])
        for draft in ("", "a", "q" * 12):
            found = heads.spell(word, draft=draft).spelling
            assert found.answer == answer
            assert len(found.probabilities) == len(found.written) <= 2 * max(12, len(word))


@pytest.mark.parametrize("layer", LAYERS)
def test_looks_are_changed_as_the_hooks_of_the_lesson_change_them(
    layer: str, model: Transformer, heads: ChangedHeads
) -> None:
    causal = layer == LAYERS[1]
    for how, hook in (
        ("off", switch_off(0, 2)),
        ("uniform", spread_evenly(0, 2, causal=causal)),
        ("nothing", lambda weights: weights),
    ):
        spelled = heads.spell("street", [HeadChange(layer, (0, 2), how)])
        with replace_patterns(model, {layer: hook}):
            (answer,) = greedy_decode(model, ["street"], use_cache=False)
        assert spelled.spelling.answer == answer
        own, now = heads.spell("street", draft=answer).patterns[layer], spelled.patterns[layer]
        assert torch.isfinite(now).all()
        if how == "off":
            assert now[[0, 2]].abs().max() == 0 < now[[1, 3]].min(dim=-1).values.max()
        if how == "nothing":
            torch.testing.assert_close(own, now)


def test_looks_move_by_one_place_and_stay_at_the_edge() -> None:
    eye = torch.eye(4)
    assert move_looks(eye, -1).argmax(dim=-1).tolist() == [0, 0, 1, 2]
    assert move_looks(eye, 1).argmax(dim=-1).tolist() == [1, 2, 3, 3]
    assert move_looks(eye, 1, causal=True).argmax(dim=-1).tolist() == [0, 1, 2, 3]
    rows = torch.rand(2, 3, 5, 5).tril().softmax(dim=-1).tril()
    for by in (-2, 0, 3):
        moved = move_looks(rows, by, causal=True)
        torch.testing.assert_close(moved.sum(dim=-1), rows.sum(dim=-1))
        assert moved.triu(diagonal=1).abs().max() == 0
    torch.testing.assert_close(move_looks(rows, 0), rows)


def test_cross_attention_one_place_later_writes_the_letter_behind(heads: ChangedHeads) -> None:
    """The last layer copies what it looks at: moved by one, it begins with the letter behind."""
    change = HeadChange("decoder.1.cross_attention", EVERY, "later")
    for word, first in (("brown", "w"), ("crack", "c")):
        assert heads.spell(word, [change]).spelling.answer[0] == first


def test_another_word_s_values_are_that_word_s_own(model: Transformer, heads: ChangedHeads) -> None:
    """All heads of the last cross-attention from brown: its letters are written."""
    change = HeadChange("decoder.1.cross_attention", EVERY, "another word")
    assert heads.spell("crown", [change], "brown").spelling.answer == "ownbray"
    same = heads.spell("street", [change], "street").spelling
    torch.testing.assert_close(same.probabilities, heads.spell("street").spelling.probabilities)
    embedded = [HeadChange(name, EVERY, "mean") for name in model.attention_layers()]
    answers = {heads.spell(word, embedded).spelling.answer for word in ("crown", "brown")}
    assert len(answers) == 1, "with no head left no letter of the word can be known"


def test_later_changes_win_and_everything_is_back_after_the_block(
    model: Transformer, heads: ChangedHeads
) -> None:
    layer = "encoder.0.self_attention"
    whole = heads.right()
    off, even = (heads.right([HeadChange(layer, (2,), how)]) for how in ("off", "uniform"))
    both = heads.right([HeadChange(layer, (2,), how) for how in ("off", "uniform")])
    assert whole.sum() > off.sum() > even.sum() and both.tolist() == even.tolist()
    with pytest.raises(ValueError, match="no head 4"):
        heads.right([HeadChange(layer, (4,), "off")])
    assert heads.right().tolist() == whole.tolist()
    pattern = torch.full((1, 1), 1.0)
    with pytest.raises(ValueError), replace_patterns(model, {layer: look_at(pattern)}):
        heads.right()  # an error inside leaves nothing behind either
    assert heads.right().tolist() == whole.tolist()
