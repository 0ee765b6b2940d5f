"""The figures of the data say what their numbers say, and refuse what cannot be drawn."""

import math
from collections import Counter

import pytest

from course.plots.data import (
    plot_alignment,
    plot_buckets,
    plot_class_counts,
    plot_lengths,
    plot_letter_frequencies,
    plot_padding,
)
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
    reading = plot_alignment(word).reading
    assert (
        f"{kept} characters keep their order, {moved} moved (dotted), {added} added (grey)"
        in reading
    )


def test_alignment_describes_every_target_letter() -> None:
    alt = plot_alignment("fly").alt
    assert "y from place 3, f from place 1, l from place 2, a added, y added" in alt


def test_alignment_without_the_qu_block() -> None:
    assert "square → uaresqay" in plot_alignment("square", move_qu=False).reading


@pytest.mark.parametrize(
    ("word", "message"), [("Team", "character 1 is 'T'"), ("", "empty"), ("a" * 25, "room for 24")]
)
def test_alignment_refuses(word: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plot_alignment(word)


def test_lengths() -> None:
    picture = plot_lengths(PAIRS)
    longer = sum(len(pair.target) - len(pair.source) for pair in PAIRS) / len(PAIRS)
    assert f"{longer:.1f} characters longer" in picture.reading
    assert "longest source has 13" in picture.reading


def test_classes() -> None:
    picture = plot_class_counts(PAIRS)
    assert "commonest class is" in picture.reading
    assert "vowel 2" in picture.alt
    assert "dashes" not in picture.alt


def test_letters_give_the_entropy_of_what_is_asked() -> None:
    counts = Counter(letter for pair in PAIRS for letter in [*pair.target, "<EOS>"])
    entropy = -sum(n / counts.total() * math.log(n / counts.total()) for n in counts.values())
    assert (
        f"costs {entropy:.2f} nats a token, against log 29 = 3.37"
        in plot_letter_frequencies(PAIRS).reading
    )


def test_buckets() -> None:
    sizes = Counter((len(pair.source), len(pair.target)) for pair in PAIRS)
    picture = plot_buckets(PAIRS)
    assert f"{len(sizes)} buckets hold {len(PAIRS)} words" in picture.reading
    assert f"{sum(1 for size in sizes.values() if size == 1)} hold a single word" in picture.reading


def test_padding_share() -> None:
    # a, the and EOS make 2 + 4 of 8 cells
    assert plot_padding(["a", "the"], ["the", "and"]).reading.startswith("Left, 25% of the cells")
    with pytest.raises(ValueError, match="at least one word"):
        plot_padding([], ["the"])


@pytest.mark.parametrize(
    "figure", [plot_lengths, plot_class_counts, plot_letter_frequencies, plot_buckets]
)
def test_figures_need_words(figure) -> None:
    with pytest.raises(ValueError, match="no word pairs"):
        figure([])
    assert figure(PAIRS[:1]).webp.startswith(b"RIFF")
