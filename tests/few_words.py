"""Data sets of few words, for tests of what is done with words, however many they are."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from nmt import data
from nmt.data import WordPair
from nmt.runs import wide_words

read_pairs = data._read_pairs


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
    with patch.object(data, "_read_pairs", few_pairs):
        yield
    wide_words.cache_clear()
