"""Mamba's matrix view: products of queries and keys, the mask of decays, and both together."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from course.plots.colours import DIVERGING, SEQUENTIAL, SOURCE, TARGET, TRUTH
from course.plots.sketch import WIDTH, Panel, finish_sketch
from course.plots.style import Picture
from course.plots.svg import Drawing


def plot_matrix_view(
    scores: Float[Tensor, "t s"],
    mask: Float[Tensor, "t s"],
    queries: Sequence[str],
    keys: Sequence[str],
    truth: Sequence[int | None],
) -> Picture:
    """Three maps side by side: C Bᵀ, the mask L, and C Bᵀ ∘ L, a row for each token that is read
    while writing, a column for each source token.

    Args:
        scores: C_t · B_s, of either sign.
        mask: what is left at t of what s wrote, between 0 and 1.
        queries, keys: the label of each row and column.
        truth: for each row the key that the rule copies next, framed in green; or None.
    """
    copied = [(row, column) for row, column in enumerate(truth) if column is not None]
    drawing, product = Drawing(WIDTH, 390, "", ""), scores * mask
    maps = (("scores C Bᵀ", scores), ("mask L", mask), ("product C Bᵀ ∘ L", product))
    for number, (title, values) in enumerate(maps):
        box = (76 + 252 * number, 44, 216, 250)
        panel = Panel(drawing, box, (-0.5, len(keys) - 0.5), (len(queries) - 0.5, -0.5))
        panel.title(title)
        most = float(values.abs().max()) or 1.0
        signed = title != "mask L"
        limits = (-most, most) if signed else (0.0, 1.0)
        panel.cells(values.tolist(), limits=limits, colours=DIVERGING if signed else SEQUENTIAL)
        left = "token that is read" if not number else ""
        panel.axes("source token", left, colours=(SOURCE, TARGET), gap=4)
        panel.ticks("x", range(len(keys)), [key.strip("<>") for key in keys], SOURCE)
        panel.ticks("y", range(len(queries)), [query.strip("<>") for query in queries], TARGET)
        for row, column in copied:
            panel.frame(row, column, TRUTH)
        span = f"brown −{most:.2g}, violet {most:.2g}" if signed else "white 0, darkest 1"
        drawing.text(box[0] + box[2] / 2, 374, span, size=12)
    strongest = product.abs().argmax(dim=1).tolist()
    right = sum(strongest[row] == column for row, column in copied)
    least = min(float(mask[row, column]) for row, column in copied)
    reading = (
        f"In {right} of {len(copied)} rows the product is largest in size at the letter that the"
        f" rule copies next (green); the mask leaves at least {least:.0%} of it."
    )
    alt = (
        f"Three heat maps, {len(queries)} rows by {len(keys)} columns: scores of both signs, a mask"
        f" that fades to the left, and their product. {reading}"
    )
    return finish_sketch(drawing, alt=alt, reading=reading)
