"""The static site in a real browser, from a local file and from a web server: complete, quiet,
readable, and asking nobody else.
"""

import functools
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import nbformat
import pytest
import torch
from checks import BROKEN
from lab import ROOT
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from playwright.sync_api import BrowserContext, Page

from course.plots.bertviz_view import head_view, model_view
from nmt.trace import trace
from nmt.transformer import Transformer, TransformerConfig

sys.path.insert(0, str(ROOT / "website"))

import make_site  # noqa: E402

pytestmark = pytest.mark.browser
# The contrast of each visible text with the nearest opaque colour behind it, by WCAG 2.2; those
# below 4.5.
FAINT = """() => {
    const parse = colour => colour.match(/[\\d.]+/g).map(Number);
    const linear = v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    const light = ([r, g, b]) => [r, g, b].map(linear)
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
    const behind = element => { for (let e = element; e; e = e.parentElement) {
        const colour = parse(getComputedStyle(e).backgroundColor);
        if (colour.length < 4 || colour[3] === 1) return colour }
        return parse(getComputedStyle(document.body).backgroundColor) };
    const found = new Set(), kinds = new Set();
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    let seen = 0;
    while (texts.nextNode()) {
        const element = texts.currentNode.parentElement;
        if (!texts.currentNode.data.trim()) continue;
        if (element.closest('script, style, iframe, .katex-mathml')) continue;
        seen += 1;
        const parent = element.parentElement;  // equal marks in equal places have equal colours
        const kind = [element.tagName, element.className, parent.tagName, parent.className,
            element.closest('a, pre')?.className, element.getAttribute('style')].join();
        if (kinds.has(kind)) continue;
        kinds.add(kind);
        const [a, b] = [light(parse(getComputedStyle(element).color)), light(behind(element))];
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        const words = texts.currentNode.data.trim().slice(0, 30);
        const place = `${element.tagName}.${element.className}`;
        if (ratio < 4.5) found.add(`${ratio.toFixed(1)}: ${place} ${words}`);
    }
    return seen ? [...found] : ['no text at all'] }"""


@dataclass
class Visit:
    """What a page asked for and complained about."""

    requests: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)


class Quiet(SimpleHTTPRequestHandler):
    """Serves files without a log."""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("with a space, and ü") / "site"
    make_site.build(ROOT, out)
    return out


@pytest.fixture(scope="module", params=["file", "server"])
def address(request: pytest.FixtureRequest, site: Path) -> Iterator[str]:
    """Where the site begins: the folder itself, or a server of this machine in a folder below its
    root.
    """
    if request.param == "file":
        yield site.as_uri() + "/"
        return
    with ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(site.parent))
    ) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/site/"
        server.shutdown()
        thread.join()


def watched(context: BrowserContext) -> tuple[Page, Visit]:
    page, visit = context.new_page(), Visit()
    page.on("request", lambda request: visit.requests.append(request.url))
    page.on(
        "console",
        lambda message: (
            visit.console.append(message.text) if message.type in ("error", "warning") else None
        ),
    )
    page.on("pageerror", lambda error: visit.console.append(str(error)))
    return page, visit


def elsewhere(visit: Visit, start: str) -> list[str]:
    return [url for url in visit.requests if not url.startswith((start, "data:", "about:srcdoc"))]


def pages(site: Path) -> list[str]:
    return sorted(path.relative_to(site).as_posix() for path in site.rglob("*.html"))


def test_every_page_is_whole_and_asks_nobody_else(
    context: BrowserContext, site: Path, address: str
) -> None:
    page, visit = watched(context)
    complaints, formulas = [], 0
    for name in pages(site):
        page.goto(address + name)
        complaints += [f"{name}: {line}" for line in page.evaluate(BROKEN)]
        formulas += page.locator(".katex").count()
    page.close()
    assert not complaints
    assert formulas > 500, "the course's notebooks have that many formulas"
    assert not elsewhere(visit, address) and not visit.console
    assert len(visit.requests) > len(pages(site))


