"""Figures of the task and its data: alignments, lengths, classes, letters, batches, splits."""

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.patches import Rectangle

from course.plots.axes import draw_bars, draw_pairs
from course.plots.colours import INK, NEUTRAL, SEQUENTIAL, SOURCE, TARGET, TRUTH
from course.plots.sketch import WIDTH, Panel, finish_sketch
from course.plots.style import Picture, finish, label_letters, new_figure
from course.plots.svg import Drawing
from nmt.data import VOCABULARY, WordPair, split_of
from nmt.pig_latin import align, rule_class, to_pig_latin

LONGEST = 24  # letters that still fit into one row of an alignment
EDGES = {"train": (0.0, 0.8), "val": (0.8, 0.9), "test": (0.9, 1.0)}


def plot_alignment(word: str, *, move_qu: bool = True) -> Picture:
    """A word above its Pig Latin, with a line from each letter to its copy.

    Solid lines lead to letters that keep their order, dotted ones to letters that moved to the end.
    Letters that the rule adds stand in grey boxes without a line.

    Raises:
        ValueError: for a word that the rule can't spell, or one that is longer than 24 characters.
    """
    target = to_pig_latin(word, move_qu=move_qu)
    alignment = align(word, move_qu=move_qu)
    name = rule_class(word)
    if len(word) > LONGEST:
        raise ValueError(f"{word!r} has {len(word)} characters; the picture has room for {LONGEST}")
    pitch = min(42.0, 720 / len(target))
    drawing = Drawing(max(400, round(110 + pitch * len(target))), 220)
    drawing.text(20, 24, f"{word} → {target}, class: {name}", size=15, anchor="start")
    above = [90 + pitch * (place + 0.5) for place in range(len(target))]
    drawing.text(80, 75, "source", anchor="end")
    drawing.text(80, 175, "target", anchor="end")
    moved, furthest = 0, -1
    for x, position in zip(above, alignment, strict=True):
        if position is not None:
            behind = position < furthest  # a letter of a later place stands in front of it already
            moved += behind
            furthest = max(furthest, position)
            ends, dash = ((above[position], 92), (x, 158)), "3 4" * behind
            drawing.arrow(*ends, colour=TRUTH, head=False, dash=dash)
    side = min(34.0, pitch - 4)
    for place, letter in enumerate(word):
        _letter_box(drawing, above[place], 75, letter, SOURCE, side)
    for x, letter, position in zip(above, target, alignment):
        full, colour = (True, NEUTRAL) if position is None else (False, TARGET)
        _letter_box(drawing, x, 175, letter, colour, side, full)
    added = alignment.count(None)
    reading = (
        f"{word} → {target}, class {name}: {len(word) - moved} characters keep their order, {moved}"
        f" moved (dotted), {added} added (grey)."
    )
    pairs = ", ".join(
        f"{letter} from place {position + 1}" if position is not None else f"{letter} added"
        for letter, position in zip(target, alignment)
    )
    what = f"The letters of {word} above those of {target}, joined by lines"
    alt = f"{what}. Target letters in order: {pairs}."
    return finish_sketch(drawing, alt=alt, reading=reading)


def _letter_box(
    drawing: Drawing, x: float, y: float, letter: str, colour: str, side: float, full: bool = False
) -> None:
    drawing.box(x - side / 2, y - 17, side, 34, colour=colour, fill=1.0 if full else 0.0)
    drawing.text(x, y, letter, size=17, colour="#ffffff" if full else colour)


def plot_lengths(pairs: Sequence[WordPair]) -> Picture:
    """How many words have how many characters."""
    source, target = (list(map(len, words)) for words in _words(pairs))
    places = range(1, max(target) + 1)
    figure, axis = new_figure(7.0, 3.0)
    counts = {"source": Counter(source), "target": Counter(target)}
    bars = {name: [found[place] for place in places] for name, found in counts.items()}
    draw_pairs(axis, places, bars, (SOURCE, TARGET))
    axis.set(xlabel="length (characters)", ylabel="number of words", xticks=places)
    axis.legend()
    longer = np.mean(target) - np.mean(source)
    reading = (
        f"A target is {longer:.1f} characters longer on average; "
        f"the longest source has {max(source)} characters, the longest target {max(target)}."
    )
    first, second = (found.most_common(1)[0][0] for found in counts.values())
    peaks = f"sources peak at {first} characters, targets at {second}"
    alt = f"Bar chart of the lengths of {len(pairs):,} words: {peaks}."
    return finish(figure, alt=alt, reading=reading)


