"""The explorer of splits shows the one that holds a word."""

import pytest

from course.widgets.data import explore_split, show_split
from nmt.data import split_of


@pytest.mark.parametrize("word", ["the", "elinor", "street", "Street ", "a-b"])
def test_a_word_is_shown_in_the_split_that_holds_it(word: str) -> None:
    split = split_of(word.strip().lower())
    picture = show_split(word)
    assert f"belongs to {split}," in picture.reading and f"into “{split}”" in picture.alt
    box = explore_split()
    box.controls["word"].value = word
    assert picture.to_html() in box.output.value
