"""The figures of the data say what their numbers say, and refuse what cannot be drawn."""

import math
from collections import Counter

import pytest
from says import says

from course import plots
from nmt.data import WordPair

WORDS = "street apple quick yet mr good-humoured tree team to- a"
PAIRS = [WordPair.of(word) for word in WORDS.split()]


@pytest.mark.parametrize(
    ("word", "kept", "moved", "added"),
    [
        ("street", 3, 3, 2),
        ("impress", 7, 0, 3),
        ("yet", 3, 0, 2),
        ("square", 3, 3, 2),
        ("good-humoured", 11, 2, 4),
        ("--", 2, 0, 0),
        ("to-", 2, 1, 2),
    ],
)
def test_alignment_counts_what_moved(word: str, kept: int, moved: int, added: int) -> None:
    counted = f"{kept} characters keep their order, {moved} moved (dotted), {added} added (grey)"
    says(plots.plot_alignment(word), counted)


def test_alignment_describes_every_target_letter() -> None:
    told = "y from place 3, f from place 1, l from place 2, a added, y added"
    says(plots.plot_alignment("fly"), told)
    says(plots.plot_alignment("square", move_qu=False), "square → uaresqay")
    for word, message in (("Team", "character 1 is 'T'"), ("", "empty"), ("a" * 25, "room for 24")):
        with pytest.raises(ValueError, match=message):
            plots.plot_alignment(word)


def test_counts_are_those_of_the_words() -> None:
    longer = sum(len(pair.target) - len(pair.source) for pair in PAIRS) / len(PAIRS)
    says(plots.plot_lengths(PAIRS), f"{longer:.1f} characters longer", "longest source has 13")
    classes = plots.plot_class_counts(PAIRS)
    says(classes, "commonest class is", "vowel 2")
    assert "dashes" not in classes.alt
    sizes = Counter((len(pair.source), len(pair.target)) for pair in PAIRS)
    single = sum(1 for size in sizes.values() if size == 1)
    told = f"{len(sizes)} buckets hold {len(PAIRS)} words", f"{single} hold a single word"
    says(plots.plot_buckets(PAIRS), *told)
    # a, the and EOS make 2 + 4 of 8 cells
    says(plots.plot_padding(["a", "the"], ["the", "and"]), "Left, 25% of the cells")
    for figure in (
        plots.plot_lengths,
        plots.plot_class_counts,
        plots.plot_letter_frequencies,
        plots.plot_buckets,
    ):
        says(figure(PAIRS[:1]))


def test_letters_give_the_entropy_of_what_is_asked() -> None:
    counts = Counter(letter for pair in PAIRS for letter in [*pair.target, "<EOS>"])
    entropy = -sum(n / counts.total() * math.log(n / counts.total()) for n in counts.values())
    told = f"costs {entropy:.2f} nats a token, against log 29 = 3.37"
    says(plots.plot_letter_frequencies(PAIRS), told)
