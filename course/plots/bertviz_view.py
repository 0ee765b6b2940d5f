"""bertviz's head view and model view of a trace, as a page of its own inside the notebook: no
network, several on a page, either theme.

bertviz makes the views (Vig 2019, arXiv 1906.05714). As it comes, it loads require.js, d3 and
jQuery from the internet. Here its page is taken apart and put together again: parts of d3 from
`nmt/javascript/` and two small stand-ins take the place of those three; the numbers are rounded,
and no token can be read as HTML or JavaScript. The page stands in a sandboxed `<iframe>`. Readers
of a notebook that they have not trusted see a still picture instead.

Changed in bertviz's code: where its libraries come from; numbers on the squares of the heads, and
for the letters' weights; less fading of lines where there are many heads; the size and the headings
of the model view; heads, letters and drawings are reached by keyboard (`javascript/reachable.js`).

bertviz has a third view, the neuron view (query times key, coordinate by coordinate). It is left
out: rotary positions turn pairs of coordinates by the distance, so q·k by coordinate is another
picture at each distance, and the answer to "why does it look there" is told more exactly by the
scores by distance of `course.interpretability.circuits`.
"""

import hashlib
import html
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from torch import Tensor

from course.plots.attention_grid import Pattern, plot_patterns
from course.plots.style import Picture
from nmt.pig_latin import align, to_pig_latin
from nmt.trace import KINDS, MambaTrace, Trace

