"""A Chromium that opens notebooks, and sees and counts what a page does besides showing itself.

Nothing leaves the machine: the browser knows one proxy for all other hosts, and nobody answers
there.
"""

from __future__ import annotations

import atexit
import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import chromium
from lab import Server
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Playwright, sync_playwright

CHROMIUM_FLAGS = "--headless=new --no-sandbox --disable-gpu --no-first-run --disable-sync".split()
CHROMIUM_FLAGS += ["--disable-background-networking", "--disable-component-update"]
# Nobody is there; addresses of this machine itself need no proxy.
CHROMIUM_FLAGS += ["--proxy-server=http://127.0.0.1:1"]
PROBE = Path(__file__).with_name("probe.js")
# milliseconds: patience for a busy machine, where every wait ends as soon as its condition holds
WAIT = 240_000
FOREVER = 1e6  # seconds


@dataclass
class Seen:
    """What a page did besides showing itself."""

    # Requests to another machine, none of which got there.
    blocked: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)  # errors on the browser's console


@contextmanager
def browser(width: int = 1280, height: int = 1400, scale: float = 1) -> Iterator[BrowserContext]:
    """A Chromium with a fresh profile and without service workers, whose requests could not be
    seen; `probe.js` is in every frame.
    """
    running = _playwright().chromium.launch(executable_path=chromium.find(), args=CHROMIUM_FLAGS)
    try:
        context = running.new_context(
            viewport={"width": width, "height": height},
            device_scale_factor=scale,
            service_workers="block",
            reduced_motion="reduce",
        )
        context.set_default_timeout(WAIT)
        context.add_init_script(path=PROBE)
        yield context
    finally:
        running.close()


@cache
def _playwright() -> Playwright:
    """The one driver that a process may have, for any number of browsers."""
    driver = sync_playwright().start()
    atexit.register(driver.stop)
    return driver


def watch(page: Page, *own: str, kinds: Collection[str] = ("error",)) -> Seen:
    """Note from now on what a page asks of others and says on the console; addresses that begin
    with one of `own` belong to it.
    """
    seen = Seen()

    def ask(url: str) -> None:
        if not url.startswith((*own, "data:", "blob:", "about:")):
            seen.blocked.append(url)

    def say(message: ConsoleMessage) -> None:
        if message.type in kinds:
            seen.console.append(message.text)

    page.on("request", lambda request: ask(request.url))
    page.on("websocket", lambda socket: ask(socket.url))
    page.on("console", say)
    page.on("pageerror", lambda error: seen.console.append(str(error)))
    return seen


def open_notebook(
    context: BrowserContext, server: Server, name: str, *, kernel: bool = True
) -> tuple[Page, Seen]:
    """Open one notebook and wait for its cells and, with `kernel`, for an idle kernel; note what it
    asks of other machines.
    """
    page = context.new_page()
    seen = watch(page, server.start, server.start.replace("http", "ws"))
    page.goto(server.url(name))
    wait_until_open(page, kernel=kernel)
    return page, seen


def wait_until_open(page: Page, *, kernel: bool = True) -> None:
    """Wait for the notebook's cells and, with `kernel`, for an idle kernel, and listen to it."""
    page.wait_for_function(
        "() => window.jupyterapp?.shell.currentWidget?.content?.model?.cells?.length > 0",
        polling=100,
    )
    if kernel:
        _wait_for_kernel(page)
        # JupyterLab's widgets hear of their models from when they listen and have asked the kernel
        # what it holds, which answers in the order of questions. No reader is quicker than that.
        its = "jupyterapp.shell.currentWidget.sessionContext.session.kernel"
        page.wait_for_function(f'() => {its}._targetRegistry["jupyter.widget"]', polling=100)
        page.evaluate(f"() => {its}.requestCommInfo({{}}).then(() => null)")
        page.evaluate("() => probe.listen()")


