"""bertviz's head view and model view of a trace, as a page of its own inside the notebook: no
network, several on a page, either theme.

bertviz makes the views (Vig 2019, arXiv 1906.05714). As it comes, it loads require.js, d3 and
jQuery from the internet. Here its page is taken apart and put together again: parts of d3 from
`javascript/` and two small stand-ins take the place of those three; the numbers are rounded,
and no token can be read as HTML or JavaScript. The page stands in a sandboxed `<iframe>`. Readers
of a notebook that they have not trusted see a still picture instead.

Changed in bertviz's code: where its libraries come from; numbers on the squares of the heads, and
for the letters' weights; light or dark as JupyterLab is; no menu of one layer; less fading of
lines where there are many heads; the size and the headings of the model view; heads, letters and
drawings are reached by keyboard (`javascript/reachable.js`).

bertviz has a third view, the neuron view (query times key, coordinate by coordinate). It is left
out: rotary positions turn pairs of coordinates by the distance, so q·k by coordinate is another
picture at each distance, and the answer to "why does it look there" is told more exactly by the
scores by distance of `course.interpretability.circuits`.
"""

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import Tensor

from course.plots.attention_grid import Pattern, plot_patterns
from course.plots.bertviz_page import (
    CONTROLS,
    GAP,
    HEAD_WIDTH,
    HELP,
    MARGIN,
    MODEL_WIDTH,
    make_page,
)
from course.plots.style import Picture
from nmt.pig_latin import align, to_pig_latin
from nmt.trace import KINDS, MambaTrace, Trace

TITLES = dict(zip(KINDS, ("Encoder", "Decoder", "Cross")))  # bertviz's own
MAMBA_TITLES = dict(zip(KINDS, ("Source at source", "Target at target", "Target at source")))
# In JupyterLab's dark theme the frame's page is dark, too: it asks for the scheme of its frame.
THEME = """<style>.nmt-view { color-scheme: light }
[data-jp-theme-light="false"] .nmt-view { color-scheme: dark }</style>"""
LETTERS = dict(zip(KINDS, ("source", "target", "cross")))  # kinds as the figures call them


@dataclass(frozen=True, eq=False)
class AttentionView:
    """An interactive view for a notebook, with a caption; `str(view)` says what it shows."""

    title: str
    page: str = field(repr=False)  # the HTML document inside the frame
    width: int
    height: int
    still: Picture = field(repr=False)

    def __repr__(self) -> str:
        return f"{self.title}. {self.still.reading}"

    def to_html(self) -> str:
        """The frame, also for `ipywidgets.HTML`; inside it a picture for who may not run it."""
        picture = self.still.to_html().partition("<figcaption>")[0]
        picture = picture.removeprefix('<figure style="margin:0">')
        size = f"width:{self.width}px;max-width:100%;height:{self.height}px"
        return (
            f'<div>{THEME}<figure style="margin:0"><iframe title="{html.escape(self.title)}"'
            ' sandbox="allow-scripts" class="nmt-view" '
            f'style="{size};border:0;border-radius:6px"'
            f' srcdoc="{html.escape(self.page)}">'
            f"{picture}<p>A still picture: run this cell, or trust the notebook, to get the view"
            " that answers to the mouse.</p></iframe>"
            f"<figcaption>{html.escape(self.still.reading)}</figcaption></figure></div>"
        )

    def _repr_html_(self) -> str:
        return self.to_html()


@dataclass(frozen=True, eq=False)
class Beside:
    """Views side by side, below each other where the page is narrow."""

    views: tuple[AttentionView, ...]

    def __repr__(self) -> str:
        return "\n".join(map(repr, self.views))

    def _repr_html_(self) -> str:
        # Titles share a row, so that the drawings below them begin at one height.
        lined = "grid-row:span 2;display:grid;grid-template-rows:subgrid;gap:4px"
        cells = "".join(
            f'<div style="{lined}"><b>{html.escape(view.title)}</b>{view.to_html()}</div>'
            for view in self.views
        )
        widest = max(view.width for view in self.views)
        columns = f"repeat(auto-fit,minmax(min(100%,{widest}px),{widest}px))"
        style = f"display:grid;grid-template-columns:{columns};gap:4px 16px"
        return f'<div style="{style}">{cells}</div>'


def beside(*views: AttentionView) -> Beside:
    """Show views side by side, such as cross-attention and hidden attention of one word."""
    return Beside(views)


def head_view(
    trace: Trace,
    kinds: str | Sequence[str] = KINDS,
    *,
    layers: Sequence[int] | None = None,
    groups: int | None = None,
) -> AttentionView:
    """Lines between letters, a colour for each head, one layer at a time: who looks at whom.

    A letter that writes is shown as "b → r": the model has read b and is to write r. Layers and
    heads count from 0. Mamba's hidden attention is shown by groups of channels, as
    `MambaTrace.attention` makes them, in place of heads.

    Args:
        trace: of one word, from either model.
        kinds: one or more of "encoder", "decoder", "cross"; a menu chooses among several.
        layers: which layers to include; None takes all.
        groups: how many groups of Mamba's channels; None takes 4.

    Raises:
        ValueError: for an unknown kind, a layer that is not there, kinds with unequal layers (then
            name `layers`, or show one kind), or unequal heads.
    """
    return _view("head", trace, kinds, layers, groups)