JAVASCRIPT = Path(__file__).resolve().parent / "javascript"
DECIMALS = 4
# Pixels around the page, of the line above the drawing, of the lines below, and between.
MARGIN, CONTROLS, HELP, GAP = 8, 30, 48, 6
HEAD_WIDTH, MODEL_WIDTH = 400, 800  # pixels
TITLES = dict(zip(KINDS, ("Encoder", "Decoder", "Cross")))  # bertviz's own
MAMBA_TITLES = dict(zip(KINDS, ("Source at source", "Target at target", "Target at source")))
LETTERS = dict(zip(KINDS, ("source", "target", "cross")))  # kinds as the figures call them
HEAD_HELP = (
    "Each colour is a {head}: click its square (or Tab, Enter) to switch it off or on, double-click"
    " (Shift+Enter) to see it alone. Point at a letter (or Tab, arrows) to see its weights."
)
MODEL_HELP = (
    "A row for each layer, a column for each {head}. Click a drawing to enlarge it (or Tab to it"
    " and press Enter), then point at a letter on its left."
)
HEAD_NUMBERS = """
        checkboxContainer.selectAll("text").data(config.headVis).enter().append("text")
            .text((d, i) => i)
            .attr("x", (d, i) => (i + 0.5) * CHECKBOX_SIZE)
            .attr("y", top + 15).attr("text-anchor", "middle")
            .attr("font-size", "13px").attr("font-weight", "bold").style("pointer-events", "none");
"""
END_OF_SQUARES = "    }\n\n    function lighten"
REACH = """
        reachHeads(checkbox.nodes(), config, "HEAD");
        reachLetters(svg.node(), config, config.attention[config.filter].attn[config.layer_seq]);
"""
STYLE = f"""
    body {{ margin: {MARGIN}px; background: #fff; color: #1a1a1a;
        font: 14px Helvetica, Arial, "DejaVu Sans", sans-serif }}
    body > div > span {{ display: block; height: {CONTROLS}px; white-space: nowrap }}
    body > p {{ height: {HELP}px; margin: {GAP}px 0 0; overflow: hidden;
        font-size: 12px; line-height: 16px; color: #595959 }}
    svg {{ display: block }}
    svg text {{ user-select: none; -webkit-user-select: none }}
    .numbers text {{ font-size: 11px; pointer-events: none }}
    :focus {{ outline: none }} :focus-visible {{ outline: 2px solid #0072B2 }}
"""


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
        picture = (
            self.still.to_html().split("<figcaption>")[0].removeprefix('<figure style="margin:0">')
        )
        size = f"width:{self.width}px;max-width:100%;height:{self.height}px"
        return (
            f'<div><figure style="margin:0"><iframe title="{html.escape(self.title)}"'
            ' sandbox="allow-scripts" '
            f'style="{size};border:0;border-radius:6px;background:#fff"'
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
        cells = "".join(
            "<div"
            f' style="max-width:{view.width}px"><b>{html.escape(view.title)}</b>'
            f"{view.to_html()}</div>"
            for view in self.views
        )
        return f'<div style="display:flex;flex-wrap:wrap;gap:16px">{cells}</div>'


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
    weights = {
        kind: trace.attention(kind, groups)
        for kind in sorted(set(chosen), key=(*KINDS, *chosen).index)
    }
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
    page = _page(form, trace, weights, layers, patterns, head)
    names = ", ".join(pattern.title.lower() for pattern in patterns)
    title = (
        f"{form.capitalize()} view of {trace.word} → {trace.written}: {'hidden ' * mamba}attention,"
        f" {names}, {len(layers)} layer{'s' * (len(layers) > 1)} of"
        f" {patterns[0].weights.shape[1]} {head}s"
    )
    width, drawing = HEAD_WIDTH, _head_height(patterns)
    if form == "model":
        width, drawing = MODEL_WIDTH + 2 * MARGIN, _model_height(patterns)
    height = math.ceil(drawing) + 2 * MARGIN + CONTROLS + GAP + HELP
    return AttentionView(title, page, width, height, still)


def _check(weights: dict[str, Tensor], layers: Sequence[int] | None) -> list[int]:
    """The layers to show, once everything fits together."""
    if not weights:
        raise ValueError(f"name at least one kind of attention: {', '.join(KINDS)}")
    heads = {kind: len(values[0]) for kind, values in weights.items()}
    if len(set(heads.values())) > 1:
        raise ValueError(
            f"all kinds in one view need the same number of heads, not {heads}; show one kind at a"
            " time"
        )
    counts = {kind: len(values) for kind, values in weights.items()}
    if layers is None:
        if len(set(counts.values())) > 1:
            raise ValueError(
                f"the numbers of layers differ: {counts}; name the `layers` to show, or show one"
                " kind at a time"
            )
        return list(range(min(counts.values())))
    missing = [layer for layer in layers if not 0 <= layer < min(counts.values())]
    if missing or not layers or len(set(layers)) < len(layers):
        raise ValueError(
            f"layers must be different numbers from 0 to {min(counts.values()) - 1}, at least one,"
            f" not {list(layers)}"
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
            copied = [
                (row, place) for row, place in enumerate(align(trace.word)) if place is not None
            ]
            rows, places = map(list, zip(*copied))
            shares = pattern.weights[:, :, rows, places].mean(dim=-1)
            what = "at the letter that the rule copies"
        else:
            sentences.append(
                f"{pattern.title}: the answer is wrong, the rule says {to_pig_latin(trace.word)}."
            )
            continue
        layer, number = divmod(int(shares.argmax()), shares.shape[1])
        sentences.append(
            f"{pattern.title}: layer {layers[layer]}, {head} {number} looks most {what},"
            f" {shares.max():.0%} of its weight on average."
        )
    return " ".join(sentences)


def _head_height(patterns: Sequence[Pattern]) -> float:
    """As head_view.js computes it, for the kind with most letters."""
    return max(max(len(p.queries), len(p.keys)) for p in patterns) * 22.5 + 30


def _model_height(patterns: Sequence[Pattern]) -> float:
    """As model_view.js computes it, with our bound on the height of a letter."""
    letters = max(max(len(p.queries), len(p.keys)) for p in patterns)
    layers, heads = patterns[0].weights.shape[:2]
    return max(layers * (letters * min(12, 84 / heads) + 10) + 38, letters * 18 + 55)


def _page(
    form: str,
    trace: Trace,
    weights: dict[str, Tensor],
    layers: list[int],
    patterns: Sequence[Pattern],
    head: str,
) -> str:
    """bertviz's page, taken apart and made self-contained."""
    import bertviz  # with IPython, so only when a view is made

    rounded = {
        f"{kind}_attention": [layer[None] for layer in values.double().round(decimals=DECIMALS)]
        for kind, values in weights.items()
    }
    tokens = {"encoder_tokens": trace.source, "decoder_tokens": trace.target}
    options = {"prettify_tokens": False, "include_layers": layers, "html_action": "return"}
    if form == "head":
        original = bertviz.head_view(**rounded, **tokens, **options).data
    else:
        original = bertviz.model_view(**rounded, **tokens, **options, display_mode="light").data
    _, _, rest = original.partition("</script>")  # what loads require.js
    markup, _, script = rest.partition('<script type="text/javascript">')
    before, _, after = script.partition("const params = ")
    params, end = json.JSONDecoder().raw_decode(after)
    # The numbers stand in that line twice.
    code = after[end:].partition("\n")[2].rpartition("</script>")[0]
    header = before[: before.index("*/") + 2].strip()  # names the authors
    for data, pattern in zip(params["attention"], patterns):
        markup = markup.replace(f">{data['name']}</option>", f">{pattern.title}</option>")
        texts = {"left_text": list(pattern.queries), "right_text": list(pattern.keys)}
        data.update(name=pattern.title, **texts)
    if len(patterns) == 1:
        markup = markup.replace("</span>", f" Attention: {patterns[0].title}</span>", 1)
    name = "bertviz-" + hashlib.sha256(json.dumps(params["attention"]).encode()).hexdigest()[:32]
    markup = markup.replace(params["root_div_id"], name)
    params["root_div_id"] = name
    markup = markup.replace('<select id="layer">', '<select id="layer" aria-label="Layer">')
    markup = markup.replace('<select id="filter">', '<select id="filter" aria-label="Attention">')
    # No token can end the script.
    numbers = json.dumps(params, separators=(",", ":")).replace("<", "\\u003c")
    help_line = (HEAD_HELP if form == "head" else MODEL_HELP).format(head=head)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="color-scheme" content="light">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'">
<title>{form} view</title><style>{STYLE}</style></head>
<body>{markup}<p>{help_line}</p>
<script>{_javascript()}
{header}
requirejs(['jquery', 'd3'], function ($, d3) {{
    const params = {numbers};
{_adapted(form, code, head)}</script></body></html>"""


def _adapted(form: str, code: str, head: str) -> str:
    """bertviz's code with our changes; a version that they do not fit is refused."""
    changes = {
        'console.log("d3 version", d3.version)': "",
        "updateCheckboxes();\n\n": f"updateCheckboxes();\n{HEAD_NUMBERS}\n",
        END_OF_SQUARES: REACH.replace("HEAD", head) + END_OF_SQUARES,
        "return d / activeHeads()": "return d / Math.sqrt(activeHeads())",
    }
    if form == "model":
        changes = {
            "DIV_WIDTH = 970": f"DIV_WIDTH = {MODEL_WIDTH}",
            "7 * (12 / config.totalHeads)": "Math.min(12, 84 / config.totalHeads)",
            'console.log("x", x, y)': "",
            '.text("Heads")': f'.text("{head.capitalize()}s")',
            '", Head "': f'", {head} "',
            '.style("opacity", 0);\n\n            clickRegion': (
                '.style("fill", "transparent");\n\n            clickRegion'
            ),
            'clickRegion.on("mouseover"': (
                f'reachDrawing(clickRegion.node(), config, layerIndex, headIndex, "{head}");\n'
                '            clickRegion.on("mouseover"'
            ),
            "unhighlightSelection();\n                });": (
                "unhighlightSelection();\n                });\n"
                "                reachColumn(tokenContainer.nodes(), i => text[i],"
                ' letter => fire(letter, "mouseleave", false));'
            ),
        }
    for old, new in changes.items():
        if old not in code:
            raise RuntimeError(
                f"this bertviz has no {old!r}; the course needs the version in requirements.txt"
            )
        code = code.replace(old, new, 1)
    return code


@cache
def _javascript() -> str:
    """d3 in part, and what stands in for the rest."""
    names = ("d3-subset.js", "stand_ins.js", "reachable.js")
    return "\n".join((JAVASCRIPT / name).read_text(encoding="utf-8") for name in names)
