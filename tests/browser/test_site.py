"""The static site in a real browser, from a local file and from a web server: complete, quiet,
readable, and asking nobody else.
"""

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import make_site
import pytest
from checks import BROKEN, frames_drawn, weak_texts
from lab import ROOT
from playwright.sync_api import BrowserContext, Page
from reader import watch

pytestmark = pytest.mark.browser


class Quiet(SimpleHTTPRequestHandler):
    """Serves files without a log."""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("with a space, and ü") / "site"
    make_site.build(ROOT, out)
    return out


@contextmanager
def served(site: Path) -> Iterator[str]:
    """The site's address on a server of this machine, in a folder below its root."""
    handler = functools.partial(Quiet, directory=str(site.parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/site/"
        server.shutdown()
        thread.join()


def visit(
    context: BrowserContext, site: Path, start: str, look: Callable[[Page], list[str]]
) -> list[str]:
    """What is wrong with the pages, by the checks of all and by `look`, and what they asked."""
    page = context.new_page()
    seen = watch(page, start, kinds=("error", "warning"))
    complaints, formulas, views = [], 0, 0
    for path in sorted(site.rglob("*.html")):
        name = path.relative_to(site).as_posix()
        page.goto(start + name)
        count = page.locator("iframe").count()
        formulas += page.locator(".katex").count()
        views += count
        wrong = page.evaluate(BROKEN) + frames_drawn(page, count, "main") + look(page)
        complaints += [f"{name}: {line}" for line in wrong]
    assert formulas > 500 and views > 3, "the course's notebooks have that many"
    return complaints + seen.blocked + seen.console


def unreadable(page: Page) -> list[str]:
    """What is too wide for a phone or too faint, in the light and in the dark."""
    page.set_viewport_size({"width": 360, "height": 700})
    width = page.evaluate("() => document.documentElement.scrollWidth")
    complaints = [f"{width} pixels wide on a screen of 360"] if width > 360 else []
    page.set_viewport_size({"width": 1280, "height": 1400})
    page.locator("details").evaluate_all("all => all.forEach(e => { e.open = true })")
    grounds = set()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        complaints += [f"{scheme}: {line}" for line in weak_texts(page)]
        grounds.add(page.evaluate("() => getComputedStyle(document.body).backgroundColor"))
    return complaints if len(grounds) == 2 else [*complaints, "the dark is as the light"]


def test_every_page_is_whole_readable_and_asks_nobody_else(context, site):
    assert not visit(context, site, site.as_uri() + "/", unreadable)


def test_every_page_is_whole_on_a_web_server(context, site):
    with served(site) as address:
        assert not visit(context, site, address, lambda page: [])


def test_the_keyboard_goes_everywhere_and_can_be_seen(context: BrowserContext, site: Path) -> None:
    page = context.new_page()
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


def test_the_guards_see_what_is_wrong(context: BrowserContext, site: Path) -> None:
    """Without this the tests above could not fail."""
    page = context.new_page()
    seen = watch(page, site.as_uri())
    page.goto((site / "notebooks/02_attention.html").as_uri())
    page.evaluate(
        """() => { const main = document.querySelector('main');
        main.insertAdjacentHTML('beforeend',
            '<p style="color:#999">faint $x$</p><img src="none.png">' +
            '<div class="math">\\\\frac</div>') }"""
    )
    complaints = " ".join(page.evaluate(BROKEN))
    assert all(word in complaints for word in ("raw formula", "picture: ", "not typeset"))
    assert any("faint" in line for line in unreadable(page))
    page.evaluate("() => fetch('http://example.invalid/x').catch(() => null)")
    assert "http://example.invalid/x" in seen.blocked
