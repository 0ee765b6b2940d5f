"""One word spelled twice: by the untouched model, and with some heads changed."""

from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import zip_longest

from jaxtyping import Float
from torch import Tensor

from course.interpretability.spelling import Spelling
from course.plots.colours import INK, MODEL, NEUTRAL, SOURCE, TARGET, TRUTH
from course.plots.sketch import SMALL, WIDTH, Panel, finish_sketch
from course.plots.style import Picture
from course.plots.svg import Drawing
from nmt.data import VOCABULARY

LEFT = 104  # pixels, before the first letter
Map = tuple[str, Float[Tensor, "_ _"], Sequence[str], Sequence[str]]  # title, weights, labels


def plot_intervention(
    before: Spelling, after: Spelling, changes: Sequence[str], maps: Sequence[Map] = ()
) -> Picture:
    """Below each other the rule's letters, the model's own, and those that it writes under the
    changes; a bar is the probability of the letter below it. What has changed is framed and bold,
    its bar hatched; an empty frame is a letter left out.

    Args:
        before, after: of `course.interpretability.spelling`, of one word.
        changes: each in words, such as "encoder 0, head 2: off"; none says that nothing is changed.
        maps: where a head looks, each with a title, weights, and the labels of queries and keys.
    """
    pairs = align_answers(before.written, after.written)
    lines = list(changes) or ["nothing is changed"]
    top = 34 + 18 * len(lines)
    drawing = Drawing(WIDTH, top + 262 + (256 if maps else 0))
    drawing.text(20, 22, f"“{before.source}”", size=15, anchor="start", bold=True)
    for number, line in enumerate(lines):
        drawing.text(20, 44 + 18 * number, line, size=14, anchor="start")
    pitch = min(44.0, (WIDTH - LEFT - 20) / len(pairs))
    drawing.text(LEFT - 12, top + 26, "the rule", size=SMALL, colour=TRUTH, anchor="end")
    if before.written == before.rule:  # its letters stand over the same ones of the model
        for column, (own, _) in enumerate(pairs):
            if own is not None:
                _token(drawing, before.rule[own], (column, top + 26), pitch, TRUTH)
    else:
        drawing.text(LEFT, top + 26, before.truth, size=16, colour=TRUTH, anchor="start")
    changed = [column for column, (a, b) in enumerate(pairs) if not _same(before, after, a, b)]
    columns = list(zip(*pairs))
    _row(drawing, "untouched", before, (columns[0], ()), top + 46, pitch)
    _row(drawing, "changed", after, (columns[1], changed), top + 156, pitch)
    for number, one in enumerate(maps):
        _map(drawing, one, 20 + 398 * number, top + 290)
    if maps:
        line = "a row: where this token looks; white is none of its weight, dark all"
        drawing.text(20, drawing.height - 14, line, size=SMALL, colour=NEUTRAL, anchor="start")
    reading = _reading(before, after, [pairs[column] for column in changed])
    alt = (
        f"{before.source}, {'; '.join(lines)}. Untouched the model writes {before.answer}, now"
        f" {after.answer}; the rule says {before.truth}."
        + (f" Below: {'; '.join(one[0] for one in maps)}." if maps else "")
    )
    return finish_sketch(drawing, alt=alt, reading=reading)


def align_answers(
    before: Sequence[str], after: Sequence[str]
) -> list[tuple[int | None, int | None]]:
    """Columns in which two answers can stand below each other: places in both, or None where one
    has nothing to set against the other.
    """
    columns: list[tuple[int | None, int | None]] = []
    matcher = SequenceMatcher(None, list(before), list(after), autojunk=False)
    for _, a, b, c, d in matcher.get_opcodes():
        columns += zip_longest(range(a, b), range(c, d))
    return columns


def _same(before: Spelling, after: Spelling, a: int | None, b: int | None) -> bool:
    return a is not None and b is not None and before.written[a] == after.written[b]


def _token(
    drawing: Drawing,
    token: str,
    at: tuple[int, float],
    pitch: float,
    colour: str,
    bold: bool = False,
) -> None:
    """A token in the middle of a column."""
    size = min(16.0, 0.62 * pitch) * (0.7 if token.startswith("<") else 1)
    x = LEFT + pitch * (at[0] + 0.5)
    shown = "end" if token.startswith("<") else token
    drawing.text(x, at[1], shown, size=size, colour=colour, bold=bold)


