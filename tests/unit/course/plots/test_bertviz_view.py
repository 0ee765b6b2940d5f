"""The attention views: self-contained, no token breaks them, errors say what to do."""

import html
import json
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import bertviz
import pytest
import torch
from IPython.display import HTML
from tiny import tiny_mamba, tiny_transformer

from course.plots.bertviz_page import JAVASCRIPT
from course.plots.bertviz_view import AttentionView, beside, head_view, model_view
from nmt.trace import TransformerTrace, trace

FETCHING = "src= href= url( @import import( fetch( XMLHttpRequest require.config cdnjs".split()
# Names of namespaces, and a comment.
KNOWN_ADDRESSES = "http://www.w3.org/", "https://github.com/tensorflow/tensor2tensor/"
FRAME = ["div", "style", "figure", "iframe", "figcaption"]


Views = dict[str, AttentionView]


@pytest.fixture(scope="module")
def traced() -> TransformerTrace:
    return trace(tiny_transformer(encoder_layers=2, decoder_layers=2), "ox", truth=True)


@pytest.fixture(scope="module")
def views(traced: TransformerTrace) -> Views:
    model = model_view(traced, "cross", layers=[1])
    return {"head": head_view(traced), "model": model}


def parameters(view: AttentionView) -> dict:
    return json.JSONDecoder().raw_decode(view.page.partition("const params = ")[2])[0]


class Tags(HTMLParser):
    """Every tag with its attributes; the content of a script or frame is text."""

    CDATA_CONTENT_ELEMENTS = ("script", "style", "iframe")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.mark.parametrize("form", ["head", "model"])
def test_a_page_asks_the_network_for_nothing(form: str, views: Views) -> None:
    page = views[form].page
    assert not [word for word in FETCHING if word in page]
    assert all(address.startswith(KNOWN_ADDRESSES) for address in re.findall(r"https?://\S+", page))
    assert "default-src 'none'" in page  # and the browser would refuse
    assert "@fileoverview" in page, "the authors' header must stay"


@pytest.mark.parametrize("form", ["head", "model"])
def test_the_output_is_a_sandboxed_frame_around_a_still_picture(form: str, views: Views) -> None:
    view = views[form]
    text = view._repr_html_()
    assert text.startswith("<div>")
    tags = Tags(text).found
    assert [tag for tag, _ in tags] == FRAME
    frame = tags[3][1]
    assert frame["sandbox"] == "allow-scripts" and f"height:{view.height}px" in frame["style"]
    assert frame["srcdoc"] == view.page and frame["title"] == view.title
    end = html.escape(frame["srcdoc"][-7:]) + '">'
    inside = Tags(text.partition(end)[2].partition("</iframe>")[0]).found
    assert [tag for tag, _ in inside] == ["img", "p"] and inside[0][1]["alt"] == view.still.alt


def assert_shown(data: dict, own: torch.Tensor) -> None:
    shown = torch.tensor(data["attn"], dtype=torch.float64)
    torch.testing.assert_close(shown, own.double(), atol=5.1e-5, rtol=0)
    assert len(str(data["attn"][0][0][0][0])) <= 6


def test_numbers_are_those_of_the_trace_in_four_decimals(
    traced: TransformerTrace, views: Views
) -> None:
    for data, kind in zip(parameters(views["head"])["attention"], ("encoder", "decoder", "cross")):
        assert_shown(data, traced.attention(kind))
    assert views["head"].page.count('"attn"') == 3, "not twice, as bertviz writes them"
    found = parameters(views["model"])  # of layer 1 alone
    (data,) = found["attention"]
    assert found["include_layers"] == [1]
    assert_shown(data, traced.cross[1:])


def test_letters_of_queries_say_what_was_read_and_what_follows(views: Views) -> None:
    encoder, decoder, cross = parameters(views["head"])["attention"]
    source, written = ["o", "x", "<EOS>"], ["<SOS>", *"oxway", "<EOS>"]
    assert encoder["left_text"] == encoder["right_text"] == cross["right_text"] == source
    writing = [f"{read} → {following}" for read, following in zip(written, written[1:])]
    assert decoder["left_text"] == cross["left_text"] == writing
    assert decoder["right_text"] == written[:-1]


class Hostile(TransformerTrace):
    """Letters that would end a script, open a tag or leave an attribute."""

    @property
    def source(self) -> list[str]:
        script, comment = '"><script>alert(1)</script>', "<!--<script>&quot;</iframe>"
        return ["</script><img src=x>", script, comment]


def test_no_letter_is_read_as_html(traced: TransformerTrace) -> None:
    hostile = Hostile(**vars(traced))
    view = head_view(hostile, "cross")
    assert [tag for tag, _ in Tags(view._repr_html_()).found] == FRAME
    tags = [tag for tag, _ in Tags(view.page).found]
    assert tags.count("script") == view.page.count("</script") == 1
    assert "img" not in tags and "<!--" not in view.page
    assert parameters(view)["attention"][0]["right_text"] == hostile.source
    assert view.to_html().count("</iframe") == 1