def plot_class_counts(pairs: Sequence[WordPair]) -> Picture:
    """How many words fall under each line of the rule."""
    counts = Counter(pair.rule_class for pair in pairs)
    names = [name for name, _ in counts.most_common()]
    figure, axis = new_figure(7.0, 0.9 + 0.3 * len(names))
    found = [counts[name] for name in names]
    notes = [f"{count:,} ({count / len(pairs):.1%})" for count in found]
    draw_bars(axis, names, found, colours=NEUTRAL, notes=notes)
    axis.set_xlabel("number of words")
    rare = [name for name in reversed(names) if counts[name] < 0.01 * len(pairs)]
    reading = (
        f"The commonest class is {names[0]}, with {found[0] / len(pairs):.0%} of the words; under"
        f" 1% have: {', '.join(rare) or 'none'}."
    )
    listed = ", ".join(f"{name} {counts[name]:,}" for name in names)
    return finish(figure, alt=f"Bar chart of words by class: {listed}.", reading=reading)


def plot_letter_frequencies(pairs: Sequence[WordPair]) -> Picture:
    """The share of each token in sources and in targets, where each word counts with its `<EOS>`.

    The dashed line is the share 1/29 that each token would have if all were equally common. The
    reading gives the entropy of the target's shares, −Σ p log p in nats: the loss of a model that
    knows these shares and nothing else.
    """
    tokens = [token for token in VOCABULARY.tokens if token != "<SOS>"]  # never asked for
    shares = {}
    for label, words in zip(("source", "target"), _words(pairs), strict=True):
        counts = Counter("".join(words)) + Counter({"<EOS>": len(words)})
        shares[label] = np.array([counts[token] for token in tokens]) / counts.total()
    order = np.argsort(-shares["target"], kind="stable")
    entropy = -sum(share * math.log(share) for share in shares["target"] if share)
    figure, axis = new_figure(8.0, 3.2)
    bars = {label: (100 * share[order]).tolist() for label, share in shares.items()}
    draw_pairs(axis, range(len(tokens)), bars, (SOURCE, TARGET))
    axis.axhline(100 / VOCABULARY.size, color=NEUTRAL, linestyle="--", label="all tokens alike")
    label_letters(axis, "x", [tokens[number] for number in order], INK)
    axis.get_xticklabels()[order.tolist().index(len(tokens) - 1)].set_rotation(90)
    axis.set(xlabel="token", ylabel="share of tokens (%)", xlim=(-0.7, len(tokens) - 0.3))
    axis.legend()
    top = [tokens[number] for number in order[:3]]
    reading = (
        f"The commonest target tokens are {', '.join(top)}; knowing the targets' shares alone costs"
        f" {entropy:.2f} nats a token, against log {VOCABULARY.size} ="
        f" {math.log(VOCABULARY.size):.2f} without."
    )
    listed = ", ".join(f"{tokens[number]} {shares['target'][number]:.1%}" for number in order[:6])
    alt = f"Bar chart of token shares in sources and targets. In targets: {listed}, then falling."
    return finish(figure, alt=alt, reading=reading)


def plot_buckets(pairs: Sequence[WordPair]) -> Picture:
    """Each bucket, a pair of source and target length: a square, darker the more words it holds."""
    counts = Counter((len(pair.source), len(pair.target)) for pair in pairs)
    longest_source, longest_target = (max(lengths) for lengths in zip(*counts, strict=True))
    table = np.full((longest_target + 1, longest_source + 1), np.nan)
    for (source, target), count in counts.items():
        table[target, source] = count
    figure, axis = new_figure(6.0, 4.6)
    norm = LogNorm(0.3, max(2, max(counts.values())))
    image = axis.imshow(table, origin="lower", cmap=SEQUENTIAL, norm=norm, aspect="auto")
    bar = figure.colorbar(image, ax=axis, label="words in the bucket")
    bar.ax.set_ylim(bottom=1)  # a single word has a shade that can be seen, and none has less
    axis.set(xlabel="source length (characters)", ylabel="target length (characters)")
    axis.set(xlim=(0.5, longest_source + 0.5), xticks=range(1, longest_source + 1, 2))
    axis.set(ylim=(0.5, longest_target + 0.5), yticks=range(1, longest_target + 1, 2))
    (source, target), most = counts.most_common(1)[0]
    alone = list(counts.values()).count(1)
    reading = (
        f"{len(counts)} buckets hold {len(pairs):,} words; the fullest ({source} to {target}"
        f" characters) has {most}, and {alone} hold a single word."
    )
    near = sum(len(pair.target) - len(pair.source) in (2, 3) for pair in pairs) / len(pairs)
    alt = (
        f"Heat map of words by source and target length, {len(counts)} filled squares. {near:.0%}"
        " of the words grow by 2 or 3 characters."
    )
    return finish(figure, alt=alt, reading=reading)


