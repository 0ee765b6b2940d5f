"""Probes: what does a straight cut through a layer's vectors read off, beyond what it memorises?"""

import random
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from course.interpretability.embeddings import VOWELS
from course.interpretability.heads import first_vowel
from nmt.data import VOCABULARY
from nmt.trace import trace

Label = Callable[[str, int], str]  # the property of the letter at a place of a word
FARTHEST = 7  # positions from here on count as one


def position(word: str, place: int) -> str:
    """How many letters stand before it; seven and more are one class."""
    return str(min(place, FARTHEST))


def inside_onset(word: str, place: int) -> str:
    """Whether the letter moves to the end: it stands before the letter that is written first."""
    return "moves" if place < first_vowel(word) else "stays"


def vowel_or_consonant(word: str, place: int) -> str:
    """Vowel: a, e, i, o, u."""
    return "vowel" if word[place] in VOWELS else "consonant"


def previous_letter(word: str, place: int) -> str:
    """The letter before, or "start" at the beginning."""
    return word[place - 1] if place else "start"


LABELS: Mapping[str, Label] = {
    "position": position,
    "inside the onset": inside_onset,
    "vowel or consonant": vowel_or_consonant,
    "previous letter": previous_letter,
}


@dataclass(frozen=True)
class Probe:
    """How well one property is read from one layer's vectors: shares of held-out letters.

    `control` is the accuracy on labels dealt at random to types; `usual` that of always naming the
    most frequent label.
    """

    layer: str
    label: str
    accuracy: float
    control: float
    usual: float

    @property
    def selectivity(self) -> float:
        """accuracy − control: what is read beyond what a probe of this kind learns by heart."""
        return self.accuracy - self.control


def by_letter_and_place(
    label: str, train_words: Sequence[str], test_words: Sequence[str]
) -> Bool[np.ndarray, " letters"]:
    """For which letters of the test words a table of letter and position, with no other letter of
    the word, names the label: the most frequent one among the training words. A probe that is to
    show what a layer has gathered from the context must beat it.
    """
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for word in train_words:
        for place, letter in enumerate(word):
            counts[letter, position(word, place)][LABELS[label](word, place)] += 1
    usual = sum(counts.values(), Counter()).most_common(1)[0][0]
    found = []
    for word in test_words:
        for place, letter in enumerate(word):
            known = counts[letter, position(word, place)] or {usual: 1}
            found.append(max(known, key=known.__getitem__) == LABELS[label](word, place))
    return np.array(found)


def letter_vectors(model: Any, words: Sequence[str]) -> dict[str, Float[np.ndarray, "letters d"]]:
    """For the embedding and each layer that reads, the vectors of all letters of all words, word
    after word; `<EOS>` left out.

    Of a transformer the encoder's layers, of Mamba all.
    """
    found: dict[str, list[np.ndarray]] = {"embedding": []}
    table = model.embedding.weight.detach().numpy()
    for one in trace(model, words, written=["a"] * len(words)):
        found["embedding"].append(table[VOCABULARY.encode(one.word)])
        for name, vectors in one.vectors.items():
            if not name.startswith("decoder"):
                found.setdefault(name, []).append(vectors[: len(one.word)].numpy())
    return {name: np.concatenate(vectors) for name, vectors in found.items()}


def run_probes(
    model: Any,
    train_words: Sequence[str],
    test_words: Sequence[str],
    labels: Sequence[str] = tuple(LABELS),
) -> list[Probe]:
    """Train a logistic regression for each layer and property on some words, and test it on others,
    beside its control task.

    The control keeps the frequencies of the labels but deals them out at random, once for each
    type: for "vowel or consonant" a type is a letter, for the others a letter at its position. A
    probe does well on it by learning types by heart.

    Args:
        train_words, test_words: without a word in common.
        labels: names of `LABELS`.

    Raises:
        ValueError: for words that are in both lists.

    Source: Hewitt & Liang 2019, arXiv 1909.03368 (control tasks and selectivity).
    """
    if both := sorted(set(train_words) & set(test_words)):
        raise ValueError(
            f"{both[0]!r} is in both lists; a probe is tested on words that it has not seen"
        )
    seen, unseen = letter_vectors(model, train_words), letter_vectors(model, test_words)
    probes = []
    for name in labels:
        train, test = _labels(LABELS[name], train_words), _labels(LABELS[name], test_words)
        by_chance = _dealt_out(train, _types(name, train_words), _types(name, test_words))
        values, counts = np.unique(train, return_counts=True)
        usual = float((test == values[counts.argmax()]).mean())
        for layer in seen:
            accuracy, control = (
                _fit(seen[layer], own, unseen[layer], other)
                for own, other in ((train, test), by_chance)
            )
            probes.append(Probe(layer, name, accuracy, control, usual))
    return probes


def _labels(label: Label, words: Sequence[str]) -> np.ndarray:
    return np.array([label(word, place) for word in words for place in range(len(word))])


def _types(name: str, words: Sequence[str]) -> list[str]:
    """What a control label is fixed for."""
    alone = name == "vowel or consonant"
    return [
        word[place] if alone else f"{word[place]}{position(word, place)}"
        for word in words
        for place in range(len(word))
    ]


def _dealt_out(
    labels: np.ndarray, train: Sequence[str], test: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """For each type a label drawn at random, the same in training and test words."""
    deal = {
        kind: random.Random(f"control {kind}").choice(labels.tolist())
        for kind in sorted({*train, *test})
    }
    return np.array([deal[kind] for kind in train]), np.array([deal[kind] for kind in test])


def _fit(
    train: Float[np.ndarray, "n d"],
    train_labels: np.ndarray,
    test: Float[np.ndarray, "m d"],
    test_labels: np.ndarray,
) -> float:
    """The accuracy on the test letters of a logistic regression fitted to the training letters."""
    # Here, for it takes a second to import, and this module is imported by whatever draws.
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if len(set(train_labels)) == 1:
        return float((test_labels == train_labels[0]).mean())
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=150, tol=1e-2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the last per mille cost too much time
        return float(probe.fit(train, train_labels).score(test, test_labels))
