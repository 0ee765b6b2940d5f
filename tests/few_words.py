"""Data sets of few words and short answers, for tests of what is done with words, however many they
are and whatever a model spells.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from nmt import data, decoding
from nmt.data import WordPair
from nmt.runs import wide_words

read_pairs = data._read_pairs
STEPS = 10  # an untrained model does not stop by itself


@functools.cache
def few_pairs(path: Path, expected: int) -> list[WordPair]:
    """Instead of `nmt.data._read_pairs`: a quarter of the words of four to six letters. Few lengths
    make few batches.
    """
    return [pair for pair in read_pairs(path, expected) if 4 <= len(pair.source) <= 6][::4]


@contextmanager
def few_words_only() -> Iterator[None]:
    """Inside the block each data set is small."""
    wide_words.cache_clear()
    with (
        patch.object(data, "_read_pairs", few_pairs),
        patch.object(decoding, "MIN_STEPS", STEPS),
    ):
        yield
    wide_words.cache_clear()


def know_few_words() -> None:
    """The same in a process that tests start, to its end."""
    data._read_pairs, decoding.MIN_STEPS = few_pairs, STEPS
