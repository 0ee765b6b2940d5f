"""The explorers of data: words of every kind, and the split that holds them."""

import pytest

from course.plots.data import plot_alignment
from course.widgets.data import explore_alignment, explore_split, show_split
from nmt.data import split_of


@pytest.mark.parametrize("move_qu", [True, False])
def test_words_are_drawn(move_qu: bool) -> None:
    explorer = explore_alignment()
    explorer.controls["move_qu"].value = move_qu
    for word in ("a", "--", "to-", "mr", "Quick", "good-humoured", " fly ", "x" * 24):
        explorer.controls["word"].value = word
        picture = plot_alignment(word.strip().lower(), move_qu=move_qu)
        assert picture.to_html() in explorer.output.value


@pytest.mark.parametrize("word", ["the", "elinor", "street", "Street ", "a-b"])
def test_a_word_is_shown_in_the_split_that_holds_it(word: str) -> None:
    split = split_of(word.strip().lower())
    picture = show_split(word)
    assert f"belongs to {split}," in picture.reading and f"into “{split}”" in picture.alt
    box = explore_split()
    box.controls["word"].value = word
    assert picture.to_html() in box.output.value
