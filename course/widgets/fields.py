"""The controls of explorers: a word, a number, a choice, and what a reader may type there."""

import re
from collections.abc import Sequence

from ipywidgets import BoundedFloatText, BoundedIntText, Dropdown, Text


def offer(control: Dropdown, values: Sequence[int]) -> None:
    """Let a dropdown offer `values`; what was chosen stays, or becomes the nearest of them."""
    if list(control.options) != list(values):
        chosen = min(values, key=lambda value: abs(value - control.value))
        control.options = list(values)
        control.value = chosen


def word_field(word: str, description: str = "Word:") -> Text:
    """A field for one English word."""
    return Text(
        word,
        description=description,
        placeholder="an English word",
        tooltip="letters a–z and dashes; a space or an apostrophe separates words",
    )


def number_field(
    description: str, value: float, low: float, high: float, step: float = 1
) -> BoundedIntText | BoundedFloatText:
    """A field for a number from `low` to `high`: a whole one, where its steps are."""
    kind = BoundedIntText if isinstance(step, int) else BoundedFloatText
    return kind(value=value, min=low, max=high, step=step, description=description)


def one_word(text: str, longest: int) -> str:
    """The word that somebody typed, in small letters.

    Raises:
        ValueError: in words for the page, where it is empty, several words, longer than `longest`,
            or holds what can't be spelled.
    """
    word = text.strip().lower()
    if not word:
        raise ValueError("Nothing typed yet: type an English word, such as street.")
    parts = [part for part in re.split(r"[\s'’]+", word) if part]
    if parts != [word]:
        found = " and ".join(parts[:3]) + (" …" if len(parts) > 3 else ".")
        why = "a space or an apostrophe separates words"
        raise ValueError(f"One word at a time: {why}, so this is {found}")
    if len(word) > longest:
        raise ValueError(f"{len(word)} letters are more than the {longest} that there is room for.")
    for place, character in enumerate(word, start=1):
        if not (character.isascii() and character.isalpha()) and character != "-":
            made = "a word is made of the letters a–z and dashes"
            raise ValueError(f"Letter {place} of {word} is {character}; {made}.")
    return word
