"""The explorer of interventions, driven through its controls and buttons."""

import time

import pytest

from course.interpretability.spelling import Spelling
from course.plots.interventions import align_answers, plot_intervention
from course.widgets.common import Explorer
from course.widgets.interventions import SAID, explore_interventions
from nmt.checkpoints import load_checkpoint
from nmt.data import load_pairs
from nmt.trace import trace

MODEL = load_checkpoint("transformer-small").model
WORDS = [pair.source for pair in load_pairs("small", "val")]


@pytest.fixture
def box() -> Explorer:
    return explore_interventions(MODEL, WORDS)


def test_every_change_of_every_head_is_drawn_and_quick(box: Explorer) -> None:
    heads = box.controls["head"].options
    assert len(heads) == 6 * 5 and {"encoder 0, head 2", "cross 1, all 4 heads"} <= set(heads)
    box.controls["word"].value = "conditioning"
    took = []
    for place, head in enumerate(heads):
        box.controls["head"].value = head
        for how in list(SAID)[place % 7 : place % 7 + 1]:
            began = time.process_time()
            box.controls["how"].value = how
            took.append(time.process_time() - began)
            assert "<img" in box.output.value and "conditioning →" in box.output.value
            assert not box.output.value.partition('role="alert"')[2][:300]
    assert sorted(took)[len(took) // 2] < 0.1, "the aim is 100 ms a change"


def test_changes_are_kept_until_they_are_undone(box: Explorer) -> None:
    keep, undo, *_ = box.buttons
    keep.click()
    assert "Kept: encoder 0, head 2." in box.output.value
    box.controls["head"].value = "encoder 1, head 1"
    box.controls["how"].value = "switched off (zero)"
    both = box.output.value
    box.controls["how"].value = "left as it is"
    alone = box.output.value
    assert both != alone and "street → eetstray becomes etstray" in alone
    undo.click()
    assert "The model is whole again." in box.output.value
    assert "street → eetstray, as before." in box.output.value
    keep.click()
    assert "nothing to keep" in box.output.value


def test_buttons_find_words_that_break_and_words_that_were_wrong(box: Explorer) -> None:
    *_, broken, wrong = box.buttons
    seen = []
    for number in (1, 2):
        broken.click()
        assert f"this is number {number}." in box.output.value
        seen.append(box.controls["word"].value)
        assert " becomes " in box.output.value
    assert len(set(seen)) == 2 and set(seen) <= set(WORDS)
    wrong.click()
    word = box.controls["word"].value
    assert "Number 1 of 2 words that the untouched model gets wrong" in box.output.value
    assert trace(MODEL, word).written not in box.controls["word"].value
    box.controls["how"].value = "left as it is"
    broken.click()
    assert "this breaks none of them" in box.output.value
    assert box.controls["word"].value == word


def test_answers_stand_below_each_other_letter_by_letter() -> None:
    assert align_answers("eetstray", "etstray") == [(0, None), *((n, n - 1) for n in range(1, 8))]
    assert align_answers("abc", "axc") == [(0, 0), (1, 1), (2, 2)]
    assert align_answers("ab", "") == [(0, None), (1, None)]
    assert align_answers("a", "abc")[-1] == (None, 2)


def test_a_reading_says_what_happened_in_every_case() -> None:
    import torch

    def made(answer: str, sure: float = 0.9) -> Spelling:
        from nmt.data import VOCABULARY

        written = (*answer, "<EOS>")
        rows = torch.full((len(written), 29), (1 - sure) / 28)
        for row, token in enumerate(written):
            rows[row, VOCABULARY.tokens.index(token)] = sure
        return Spelling("team", written, (*"eamtay", "<EOS>"), rows)

    right = made("eamtay")
    for answer, told in {
        "eamtay": "as before. The model is least sure of letter 1, e: 90.0% now, 90.0% before.",
        "eamay": "One letter changes: letter 4, t (90% sure), is left out.",
        "eamtaay": "One letter changes: a (90% sure) is put in as letter",
        "oamtay": "One letter changes: letter 1, e (90% sure), becomes o (90% sure).",
        "oamtas": "2 letters change; the first: letter 1",
    }.items():
        assert told in plot_intervention(right, made(answer), ["x"]).reading
    assert "which is now right" in plot_intervention(made("team"), right, []).reading
    wrong = plot_intervention(made("team"), made("team"), []).reading
    assert "team → team, as before; the rule says eamtay." in wrong
