"""The page inside the frame of a bertviz view: bertviz's own, taken apart and put together again so
that it asks the network for nothing (see `course.plots.bertviz_view`).
"""

import hashlib
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from torch import Tensor

from course.plots.attention_grid import Pattern
from nmt.trace import Trace

JAVASCRIPT = Path(__file__).resolve().parent / "javascript"
DECIMALS = 4
# Pixels around the page, of the line above the drawing, of the lines below, and between.
MARGIN, CONTROLS, HELP, GAP = 8, 30, 48, 6
HEAD_WIDTH, MODEL_WIDTH = 400, 800  # pixels
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
            .attr("font-size", "13px").attr("font-weight", "bold").attr("class", "number")
            .style("pointer-events", "none");
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
    @media (prefers-color-scheme: dark) {{
        body {{ background: #000; color: #ccc }}
        body > p {{ color: #aaa }}
        svg text {{ fill: #ccc; paint-order: stroke; stroke: #000; stroke-width: 2px }}
        svg .number {{ fill: #000; stroke: none }}
        svg .background {{ fill: #444 }}
        :focus-visible {{ outline-color: #56B4E9 }}
    }}
"""
# bertviz's model view knows two modes; here the page's theme chooses, also when it changes.
OWN_MODE = "config.mode = params['display_mode'];"
THEME = """const dark = matchMedia('(prefers-color-scheme: dark)');
            const choose = () => { config.mode = dark.matches ? 'dark' : 'light' };
            choose();
            dark.addEventListener('change', () => { choose(); render() });"""


def make_page(
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
    only = f"{layers[0]} " + '<select id="layer" hidden>' if len(layers) == 1 else ""
    menu = only or '<select id="layer" aria-label="Layer">'
    markup = markup.replace('<select id="layer">', menu)
    markup = markup.replace('<select id="filter">', '<select id="filter" aria-label="Attention">')
    # No token can end the script.
    numbers = json.dumps(params, separators=(",", ":")).replace("<", "\\u003c")
    help_line = (HEAD_HELP if form == "head" else MODEL_HELP).format(head=head)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="color-scheme" content="light dark">
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
            OWN_MODE: THEME,
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
            needed = "the course needs the version in requirements.txt"
            raise RuntimeError(f"this bertviz has no {old!r}; {needed}")
        code = code.replace(old, new, 1)
    return code


@cache
def _javascript() -> str:
    """d3 in part, and what stands in for the rest."""
    names = ("d3-subset.js", "stand_ins.js", "reachable.js")
    return "\n".join((JAVASCRIPT / name).read_text(encoding="utf-8") for name in names)