def plot_padding(mixed: Sequence[str], alike: Sequence[str]) -> Picture:
    """Two batches of words as grids of tokens: one of mixed lengths, filled up with padding, and
    one of a single length.
    """
    widths = [max(map(len, words)) + 1 for words in (mixed, alike)]
    figure, axes = new_figure(8.0, 0.9 + 0.27 * max(len(mixed), len(alike)), columns=2)
    wasted = [_draw_grid(axis, words) for axis, words in zip(axes, (mixed, alike))]
    for axis, title, share, width in zip(axes, ("as they come", "from one bucket"), wasted, widths):
        axis.set_title(f"{title}: {share:.0%} padding")
        axis.set(xlabel="source position", ylabel="word of the batch")
        axis.set(xlim=(-0.6, max(widths) - 0.4), xticks=range(0, width, 2))
    reading = (
        f"Left, {wasted[0]:.0%} of the cells are padding (hatched) that costs time and has to be"
        f" masked; right, {wasted[1]:.0%}. E stands for <EOS>."
    )
    alt = (
        f"Two grids of letters. The left one holds {', '.join(mixed)}, filled up to one length; the"
        f" right one {', '.join(alike)}."
    )
    return finish(figure, alt=alt, reading=reading)


def _draw_grid(axis: Axes, words: Sequence[str]) -> float:
    """One word a row, `<EOS>` as a dark cell, padding hatched; gives the share of padding."""
    width = max(len(word) for word in words) + 1
    for row, word in enumerate(words):
        for place in range(width):
            end, padding = place == len(word), place > len(word)
            look: Any = {"fc": SOURCE if end else "white", "ec": NEUTRAL, "lw": 0.6}
            hatch = "////" if padding else ""
            axis.add_patch(Rectangle((place - 0.5, row - 0.5), 1, 1, hatch=hatch, **look))
            text = "" if padding else "E" if end else word[place]
            colour = "white" if end else SOURCE
            axis.text(place, row, text, ha="center", va="center", color=colour, fontsize=9)
    axis.set(ylim=(len(words) - 0.4, -0.6), yticks=[])
    axis.spines[:].set_visible(False)
    return 1 - sum(len(word) + 1 for word in words) / (width * len(words))


def _words(pairs: Iterable[WordPair]) -> tuple[list[str], list[str]]:
    return [pair.source for pair in pairs], [pair.target for pair in pairs]


def plot_split(word: str) -> Picture:
    """A word, the beginning of its hash, the number u that this is, and the split in which u lies.

    As `nmt.data.split_of`: u = the first 8 bytes of sha256("piglatin-split:" + word) / 2^64.
    """
    digest = hashlib.sha256(f"piglatin-split:{word}".encode()).hexdigest()
    u = int(digest[:16], 16) / 2**64
    split = split_of(word)
    drawing = Drawing(WIDTH, 190)
    drawing.text(40, 30, f"{word}   →   sha256: {digest[:16]}…", size=15, anchor="start")
    drawing.text(40, 58, f"the same as a number from 0 to 1: u = {u:.4f}", size=15, anchor="start")
    panel = Panel(drawing, (40, 96, 736, 40), (0, 1), (0, 1))
    for name, (low, high) in EDGES.items():
        (left, top), (right, bottom) = panel.at(low, 1), panel.at(high, 0)
        mine = name == split
        colour, fill = (INK, 0.3) if mine else (NEUTRAL, 0.06)
        size = right - left, bottom - top
        drawing.box(left, top, *size, name, colour=colour, fill=fill, radius=0)
    panel.ticks("x", [0, 0.8, 0.9, 1], ["0", "0.8", "0.9", "1"])
    x, top = panel.at(u, 1)
    drawing.arrow((x, top - 24), (x, top), width=2.4)
    reading = f"u = {u:.4f}, so {word} belongs to {split}, in every data set that holds it."
    alt = f"A line from 0 to 1, cut at 0.8 and 0.9; an arrow at {u:.4f} points into “{split}”."
    return finish_sketch(drawing, alt=alt, reading=reading)
