"""The course in Firefox or WebKitGTK: `make browser-test BROWSER=firefox`, or `python
tests/browser/other_browsers.py firefox|webkit [NAME...]`, where a name is a notebook's or "site".

Each notebook is opened in JupyterLab and run, its explorers and attention views are looked at, and
every explorer is operated by keyboard; each page of the static site is opened. The checks are those
of the tests in Chromium. Exit status 1 where they find something wrong.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import checks
import engines
import keyboard
import playwright.sync_api as playwright
from lab import NAMES, ROOT, Server, jupyterlab
from needed import needed
from pages import Page
from reader import PROBE, Seen, end_kernels, run_some, wait_until_open

SITE = "site"
# What a page does besides showing itself, from when it is loaded.
WATCH = """() => {
    const seen = window.seen = {console: [], asked: []}
    const note = what => seen.console.push(String(what?.message ?? what))
    addEventListener('error', event => note(event))
    addEventListener('unhandledrejection', event => note(event.reason))
    const error = console.error
    console.error = (...words) => { note(words.join(' ')); error(...words) }
    new PerformanceObserver(list => seen.asked.push(...list.getEntries().map(e => e.name)))
        .observe({type: 'resource', buffered: true}) }"""


class Operated(keyboard.Operated):
    """With dropdowns that stay closed, as their lists are windows of their own here."""

    opens = closes = ()


def watched(browser: engines.Browser, url: str) -> playwright.Page:
    """The browser's page at an address, with `probe.js` in it."""
    page = Page(browser)
    page.goto(url)
    page.evaluate(WATCH)
    page.evaluate(f"() => {{ {PROBE.read_text(encoding='utf-8')} }}")
    return cast(playwright.Page, page)


def seen(page: playwright.Page, start: str) -> Seen:
    """What it did so far; addresses that begin with `start` belong to it."""
    found = page.evaluate("() => window.seen")
    own = (start, "data:", "blob:", "about:")
    return Seen([url for url in found["asked"] if not url.startswith(own)], found["console"])


def notebook(browser: engines.Browser, name: str, server: Server) -> list[str]:
    """Run one notebook and operate its explorers; the complaints."""
    page = watched(browser, server.url(name))
    wait_until_open(page)
    stored = checks.expected(page)
    run_some(page, needed(name))
    found = checks.expected(page)
    complaints = checks.after_running(page, seen(page, server.start))
    if found.explorers != stored.explorers or not found.explorers:
        complaints.append(f"{found.explorers} explorers were run; {stored.explorers} are stored")
    count = page.locator(checks.OPERATED).count()
    for number in range(count):
        complaints += Operated(page, number).operate()
    print(f"{name}: {count} widgets operated, {found.frames} attention views", flush=True)
    return list(dict.fromkeys(complaints + checks.quiet(page, seen(page, server.start))))


def site(browser: engines.Browser, name: str, folder: Path) -> list[str]:
    """Open each page of the static site in a folder; the complaints."""
    complaints, pages = [], sorted(folder.rglob("*.html"))
    for path in pages:
        page = watched(browser, path.as_uri())
        wrong = page.evaluate(checks.BROKEN)
        for url in (visit := seen(page, folder.as_uri())).blocked:
            wrong.append(f"asked another machine for {url}")
        complaints += [f"{path.relative_to(folder)}: {line}" for line in wrong + visit.console]
    print(f"{name}: {len(pages)} pages", flush=True)
    return complaints


def visit(engine: str, name: str, look: Callable[..., list[str]], *where: Any) -> int:
    """Look in a fresh browser, and print what is wrong; the number of complaints."""
    began = time.monotonic()
    with engines.browser(engine) as browser:
        complaints = look(browser, name, *where)
        taken = time.monotonic() - began
        print(f"{name}, {browser.version}: {len(complaints)} complaints, {taken:.0f} s", flush=True)
    for line in complaints:
        print(f"{name}: {line}", file=sys.stderr)
    return len(complaints)


def main() -> int:
    """Look at the named notebooks, or at all and the site."""
    parser = argparse.ArgumentParser(description="Try the course in Firefox or in WebKitGTK.")
    parser.add_argument("engine", choices=engines.NEEDED)
    parser.add_argument("names", nargs="*", help="a notebook, or site; or all")
    arguments = parser.parse_args()
    known = [*sorted(NAMES), SITE]
    names = [Path(name).stem for name in arguments.names] or known
    if unknown := [name for name in names if name not in known]:
        parser.error(f"no notebook is called {unknown[0]}; there are {', '.join(known)}")
    try:
        engines.find(arguments.engine)
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return 1
    complaints, chosen = 0, [name for name in names if name != SITE]
    with jupyterlab(chosen) as server:
        for name in chosen:
            complaints += visit(arguments.engine, name, notebook, server)
            end_kernels(server)
        if SITE in names:
            made = server.root / SITE
            command = [sys.executable, str(ROOT / "website/make_site.py"), "--out", str(made)]
            subprocess.run(command, check=True)
            complaints += visit(arguments.engine, SITE, site, made)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
