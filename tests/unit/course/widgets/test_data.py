"""The alignment explorer answers every word, also the ones that can't be spelled, in place."""

import pytest

from course.plots.data import plot_alignment
from course.widgets.data import explore_alignment, explore_split, show_split
from nmt.data import split_of


def test_first_view_is_the_figure_above_it() -> None:
    assert plot_alignment("street").to_html() in explore_alignment().output.value


@pytest.mark.parametrize(
    "word", ["a", "--", "to-", "mr", "Quick", "good-humoured", " fly ", "x" * 24]
)
@pytest.mark.parametrize("move_qu", [True, False])
def test_words_are_drawn(word: str, move_qu: bool) -> None:
    explorer = explore_alignment()
    explorer.controls["word"].value = word
    explorer.controls["move_qu"].value = move_qu
    assert plot_alignment(word.strip().lower(), move_qu=move_qu).to_html() in explorer.output.value


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("", "Nothing typed yet"),
        ("   ", "Nothing typed yet"),
        ("don't", "this is don and t."),
        ("naïve", "Letter 3 of naïve is ï"),
        ("x" * 25, "more than the 24"),
    ],
)
def test_errors_stand_in_place_and_go_away(word: str, message: str) -> None:
    explorer = explore_alignment()
    explorer.controls["word"].value = word
    assert 'role="alert"' in explorer.output.value and message in explorer.output.value
    explorer.controls["word"].value = "fly"
    assert 'role="alert"' not in explorer.output.value and "yflay" in explorer.output.value


@pytest.mark.parametrize("word", ["the", "elinor", "street", "Street ", "a-b"])
def test_a_word_is_shown_in_the_split_that_holds_it(word: str) -> None:
    split = split_of(word.strip().lower())
    picture = show_split(word)
    assert f"belongs to {split}," in picture.reading and f"into “{split}”" in picture.alt
    box = explore_split()
    box.controls["word"].value = word
    assert picture.to_html() in box.output.value
    box.controls["word"].value = ""
    assert "Nothing typed yet" in box.output.value