def _row(
    drawing: Drawing,
    name: str,
    own: Spelling,
    columns: tuple[Sequence[int | None], Sequence[int]],
    top: float,
    pitch: float,
) -> None:
    """Bars of 56 pixels over the letters that were written, and their numbers where they fit."""
    places, changed = columns
    sure = own.probabilities.max(dim=-1).values.tolist()
    heights = [0.0 if place is None else sure[place] for place in places]
    panel = Panel(drawing, (LEFT, top, pitch * len(places), 56), (-0.5, len(places) - 0.5), (0, 1))
    panel.ticks("y", [0, 1], ["0%", "100%"], grid=True)
    panel.bars(heights, MODEL, width=0.66, hatched=changed)
    below = top + 76
    drawing.text(LEFT - 12, below, name, size=SMALL, colour=TARGET, anchor="end")
    for column, place in enumerate(places):
        x, new = LEFT + pitch * (column + 0.5), column in changed
        if new:
            width = min(24.0, pitch - 2)
            corner = x - width / 2, below - 12
            dash = "3 2" if place is None else ""
            drawing.box(*corner, width, 24, colour=TARGET, fill=0.0, radius=3, dash=dash)
        if place is None:
            continue
        _token(drawing, own.written[place], (column, below), pitch, TARGET, new)
        if pitch >= 33:
            share = sure[place]
            ink = INK if share < 0.9 else NEUTRAL
            drawing.text(x, below + 20, f"{share:.0%}", size=11, colour=ink, bold=share < 0.9)


def _map(drawing: Drawing, one: Map, left: float, top: float) -> None:
    """A pattern of attention: queries down, keys across."""
    title, weights, queries, keys = one
    rows, columns = weights.shape
    drawing.text(left, top - 16, title, size=13, anchor="start")
    box = (left + 70, top, 300, 176)
    panel = Panel(drawing, box, (-0.5, columns - 0.5), (rows - 0.5, -0.5))
    panel.image(weights.tolist(), (0.0, 1.0))
    x0, y0, x1, y1 = panel.left, panel.top, panel.right, panel.bottom
    panel.stroke([(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)])
    size = min(12.0, 176 / rows)
    for row, label in enumerate(queries):
        y = panel.at(0, row)[1]
        drawing.text(panel.left - 5, y, label, size=size, anchor="end")
    for column, label in enumerate(keys):
        x, shown = panel.at(column, 0)[0], label
        size = min(12.0, 300 / columns)
        if label.startswith("<"):
            size, shown = 0.75 * size, label.strip("<>").lower()
        drawing.text(x, panel.bottom + 12, shown, size=size, colour=SOURCE)


def _reading(
    before: Spelling, after: Spelling, changed: Sequence[tuple[int | None, int | None]]
) -> str:
    """One sentence of what happened, and one of where."""
    was, now = before.answer, after.answer
    if not changed:
        rows = zip(after.probabilities, after.written)
        kept = [row[VOCABULARY.tokens.index(token)].item() for row, token in rows]
        least = min(range(len(kept)), key=kept.__getitem__)
        sure = before.probabilities[least].max().item()
        rule = "" if now == before.truth else f"; the rule says {before.truth}"
        where = f"letter {least + 1}, {_named(after.written[least])}"
        shares = f"{kept[least]:.1%} now, {sure:.1%} before"
        least_sure = f"The model is least sure of {where}: {shares}."
        return f"{before.source} → {now}, as before{rule}. {least_sure}"
    right = "which is now right" if now == before.truth else f"but the rule says {before.truth}"
    many = "One letter changes" if len(changed) == 1 else f"{len(changed)} letters change"
    a, b = changed[0]
    if a is None:
        assert b is not None
        what = f"{_sure(after, b)} is put in as letter {b + 1}"
    elif b is None:
        what = f"letter {a + 1}, {_sure(before, a)}, is left out"
    else:
        what = f"letter {a + 1}, {_sure(before, a)}, becomes {_sure(after, b)}"
    first = "; the first:" if len(changed) > 1 else ":"
    return f"{before.source} → {was} becomes {now}, {right}. {many}{first} {what}."


def _sure(spelling: Spelling, place: int) -> str:
    return f"{_named(spelling.written[place])} ({spelling.probabilities[place].max():.0%} sure)"


def _named(token: str) -> str:
    return "the end" if token.startswith("<") else token
