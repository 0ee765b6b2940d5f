"""How like is a held-out word to the words of training? The nearest of them, by the number of
letters that must be changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class LookAlike:
    """The training word nearest to `word`, and how many letters must be put in, taken out or
    replaced to get from one to the other.
    """

    word: str
    nearest: str
    distance: int


def look_alikes(words: Sequence[str], training: Sequence[str]) -> list[LookAlike]:
    """For each word its nearest training word; of several at the same distance the first.

    Args:
        words: the words to rate.
        training: the words to compare with, at least one.
    """
    found = []
    for word in words:
        distances = edit_distances(word, training)
        nearest = int(distances.argmin())
        found.append(LookAlike(word, training[nearest], int(distances[nearest])))
    return found


def edit_distances(word: str, others: Sequence[str]) -> np.ndarray:
    """The edit distance of `word` to each of `others`, one whole number each.

    d(i, j), the distance of the first i letters to the first j, is the least of d(i−1, j) + 1, d(i,
    j−1) + 1, and d(i−1, j−1) + [letter i differs from letter j]. Filled for all other words at
    once.

    Source: Wagner & Fischer 1974, algorithm X.
    """
    longest = max(map(len, others), default=0)
    letters = np.zeros((longest, len(others)), dtype=np.uint32)
    for column, other in enumerate(others):
        letters[: len(other), column] = [ord(letter) for letter in other]
    row = [np.full(len(others), j, dtype=np.int16) for j in range(longest + 1)]  # d(0, j)
    for i, letter in enumerate(word, start=1):
        above, row = row, [np.full(len(others), i, dtype=np.int16)]
        for j in range(1, longest + 1):
            replaced = above[j - 1] + (letters[j - 1] != ord(letter))
            row.append(np.minimum(np.minimum(above[j], row[j - 1]) + np.int16(1), replaced))
    lengths = np.array([len(other) for other in others], dtype=np.intp)
    return np.stack(row)[lengths, np.arange(len(others))]