def run_all(page: Page) -> None:
    """ "Run all cells", and wait for the last one."""
    page.evaluate("() => jupyterapp.commands.execute('notebook:run-all-cells')")
    _wait_for_kernel(page)


def run_some(page: Page, wanted: Collection[str]) -> None:
    """Run the cells with these ids, as one selection, and wait for the last one; the others keep
    the outputs that are stored, which are trusted like those of a cell that ran.
    """
    page.evaluate(
        """wanted => { const notebook = jupyterapp.shell.currentWidget.content
        const chosen = notebook.widgets.filter(cell => wanted.includes(cell.model.id))
        notebook.activeCellIndex = notebook.widgets.indexOf(chosen[0])
        notebook.deselectAll()
        for (const cell of notebook.widgets) cell.model.trusted ||= !chosen.includes(cell)
        chosen.forEach(cell => notebook.select(cell))
        return jupyterapp.commands.execute("notebook:run-cell") }""",
        list(wanted),
    )
    _wait_for_kernel(page)


def _wait_for_kernel(page: Page) -> None:
    page.wait_for_function(
        "() => jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.status === 'idle'",
        polling=100,
    )


def settle(page: Page, patience: float = FOREVER) -> None:
    """Wait until the kernel has answered every change of a widget, and the page shows it. What
    takes longer than `patience` seconds is ended by JupyterLab's stop button, as a reader does who
    has seen enough of a training.
    """
    if not page.evaluate("patience => probe.settle(patience)", patience * 1000):
        page.evaluate("() => jupyterapp.commands.execute('notebook:interrupt-kernel')")
        settle(page)
        # Where Python is inside a callback of its own, it says that it ignores the interrupt.
        page.evaluate("""() => { const others = line => !line.includes("KeyboardInterrupt")
            probe.trouble.splice(0, Infinity, ...probe.trouble.filter(others)) }""")


def trouble(page: Page) -> list[str]:
    """What the kernel reported outside of running cells: exceptions in callbacks, and what they
    wrote to the error stream.
    """
    return list(page.evaluate("() => probe.trouble"))


def save_and_reopen(page: Page) -> None:
    """Save the notebook, end its kernel, close it, and open it again, from what was saved."""
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_function(
        "() => !window.jupyterapp.shell.currentWidget.context.model.dirty", polling=100
    )
    page.evaluate("""async () => {
        const notebook = jupyterapp.shell.currentWidget, path = notebook.context.path
        await notebook.sessionContext.shutdown()
        notebook.dispose()
        await jupyterapp.commands.execute("docmanager:open", {path}) }""")
    wait_until_open(page, kernel=False)


def leave(page: Page, server: Server) -> None:
    """Close the page and end all kernels, as a reader does who goes on another day."""
    page.close()
    end_kernels(server)


def end_kernels(server: Server) -> None:
    """End whatever runs on the server."""
    for session in json.load(server.ask("sessions")):
        server.ask(f"sessions/{session['id']}", "DELETE").close()


def outputs(page: Page) -> list[dict[str, Any]]:
    """All outputs of all cells as the page holds them, each with its cell's number."""
    found = page.evaluate(
        """() => [...jupyterapp.shell.currentWidget.content.model.cells].flatMap(
            (cell, number) => (cell.sharedModel.toJSON().outputs ?? []).map(
                output => ({cell: number, ...output})))"""
    )
    return list(found)


def theme(page: Page) -> str:
    """ "light" or "dark"."""
    return (
        "light" if page.evaluate("() => document.body.dataset.jpThemeLight") == "true" else "dark"
    )


def set_theme(page: Page, wanted: str) -> None:
    """`wanted` is "light" or "dark"; the server remembers it."""
    name = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}[wanted]
    page.evaluate(
        "name => window.jupyterapp.commands.execute('apputils:change-theme', {theme: name})", name
    )
    page.wait_for_function(
        "dark => document.body.dataset.jpThemeLight === String(!dark)",
        arg=wanted == "dark",
        polling=100,
    )
    page.wait_for_timeout(300)  # colours fade