def model_view(
    trace: Trace,
    kinds: str | Sequence[str] = KINDS,
    *,
    layers: Sequence[int] | None = None,
    groups: int | None = None,
) -> AttentionView:
    """All layers and heads as small drawings to enlarge; arguments and errors of `head_view`."""
    return _view("model", trace, kinds, layers, groups)


def _view(
    form: str,
    trace: Trace,
    kinds: str | Sequence[str],
    layers: Sequence[int] | None,
    groups: int | None,
) -> AttentionView:
    chosen = [kinds] if isinstance(kinds, str) else list(kinds)
    ordered = sorted(set(chosen), key=(*KINDS, *chosen).index)
    weights = {kind: trace.attention(kind, groups) for kind in ordered}
    layers = _check(weights, layers)
    mamba = isinstance(trace, MambaTrace)
    head = "group" if mamba else "head"
    patterns = []
    for kind, values in weights.items():
        queries, keys = _labels(trace, kind)
        title = (MAMBA_TITLES if mamba else TITLES)[kind]
        patterns.append(Pattern(title, LETTERS[kind], values[list(layers)], queries, keys))
    reading = _reading(trace, dict(zip(weights, patterns)), layers, head)
    still = plot_patterns(patterns, layers, heads=head, reading=reading)
    page = make_page(form, trace, weights, layers, patterns, head)
    names = ", ".join(pattern.title.lower() for pattern in patterns)
    title = (
        f"{form.capitalize()} view of {trace.word} → {trace.written}: {'hidden ' * mamba}attention,"
        f" {names}, {len(layers)} layer{'s' * (len(layers) > 1)} of"
        f" {patterns[0].weights.shape[1]} {head}s"
    )
    width = HEAD_WIDTH if form == "head" else MODEL_WIDTH + 2 * MARGIN
    height = math.ceil(_height(form, patterns)) + 2 * MARGIN + CONTROLS + GAP + HELP
    return AttentionView(title, page, width, height, still)


def _check(weights: dict[str, Tensor], layers: Sequence[int] | None) -> list[int]:
    """The layers to show, once everything fits together."""
    if not weights:
        raise ValueError(f"name at least one kind of attention: {', '.join(KINDS)}")
    heads = {kind: len(values[0]) for kind, values in weights.items()}
    if len(set(heads.values())) > 1:
        need = "all kinds in one view need the same number of heads"
        raise ValueError(f"{need}, not {heads}; show one kind at a time")
    counts = {kind: len(values) for kind, values in weights.items()}
    if layers is None:
        if len(set(counts.values())) > 1:
            choose = "name the `layers` to show, or show one kind at a time"
            raise ValueError(f"the numbers of layers differ: {counts}; {choose}")
        return list(range(min(counts.values())))
    every = range(min(counts.values()))
    if not layers or not set(layers) <= set(every) or len(set(layers)) < len(layers):
        raise ValueError(
            f"layers must be different numbers from 0 to {every[-1]}, at least one, not"
            f" {list(layers)}"
        )
    return list(layers)


def _labels(trace: Trace, kind: str) -> tuple[list[str], list[str]]:
    """Names of queries and keys."""
    if kind == "encoder":
        return trace.source, trace.source
    writing = [f"{read} → {following}" for read, following in zip(trace.target, trace.asked)]
    return writing, trace.target if kind == "decoder" else trace.source


def _reading(trace: Trace, patterns: dict[str, Pattern], layers: Sequence[int], head: str) -> str:
    """For each kind, the head that does most of what the task calls for."""
    sentences = []
    for kind, pattern in patterns.items():
        if kind != "cross":
            shares = pattern.weights.diagonal(offset=-1, dim1=-2, dim2=-1).mean(dim=-1)
            what = "at the token before"
        elif trace.written == to_pig_latin(trace.word):
            copied = [pair for pair in enumerate(align(trace.word)) if pair[1] is not None]
            rows, places = map(list, zip(*copied))
            shares = pattern.weights[:, :, rows, places].mean(dim=-1)
            what = "at the letter that the rule copies"
        else:
            right = to_pig_latin(trace.word)
            sentences.append(f"{pattern.title}: the answer is wrong, the rule says {right}.")
            continue
        layer, number = divmod(int(shares.argmax()), shares.shape[1])
        sentences.append(
            f"{pattern.title}: layer {layers[layer]}, {head} {number} looks most {what},"
            f" {shares.max():.0%} of its weight on average."
        )
    return " ".join(sentences)


def _height(form: str, patterns: Sequence[Pattern]) -> float:
    """As head_view.js computes it for the kind with most letters, and model_view.js with our bound
    on the height of a letter.
    """
    letters = max(max(len(p.queries), len(p.keys)) for p in patterns)
    if form == "head":
        return letters * 22.5 + 30
    layers, heads = patterns[0].weights.shape[:2]
    return max(layers * (letters * min(12, 84 / heads) + 10) + 38, letters * 18 + 55)
