"""The circuit's figure: every number of every arrow is written on it and told."""

import re

from course.plots.circuit import Edge, plot_circuit

NAMES = (
    "marks → keys", "before → keys", "letter → values", "memory → query", "written → query",
    "cross → letter", "feed-forward → letter",
)  # fmt: skip
EDGES = {name: Edge(0.91 - 0.1 * place, -0.02 + 0.01 * place) for place, name in enumerate(NAMES)}


def test_each_arrow_shows_its_share_and_its_control() -> None:
    picture = plot_circuit(EDGES, {"marks": "head X", "before": "heads Y"}, "what to see")
    shown = re.findall(r">([^<]+)</text>", picture.svg)
    assert [text for text in shown if re.fullmatch(r"\d+%", text)] == [
        "91%", "81%", "71%", "61%", "51%", "41%", "31%",
    ]  # fmt: skip
    controls = [text for text in shown if text.startswith("control")]
    assert controls == [f"control {n}%" for n in ("−2", "−1", "0", "1", "2", "3", "4")]
    assert {"head X", "heads Y", "first-vowel head"} <= set(shown)
    assert all(f"{name}: {EDGES[name].share:.0%}" in picture.alt for name in NAMES)
