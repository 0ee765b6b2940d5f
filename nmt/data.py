"""From word pairs in text files to token numbers: vocabulary, pairs and splits."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from jaxtyping import Int
from torch import Tensor

from nmt import ROOT
from nmt.pig_latin import DASH, LETTERS, RULE_CLASSES, check_word, rule_class, to_pig_latin

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")
POPULATIONS = ("austen", "norvig", "both")
SIZES = {"small": 3_198, "large": 22_383}
COLUMNS = ("word", "pig_latin", "rule_class", "split", "population")
DATA_FOLDER = ROOT / "data"

# The two pairs of the original course that follow no rule of ours.
_EXTRA_COURSE_PAIRS = (("md", "mayday"), ("mp", "maypay"))


class Vocabulary:
    """The 29 tokens: a = 0 … z = 25, dash = 26, `<SOS>` = 27 (start), `<EOS>` = 28 (end)."""

    def __init__(self) -> None:
        self.tokens = (*LETTERS, DASH, "<SOS>", "<EOS>")
        self.size = len(self.tokens)
        self._number = {token: number for number, token in enumerate(self.tokens)}
        self.sos = self._number["<SOS>"]
        self.eos = self._number["<EOS>"]

    def encode(self, word: str) -> list[int]:
        """The token numbers of the word's characters, without `<SOS>` and `<EOS>`.

        Raises:
            ValueError: the word is empty, or holds a character that is no token; the message names
                it and its place.
        """
        check_word(word)
        return [self._number[character] for character in word]

    def decode(self, ids: Iterable[int] | Int[Tensor, " length"]) -> str:
        """The word that token numbers spell, up to the first `<EOS>`.

        A leading `<SOS>` is left out. One in the middle is a mistake of a model, and is shown as
        `<SOS>`.

        Raises:
            ValueError: a number is not a token.
        """
        numbers = [int(number) for number in ids]
        if numbers[:1] == [self.sos]:
            numbers = numbers[1:]
        if self.eos in numbers:
            numbers = numbers[: numbers.index(self.eos)]
        return "".join(self.token(number) for number in numbers)

    def token(self, number: int) -> str:
        """The label of one token number: a letter, the dash, `<SOS>` or `<EOS>`.

        Raises:
            ValueError: the number is outside 0 … 28.
        """
        if not 0 <= number < self.size:
            raise ValueError(f"{number} is no token number from 0 to {self.size - 1}")
        return self.tokens[number]


VOCABULARY = Vocabulary()


@dataclass(frozen=True)
class WordPair:
    """An English word, its Pig Latin spelling, its class under the rule, and its split.

    `population` says which word list it comes from: "austen", "norvig" or "both"; empty for a word
    of your own.
    """

    source: str
    target: str
    rule_class: str
    split: Split
    population: str = ""

    @classmethod
    def of(cls, word: str, population: str = "") -> WordPair:
        """The pair that the rule makes of a word; ValueError for one that it can't spell."""
        return cls(word, to_pig_latin(word), rule_class(word), split_of(word), population)


def split_of(word: str) -> Split:
    """The split of a word, decided by the word alone: the same in every data set and run.

    With u = the first 8 bytes (big-endian) of sha256("piglatin-split:" + word), divided by 2^64:
    "train" where u < 0.8, "val" (validation) where u < 0.9, else "test".
    """
    digest = hashlib.sha256(f"piglatin-split:{word}".encode()).digest()
    u = int.from_bytes(digest[:8], "big") / 2**64
    return "train" if u < 0.8 else "val" if u < 0.9 else "test"


def training_words(pairs: Sequence[WordPair], number: int = 0) -> list[WordPair]:
    """Always the same `number` of the pairs (0: all): smallest sha256("piglatin-order:" + word).

    A smaller choice is a part of every larger one, so that curves over the number of training words
    compare like with like.

    Raises:
        ValueError: there are not so many pairs.
    """
    if number > len(pairs):
        raise ValueError(f"{number:,} training words are asked for, but there are {len(pairs):,}")

    def digest(place: int) -> bytes:
        return hashlib.sha256(f"piglatin-order:{pairs[place].source}".encode()).digest()

    order = sorted(range(len(pairs)), key=digest)
    return [pairs[place] for place in sorted(order[: number or None])]