def test_text_can_be_read_in_light_and_dark_and_on_a_phone(
    context: BrowserContext, site: Path
) -> None:
    page, _ = watched(context)
    complaints, grounds = [], set()
    for name in pages(site):
        page.goto((site / name).as_uri())
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            complaints += [f"{name}, {scheme}: {line}" for line in page.evaluate(FAINT)]
            grounds.add(page.evaluate("() => getComputedStyle(document.body).backgroundColor"))
        page.set_viewport_size({"width": 360, "height": 700})
        width = page.evaluate("() => document.documentElement.scrollWidth")
        complaints += [f"{name}: {width} pixels wide on a screen of 360"] if width > 360 else []
        page.set_viewport_size({"width": 1280, "height": 1400})
    page.close()
    assert not complaints and len(grounds) == 2


def test_the_keyboard_goes_everywhere_and_can_be_seen(context: BrowserContext, site: Path) -> None:
    page, _ = watched(context)
    page.goto((site / "notebooks/01_data.html").as_uri())
    focused = []
    for _ in range(12):
        page.keyboard.press("Tab")
        focused.append(
            page.evaluate(
                "() => [document.activeElement.innerText,"
                " getComputedStyle(document.activeElement).outlineStyle]"
            )
        )
    assert focused[0][0] == "Skip to the text" and {outline for _, outline in focused} == {"solid"}
    page.keyboard.press("Shift+Tab")
    page.goto((site / "notebooks/01_data.html").as_uri())
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("() => document.activeElement.id") == "content"
    page.get_by_role("navigation", name="Neighbours, above").get_by_role(
        "link", name="Attention"
    ).click()
    assert page.url.endswith("02_attention.html")
    assert page.locator("h1").inner_text() == "2 · Attention"
    page.close()


def test_views_of_bertviz_are_drawn(context: BrowserContext, tmp_path: Path) -> None:
    """A course of one notebook whose outputs are frames, which ask for nothing and answer to the
    mouse.
    """
    torch.manual_seed(0)
    street = trace(
        Transformer(TransformerConfig(hidden_size=16, num_heads=2)), "street", truth=True
    )
    cells = [new_markdown_cell("# Views")]
    for view in (head_view(street), model_view(street)):
        data = {"text/plain": repr(view), "text/html": view.to_html()}
        cells.append(
            new_code_cell("view", outputs=[new_output("execute_result", data, execution_count=1)])
        )
    (tmp_path / "course/notebooks").mkdir(parents=True)
    (tmp_path / "course/README.md").write_text("# Course\n", encoding="utf-8")
    nbformat.write(new_notebook(cells=cells), tmp_path / "course/notebooks/01_views.ipynb")
    make_site.build(tmp_path / "course", tmp_path / "site")
    page, visit = watched(context)
    page.goto((tmp_path / "site/notebooks/01_views.html").as_uri())
    for number, lines in enumerate((98, 196)):  # heads × letters × letters; layers × that
        frame = page.frame_locator("iframe").nth(number)
        frame.locator("svg line").nth(lines - 1).wait_for(state="attached")
        assert frame.locator("svg line").count() == lines
    view = page.frame_locator("iframe").first
    view.locator("#left text").first.hover()
    assert view.locator("line[visibility='visible']").count() == 2 * 7
    assert not elsewhere(visit, tmp_path.as_uri()) and not visit.console
    page.close()


def test_the_guards_see_what_is_wrong(context: BrowserContext, site: Path) -> None:
    """Without this the tests above could not fail."""
    page, visit = watched(context)
    page.goto((site / "notebooks/02_attention.html").as_uri())
    page.evaluate(
        """() => { const main = document.querySelector('main');
        main.insertAdjacentHTML('beforeend',
            '<p style="color:#999">faint $x$</p><img src="none.png">' +
            '<div class="math">\\\\frac</div>') }"""
    )
    complaints = " ".join(page.evaluate(BROKEN))
    assert all(word in complaints for word in ("raw formula", "picture: ", "not typeset"))
    assert any("faint" in line for line in page.evaluate(FAINT))
    page.evaluate("() => fetch('http://example.invalid/x').catch(() => null)")
    assert "http://example.invalid/x" in elsewhere(visit, site.as_uri())
    page.close()
