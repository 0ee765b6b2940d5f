"""Path patching: an effect is let through on one way only.

What an encoder head writes can reach the decoder in two ways: through the keys of cross-attention
(it changes where the decoder looks) or through the values (it changes what is found there). So the
encoder reads the word twice, once as it is and once with the head changed, and cross-attention
takes its keys from one reading and its values from the other.

Source: Wang et al. 2022, arXiv 2211.00593, §3.1; Goldowsky-Dill et al. 2023, arXiv 2304.05969.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from course.interpretability.ablation import NOTHING, Change, before, head_columns, letter_written
from course.interpretability.embeddings import VOWELS
from course.interpretability.heads import first_vowel
from nmt.attention import PatternHook
from nmt.pig_latin import to_pig_latin
from nmt.transformer import Transformer

WAYS = ("keys", "values")
Corrupt = Callable[[Tensor], AbstractContextManager[Any]]  # from the source to what changes a model


@contextmanager
def only_through(
    model: Transformer,
    corrupt: Corrupt,
    ways: Sequence[str] = WAYS,
    layers: Sequence[int] | None = None,
) -> Iterator[None]:
    """Inside the block, cross-attention of the decoder's `layers` (None: all) takes its keys, its
    values, or both from an encoder that reads the same source inside `corrupt(source)`; the rest
    comes from the untouched one.
    """
    size, changed = model.config.hidden_size, list[Tensor]()

    def read(_module: Any, inputs: tuple[Tensor, ...]) -> None:
        with corrupt(inputs[0]):
            changed[:] = [model.encode(inputs[0])]

    def mix(module: Any, _inputs: Any, output: Tensor) -> Tensor:
        other = changed[0] @ module.weight.T  # (b, s, 2 d): keys, then values
        parts = [
            (other if way in ways else output)[..., own]
            for way, own in zip(WAYS, (slice(size), slice(size, None)))
        ]
        return torch.cat(parts, dim=-1)

    with ExitStack() as stack:
        stack.callback(model.register_forward_pre_hook(read).remove)
        for name, layer in model.attention_layers().items():
            own = layers is None or int(name.split(".")[1]) in layers
            if own and name.endswith("cross_attention"):
                stack.callback(layer.to_key_value.register_forward_hook(mix).remove)
        yield


@dataclass(frozen=True)
class TwoVowels:
    """A word whose answer begins with the vowel at `first`, and another vowel at `second`."""

    word: str
    first: int
    second: int


def two_vowels(words: Sequence[str]) -> list[TwoVowels]:
    """Each word without a dash in which a vowel is followed by another one, with the first such."""
    found = []
    for word in words:
        first = first_vowel(word)
        later = [
            place
            for place in range(first + 1, len(word))
            if word[place] in VOWELS and word[place] != word[first]
        ]
        if "-" not in word and word[first] in VOWELS and later:
            found.append(TwoVowels(word, first, later[0]))
    return found


def swap_marks(
    model: Transformer,
    asked: Sequence[TwoVowels],
    layer: str,
    heads: Sequence[int],
    ways: Sequence[str] | None = None,
) -> dict[str, float]:
    """If two vowels swap what a head has written into them, with which does the answer begin?

    Args:
        asked: of `two_vowels`.
        layer, heads: an encoder layer's name, and numbers of heads.
        ways: "keys" and "values": only through these of cross-attention. None: everywhere.

    Returns:
        The shares of words whose first letter is that at "first", at "second", or "neither".
    """
    attention = model.attention_layers()[layer]
    columns, by_word = head_columns(attention, heads), {one.word: one for one in asked}
    batch: list[TwoVowels] = []

    def note(words: Sequence[str]) -> dict[str, PatternHook]:
        batch[:] = [by_word[word] for word in words]
        return {}

    def swap(_module: Any, inputs: tuple[Tensor]) -> tuple[Tensor]:
        joined, own = inputs[0].clone(), inputs[0]  # (b, s, d)
        rows = torch.arange(len(batch))[:, None]
        first, second = torch.tensor([[one.first, one.second] for one in batch]).T[..., None]
        joined[rows, first, columns] = own[rows, second, columns]
        joined[rows, second, columns] = own[rows, first, columns]
        return (joined,)

    def swapped(_source: Tensor | None = None) -> AbstractContextManager[None]:
        return before(attention.to_output, swap)

    with swapped() if ways is None else only_through(model, swapped, ways):
        letters = first_letters(model, [one.word for one in asked], note)
    names = [
        {one.word[one.second]: "second", one.word[one.first]: "first"}.get(letter, "neither")
        for one, letter in zip(asked, letters)
    ]
    return {name: names.count(name) / len(asked) for name in ("first", "second", "neither")}


@dataclass(frozen=True)
class Forecast:
    """How a rule about words fared: `right` is the share of words that it tells right, `chance` the
    share that the same forecasts would tell right if they were dealt out at random; `balanced` is
    the mean of the shares told right of words that break and of words that do not (chance: a half).
    """

    words: int
    right: float
    chance: float
    balanced: float


def judge_forecast(forecast: Sequence[bool], happened: Sequence[bool]) -> Forecast:
    """Hold a forecast against what happened, word by word.

    chance = p q + (1 − p)(1 − q),   p, q: shares of True in the two
    """
    said, was = torch.tensor(forecast), torch.tensor(happened)
    right = said == was
    p, q = said.double().mean().item(), was.double().mean().item()
    both = (right[was].double().mean() + right[~was].double().mean()).item() / 2
    return Forecast(len(was), right.double().mean().item(), p * q + (1 - p) * (1 - q), both)


def later_vowels(word: str) -> list[str]:
    """The letters a, e, i, o, u behind the letter with which the answer begins."""
    return [letter for letter in word[first_vowel(word) + 1 :] if letter in VOWELS]


def first_letters(model: Transformer, words: Sequence[str], change: Change = NOTHING) -> list[str]:
    """The token that a model writes first, for each word, while its attention is changed."""
    return letter_written(model, words, [0] * len(words), change, [""] * len(words))


def starts_right(words: Sequence[str], letters: Sequence[str]) -> list[bool]:
    """Whether each first letter is that of the rule's answer."""
    return [letter == to_pig_latin(word)[0] for word, letter in zip(words, letters, strict=True)]
