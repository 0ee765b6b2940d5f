"""Where the hash of a word puts it: training, validation or test."""

import hashlib

from course.plots.sketch import WIDTH, Panel, finish_sketch
from course.plots.style import INK, NEUTRAL, Picture
from course.plots.svg import Drawing
from nmt.data import split_of

EDGES = {"train": (0.0, 0.8), "val": (0.8, 0.9), "test": (0.9, 1.0)}


def plot_split(word: str) -> Picture:
    """A word, the beginning of its hash, the number u that this is, and the split in which u lies.

    As `nmt.data.split_of`: u = the first 8 bytes of sha256("piglatin-split:" + word) / 2^64.
    """
    digest = hashlib.sha256(f"piglatin-split:{word}".encode()).hexdigest()
    u = int(digest[:16], 16) / 2**64
    split = split_of(word)
    drawing = Drawing(WIDTH, 190, "", "")
    drawing.text(40, 30, f"{word}   →   sha256: {digest[:16]}…", size=15, anchor="start")
    drawing.text(40, 58, f"the same as a number from 0 to 1: u = {u:.4f}", size=15, anchor="start")
    panel = Panel(drawing, (40, 96, 736, 40), (0, 1), (0, 1))
    for name, (low, high) in EDGES.items():
        (left, top), (right, bottom) = panel.at(low, 1), panel.at(high, 0)
        mine = name == split
        drawing.box(
            left, top, right - left, bottom - top, name, colour=INK if mine else NEUTRAL,
            fill=0.3 if mine else 0.06, radius=0,
        )  # fmt: skip
    panel.ticks("x", [0, 0.8, 0.9, 1], ["0", "0.8", "0.9", "1"])
    x, top = panel.at(u, 1)
    drawing.arrow((x, top - 24), (x, top), width=2.4)
    reading = f"u = {u:.4f}, so {word} belongs to {split}, in every data set that holds it."
    alt = f"A line from 0 to 1, cut at 0.8 and 0.9; an arrow at {u:.4f} points into “{split}”."
    return finish_sketch(drawing, alt=alt, reading=reading)
