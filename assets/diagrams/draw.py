"""The diagrams of the course, drawn by code: `make diagrams` writes them to assets/diagrams/."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from model_diagrams import draw_mamba_block, draw_transformer
from pencil import Diagram

from course.plots.style import NEUTRAL, SOURCE, TARGET, TRUTH
from nmt.pig_latin import align, to_pig_latin

DIAGRAMS = Path(__file__).resolve().parent


def draw_alignment(word: str = "brown") -> Diagram:
    """The task in one picture: each Pig Latin letter with the English letter it is copied from, as
    lines and as a matrix.
    """
    target, origin = to_pig_latin(word), align(word)
    copies = ", ".join(
        f"{letter} from position {o + 1}" for letter, o in zip(target, origin) if o is not None
    )
    drawing = Diagram(
        880,
        350,
        f"{word} → {target}: where each letter comes from",
        f"The letters of {word} above those of {target}, joined by lines: {copies}; the other"
        " letters are added by the rule. Beside them the same as a matrix: the pattern that a"
        " model's attention has to find.",
    )
    drawing.text(270, 36, "Every output letter has a known origin …", size=15, bold=True)
    above = drawing.letters(270, 104, list(word), SOURCE, size=42, gap=8)
    below = drawing.letters(270, 250, list(target), TARGET, size=42, gap=8)
    for x, source in zip(below, origin):
        if source is not None:
            drawing.curve((above[source], 125), (x, 229), colour=TRUTH)
    added = [x for x, source in zip(below, origin) if source is None]
    drawing.arrow((added[0] - 18, 286), (added[-1] + 18, 286), colour=NEUTRAL, head=False, width=3)
    drawing.text(sum(added) / len(added), 306, "added by the rule", size=13, colour=NEUTRAL)
    drawing.text(above[0] - 34, 104, "English", size=13, anchor="end", colour=SOURCE)
    drawing.text(below[0] - 34, 250, "Pig Latin", size=13, anchor="end", colour=TARGET)

    side = min(30, 210 / len(target))
    left, top = 620, 86
    drawing.text(
        left + side * len(word) / 2, 36, "… so attention can be checked", size=15, bold=True
    )
    for column, letter in enumerate(word):
        drawing.text(
            left + (column + 0.5) * side, top - 12, letter, size=14, colour=SOURCE, bold=True
        )
    for row, (letter, source) in enumerate(zip(target, origin)):
        drawing.text(left - 16, top + (row + 0.5) * side, letter, size=14, colour=TARGET, bold=True)
        for column in range(len(word)):
            drawing.cell(
                left + column * side,
                top + row * side,
                side,
                TRUTH,
                0.85 if column == source else 0.07,
            )
        if source is None:
            drawing.text(
                left + side * len(word) + 12,
                top + (row + 0.5) * side,
                "added",
                size=12,
                colour=NEUTRAL,
                anchor="start",
            )
    drawing.text(
        left + side * len(word) / 2, top + side * len(target) + 20, "each letter's origin", size=13
    )
    return drawing


def draw_attention_head() -> Diagram:
    """One attention head as two matrix products: each result stands right of its left factor and
    below its right one.
    """
    drawing = Diagram(
        970,
        470,
        "One attention head",
        "Each query, one row for each letter written so far of yflay, is multiplied with each key,"
        " one column for each letter of fly. The scores are divided by the square root of the width"
        " and turned by softmax into weights, so that each row sums to 1. The weights average the"
        " values; the result is one output row for each query. The vectors are invented, the rest"
        " is computed.",
    )
    keys, queries, reads = (
        ["f", "l", "y", "EOS"],
        ["SOS", "y", "f", "l", "a", "y"],
        [2, 0, 1, 3, 3, 3],
    )
    signs = [
        [1, 1, 1, 1],
        [1, -1, 1, -1],
        [1, 1, -1, -1],
        [1, -1, -1, 1],
    ]  # four directions at right angles, one a source letter
    key = [
        [s + 0.3 * math.sin(5 * row + 3 * i) for i, s in enumerate(signs[row])] for row in range(4)
    ]
    query = [
        [2 * s + 0.7 * math.sin(4 * row + 7 * i) for i, s in enumerate(signs[read])]
        for row, read in enumerate(reads)
    ]
    value = [[math.sin(3 + 2 * row + 5 * i) for i in range(4)] for row in range(4)]
    scores = [[sum(a * b for a, b in zip(q, k)) for k in key] for q in query]
    powers = [[math.exp(score / math.sqrt(4)) for score in row] for row in scores]
    weights = [[power / sum(row) for power in row] for row in powers]
    output = [[sum(w * v[i] for w, v in zip(row, value)) for i in range(4)] for row in weights]

    side, top, low = 30, 92, 228
    q_left, s_left, w_left, o_left = 84, 220, 486, 646
    _matrix(drawing, q_left, low, side, query, TARGET)
    _matrix(drawing, s_left, top, side, [list(column) for column in zip(*key)], SOURCE)
    _matrix(drawing, s_left, low, side, scores, NEUTRAL, "{:.0f}")
    _matrix(drawing, w_left, low, side, weights, NEUTRAL, "{:.2f}")
    _matrix(drawing, o_left, top, side, value, SOURCE)
    _matrix(drawing, o_left, low, side, output, SOURCE)
    for row, letter in enumerate(queries):
        for left in (q_left, w_left):
            drawing.text(
                left - 8,
                low + (row + 0.5) * side,
                letter,
                size=_letter_size(letter),
                colour=TARGET,
                anchor="end",
                bold=True,
            )
    for column, letter in enumerate(keys):
        for left, y in ((s_left, top - 13), (w_left, low - 13)):
            drawing.text(
                left + (column + 0.5) * side,
                y,
                letter,
                size=_letter_size(letter),
                colour=SOURCE,
                bold=True,
            )
        drawing.text(
            o_left - 8,
            top + (column + 0.5) * side,
            letter,
            size=_letter_size(letter),
            colour=SOURCE,
            anchor="end",
            bold=True,
        )

    middle, below, centre = 2 * side, low + 6 * side + 20, low + 3 * side
    drawing.text(s_left + middle, top - 40, "key", size=15, bold=True)
    drawing.text(o_left + middle, top - 40, "value", size=15, bold=True)
    notes = {
        "query": "one row a letter",
        "scores": "query · key",
        "weights": "each row sums to 1",
        "output": "weights · value",
    }
    for left, (name, note) in zip((q_left, s_left, w_left, o_left), notes.items()):
        drawing.text(left + middle, below - 4, name, size=15, bold=True)
        drawing.text(left + middle, below + 14, note, size=12, colour=NEUTRAL)
    drawing.arrow((s_left + 4 * side + 12, centre), (w_left - 38, centre))
    drawing.text((s_left + w_left) / 2 + 42, centre - 34, "÷ √k")
    drawing.text((s_left + w_left) / 2 + 42, centre - 15, "softmax")
    drawing.arrow((o_left + 4 * side + 10, centre), (o_left + 4 * side + 44, centre))
    for row, line in enumerate(("joined with", "the other heads,", "mixed by W_O")):
        drawing.text(o_left + 4 * side + 52, centre - 19 + 19 * row, line, anchor="start")
    return drawing


def _matrix(
    drawing: Diagram,
    x: float,
    y: float,
    side: float,
    rows: list[list[float]],
    colour: str,
    label: str = "",
) -> None:
    """A matrix of numbers as shades, the largest the darkest; with the numbers in `label`'s form,
    if given.
    """
    low, high = min(map(min, rows)), max(map(max, rows))
    for r, row in enumerate(rows):
        for c, number in enumerate(row):
            share = (number - low) / (high - low)
            text = label.format(number).replace("0.", ".").replace("-0", "0") if label else ""
            drawing.cell(
                x + c * side,
                y + r * side,
                side,
                colour,
                0.08 + (0.7 if label else 0.5) * share,
                text,
            )


def _letter_size(token: str) -> float:
    return 14 if len(token) == 1 else 10


DRAWINGS = {
    "alignment": draw_alignment,
    "attention_head": draw_attention_head,
    "transformer": draw_transformer,
    "mamba_block": draw_mamba_block,
}


def main() -> None:
    """Write every diagram to a folder."""
    parser = argparse.ArgumentParser(
        prog="python -m draw", description="Draw the course's diagrams as SVG."
    )
    parser.add_argument(
        "--out", type=Path, default=DIAGRAMS, metavar="FOLDER", help="default assets/diagrams"
    )
    folder = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in DRAWINGS.items():
        draw().save(folder / f"{name}.svg")
        print(f"{name}.svg")


if __name__ == "__main__":
    main()