def test_the_same_trace_gives_the_same_output(traced: TransformerTrace, views: Views) -> None:
    again = model_view(traced, ["cross"], layers=[1])
    assert again._repr_html_() == views["model"]._repr_html_()
    assert repr(again).startswith(
        "Model view of ox → oxway: attention, cross, 1 layer of 2 heads. Cross: layer 1, head "
    )
    assert parameters(again)["root_div_id"] != parameters(views["head"])["root_div_id"]


def test_the_reading_names_the_head_that_finds_the_letter_to_copy(traced: TransformerTrace) -> None:
    cross = torch.full_like(traced.cross, 0.1)
    cross[1, 0, [0, 1], [0, 1]] = 0.75  # o and x are copied, the rest of oxway is added
    for changed, told in (
        ({"cross": cross}, "layer 1, head 0 looks most at the letter that the rule copies, 75% of"),
        ({"written": "xoway"}, "the answer is wrong, the rule says oxway"),
    ):
        assert told in repr(head_view(replace(traced, **changed), "cross"))


def test_mamba_is_shown_by_groups_and_beside_the_transformer(views: Views) -> None:
    found = trace(tiny_mamba(), "ox", truth=True)
    view = model_view(found, ("encoder", "cross"), groups=3)
    names = [data["name"] for data in parameters(view)["attention"]]
    assert names == ["Source at source", "Target at source"]
    assert ">Target at source</option>" in view.page and '.text("Groups")' in view.page
    assert parameters(view)["total_heads"] == 3
    both = beside(views["head"], view)
    assert repr(both) == f"{views['head']!r}\n{view!r}" and both._repr_html_().count("<iframe") == 2


def test_what_cannot_be_shown_is_refused_with_advice(
    traced: TransformerTrace, without_type_checks: None
) -> None:
    uneven = replace(traced, encoder=traced.encoder[:1])
    one_head = replace(traced, cross=traced.cross[:, :1])
    for one, kinds, options, advice in (
        (traced, "source", {}, "choose one of encoder, decoder, cross"),
        (traced, [], {}, "at least one kind"),
        *((traced, "cross", {"layers": one}, "from 0 to 1") for one in ([2], [-1], [], [0, 0])),
        (uneven, ("encoder", "cross"), {}, "numbers of layers differ.*name the `layers`"),
        (one_head, ("encoder", "cross"), {}, "same number of heads.*one kind at a time"),
        (traced, "cross", {"groups": 2}, "heads of its own"),
    ):
        with pytest.raises(ValueError, match=advice):
            head_view(one, kinds, **options)
    assert model_view(uneven, ("encoder", "cross"), layers=[0]).height > 0


def test_another_bertviz_is_refused_rather_than_shown_wrongly(
    traced: TransformerTrace, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = bertviz.head_view

    def newer(**arguments: object) -> HTML:
        return HTML(real(**arguments).data.replace("updateCheckboxes();\n\n", "renewed();"))

    monkeypatch.setattr(bertviz, "head_view", newer)
    with pytest.raises(RuntimeError, match=r"requirements\.txt"):
        head_view(traced, "cross")


def test_the_import_is_light_and_transformers_is_never_loaded() -> None:
    code = """
import sys, torch, course.plots.bertviz_view as view
assert "bertviz" not in sys.modules
from nmt.trace import trace
from nmt.transformer import Transformer, TransformerConfig
model = Transformer(TransformerConfig(hidden_size=8, num_heads=1))
view.head_view(trace(model, "a", written="a"), "cross")
assert "bertviz" in sys.modules and "transformers" not in sys.modules
"""
    root = Path(__file__).resolve().parents[4]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)


def test_the_shipped_javascript_is_of_the_versions_named_and_has_its_licences() -> None:
    wanted = json.loads((JAVASCRIPT / "package.json").read_text())["dependencies"]
    first = (JAVASCRIPT / "d3-subset.js").read_text().splitlines()[0]
    licences = (JAVASCRIPT / "LICENSES.txt").read_text()
    for name, version in wanted.items():
        assert f"{name} {version}" in first and f"{name} {version} (BSD-3-Clause)" in licences
    assert "bertviz" in licences and "Apache License" in licences
    assert not (JAVASCRIPT / "package-lock.json").exists(), "a lock file holds addresses"


def test_one_layer_has_no_menu(traced: TransformerTrace, views: Views) -> None:
    assert '<select id="layer" aria-label="Layer">' in views["head"].page
    alone = head_view(traced, "cross", layers=[1]).page
    assert 'Layer: 1 <select id="layer" hidden>' in alone
