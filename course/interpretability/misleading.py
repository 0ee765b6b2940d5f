"""Misleading the decoder: swap neighbours or places, turn attention, show it another letter."""

import random
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from string import ascii_lowercase

from torch import Tensor

from course.interpretability.ablation import NOTHING, Change, letter_written
from course.interpretability.alignment import Score
from course.interpretability.heads import first_vowel
from course.interpretability.paths import only_through
from nmt.attention import PatternHook
from nmt.data import VOCABULARY
from nmt.interventions import redirect, replace_patterns, replace_vectors
from nmt.pig_latin import to_pig_latin
from nmt.transformer import Transformer


@dataclass(frozen=True)
class Question:
    """A word, and two of its letters: the one that comes next after `query` letters are written,
    and another of the same word.

    Both stand behind the first letter written, and no letter of the word occurs twice, so "the
    letter after c" names one place.
    """

    word: str
    query: int
    place: int
    other: int


def questions(words: Sequence[str], seed: int = 0) -> list[Question]:
    """One question about each word without doubles and with three letters behind the first."""
    found = []
    for word in words:
        vowel = first_vowel(word)
        places = range(vowel + 1, len(word))
        if len(set(word)) == len(word) and "-" not in word and len(places) >= 3:
            place, other = random.Random(f"{word}, {seed}").sample(places, 2)
            found.append(Question(word, place - vowel, place, other))
    return found


def _answers(
    model: Transformer,
    asked: Sequence[Question],
    change: Change = NOTHING,
    answers: Sequence[str] | None = None,
) -> dict[str, float]:
    """Shares of the questions answered by the letter at `place`, at `other`, or by neither."""
    words, queries = [one.word for one in asked], [one.query for one in asked]
    written = letter_written(model, words, queries, change, answers)
    names = [
        {one.word[one.place]: "place", one.word[one.other]: "other"}.get(letter, "neither")
        for one, letter in zip(asked, written)
    ]
    return {name: names.count(name) / len(asked) for name in ("place", "other", "neither")}


def show_another_letter(
    model: Transformer, asked: Sequence[Question], *, earlier: bool = True
) -> dict[str, float]:
    """Does the decoder go by the letter that it has just written, or keep its place?

    The last letter written is replaced by the letter before `other`. Who goes by that letter writes
    the letter at `other`; who counts writes the one at `place`, and so does who goes by the letters
    before the last.

    Args:
        earlier: whether the letters before the last stay. False puts letters in their place that
            the word does not hold: then only a count can tell the place.

    Returns:
        The shares that wrote the letter at "place", at "other", or "neither".
    """
    shown = []
    for one in asked:
        foreign = [letter for letter in ascii_lowercase if letter not in one.word]
        start = to_pig_latin(one.word) if earlier else "".join(foreign)
        shown.append(start[: one.query - 1] + one.word[one.other - 1])
    return _answers(model, asked, answers=shown)


def swap_places(model: Transformer, asked: Sequence[Question], behind: str) -> dict[str, float]:
    """If two letters of the source exchange the vectors of their places, does the decoder go to the
    wrong one?

    In what the layer `behind` writes, such as "encoder.0", the vector at `place` gets
    + t[other] − t[place], and the one at `other` the opposite, where t is the table of positions
    that the model adds to its embeddings.

    Returns:
        As `show_another_letter`.
    """
    table, by_word = model.positions.table, {one.word: one for one in asked}
    batch: list[Question] = []

    def note(words: Sequence[str]) -> dict[str, PatternHook]:
        batch[:] = [by_word[word] for word in words]
        return {}

    def exchange(hidden: Tensor) -> Tensor:
        hidden = hidden.clone()
        for row, one in enumerate(batch):
            step = table[one.other] - table[one.place]
            hidden[row, one.place] += step
            hidden[row, one.other] -= step
        return hidden

    with replace_vectors(model, {behind: exchange}):
        return _answers(model, asked, note)


def _best_first(scores: Tensor) -> list[tuple[int, int]]:
    """Layer and number of each head, in the order of their scores."""
    order = scores.flatten().argsort(descending=True).tolist()
    return [divmod(i, scores.shape[1]) for i in order]


def previous_letter_heads(previous: Score) -> list[tuple[int, int]]:
    """Layer and number of each encoder head that gives more than half of its weight to the letter
    before, the best first; the best alone, if none does.
    """
    order = _best_first(previous.weight)
    return [one for one in order if previous.weight[one] > 0.5] or order[:1]


def swap_neighbours(
    model: Transformer,
    asked: Sequence[Question],
    heads: Sequence[tuple[int, int]],
    swap: bool = True,
    ways: Sequence[str] | None = None,
) -> dict[str, float]:
    """If two letters of the source swap what they see as "the letter before", does the decoder go
    to the wrong one?

    In the named encoder heads, `place` looks at the letter before `other`, and `other` at the
    letter before `place`. If the decoder finds its next letter by what these heads have written, it
    now goes to `other`.

    Args:
        heads: layer and number of each encoder head.
        swap: False makes each look at its own letter before, with all weight: the control.
        ways: only through the "keys" or the "values" of cross-attention, see
            `course.interpretability.paths.only_through`. None: everywhere.

    Returns:
        As `show_another_letter`.
    """
    turned = {
        one.word: {one.place: one.other - 1, one.other: one.place - 1}
        if swap
        else {place: place - 1 for place in (one.place, one.other)}
        for one in asked
    }
    chosen = {
        f"encoder.{layer}.self_attention": [head for own, head in heads if own == layer]
        for layer, _ in heads
    }

    def change(words: Sequence[str]) -> dict[str, PatternHook]:
        places = [turned[word] for word in words]
        return {layer: redirect(places, *numbers) for layer, numbers in chosen.items()}

    if ways is None:
        return _answers(model, asked, change)

    def corrupt(source: Tensor) -> AbstractContextManager[None]:
        return replace_patterns(
            model, change([VOCABULARY.decode(row[:-1]) for row in source.tolist()])
        )

    with only_through(model, corrupt, ways):
        return _answers(model, asked)


def turn_attention(
    model: Transformer, asked: Sequence[Question], layers: Sequence[str], heads: Sequence[int] = ()
) -> dict[str, float]:
    """Does the model write the letter that attention is on, or is the map a bystander?

    At the question's query the heads of the named cross-attention layers put all their weight on
    the letter at `other`.

    Args:
        layers: names of layers, such as "decoder.1.cross_attention".
        heads: numbers of heads; all, where none is named.

    Returns:
        As `show_another_letter`.
    """
    turned = {one.word: {one.query: one.other} for one in asked}

    def change(words: Sequence[str]) -> dict[str, PatternHook]:
        return dict.fromkeys(layers, redirect([turned[word] for word in words], *heads))

    return _answers(model, asked, change)


def swap_more_and_more(
    model: Transformer, asked: Sequence[Question], scores: Tensor, swap: bool = True
) -> list[dict[str, float]]:
    """`swap_neighbours` in the head with the best previous-letter score, then in the best two, and
    so on to all heads of the encoder.

    Args:
        scores: (encoder layers, heads), such as `score_heads(traces, "encoder")["previous
            letter"].weight`.
    """
    order = _best_first(scores)
    return [swap_neighbours(model, asked, order[: n + 1], swap) for n in range(len(order))]