def load_words(population: str = "austen") -> list[str]:
    """The sorted words of "austen" (6,387, fit for a class) or "norvig" (20,000, partly vulgar).

    Raises:
        ValueError: an unknown population, or a damaged file (named with its line).
        FileNotFoundError: the data file is not there.
    """
    if population not in {"austen", "norvig"}:
        raise ValueError(f"no population {population!r}; there are 'austen' and 'norvig'")
    return [pair.source for pair in load_pairs("large") if pair.population in {population, "both"}]


def load_pairs(
    name: str = "small", split: Split | None = None, *, as_in_course: bool = False
) -> list[WordPair]:
    """The word pairs of a data set, sorted by word.

    Args:
        name: "small" (3,198 Austen words) or "large" (22,383 words, Austen and Norvig).
        split: "train", "val" or "test"; None for all three.
        as_in_course: the large set as the original course had it, 22,402 pairs of the same 22,383
            words. There the Norvig words are spelled without the qu block, so 19 words carry two
            targets and no model can get both right.

    Raises:
        ValueError: an unknown name or split, `as_in_course` with another set than large, or a
            damaged file (named with its line).
        FileNotFoundError: the data file is not there.
    """
    if name not in SIZES:
        raise ValueError(f"no data set {name!r}; there are {' and '.join(map(repr, SIZES))}")
    if split is not None and split not in SPLITS:
        raise ValueError(f"no split {split!r}; there are {', '.join(map(repr, SPLITS))}")
    if as_in_course and name != "large":
        raise ValueError("as_in_course concerns the large data set only")
    pairs = _read_pairs(DATA_FOLDER / f"{name}.tsv", expected=SIZES[name])
    if as_in_course:
        pairs = course_pairs(pairs)
    return [pair for pair in pairs if split is None or pair.split == split]


def course_pairs(pairs: list[WordPair]) -> list[WordPair]:
    """The original course's pairs: each population spelled in its own way, and two pairs more."""
    course = {
        replace(pair, target=to_pig_latin(pair.source, move_qu=pair.population == "austen"))
        for pair in pairs
    }
    course |= {pair for pair in pairs if pair.population == "both"}  # in the Austen spelling
    by_word = {pair.source: pair for pair in pairs}
    course |= {replace(by_word[word], target=target) for word, target in _EXTRA_COURSE_PAIRS}
    return sorted(course, key=lambda pair: (pair.source, pair.target))


def _read_pairs(path: Path, expected: int) -> list[WordPair]:
    """Read one file of `data/`, and refuse it when a line is damaged or lines are missing."""
    repair = "restore it from git, or run `make data`"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; {repair}")
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        rows = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    if not rows or tuple(rows[0]) != COLUMNS:
        raise ValueError(f"{path}, line 1: the header is not {', '.join(COLUMNS)}; {repair}")
    pairs = []
    for line, row in enumerate(rows[1:], start=2):
        where = f"{path}, line {line}"
        known = RULE_CLASSES, SPLITS, POPULATIONS
        if len(row) != len(COLUMNS) or any(n not in names for n, names in zip(row[2:], known)):
            raise ValueError(f"{where}: not a word pair: {' '.join(row)!r}; {repair}")
        if not set(row[0] + row[1]) <= {*LETTERS, DASH} or not row[0] or not row[1]:
            raise ValueError(f"{where}: a word may hold only a–z and the dash; {repair}")
        pairs.append(WordPair(*row))  # type: ignore[arg-type]  # its split is one of SPLITS
    if len(pairs) != expected:
        raise ValueError(f"{path}: {len(pairs):,} pairs where {expected:,} belong; {repair}")
    return pairs
