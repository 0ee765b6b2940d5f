"""The explorer of interventions, driven through its controls and buttons."""

import pytest

from course.widgets.common import Explorer
from course.widgets.interventions import explore_interventions
from nmt.checkpoints import load_checkpoint
from nmt.data import load_pairs
from nmt.trace import trace

MODEL = load_checkpoint("transformer-small").model
WORDS = [pair.source for pair in load_pairs("small", "val")]


@pytest.fixture
def box() -> Explorer:
    return explore_interventions(MODEL, WORDS)


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
