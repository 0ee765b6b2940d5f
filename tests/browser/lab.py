"""JupyterLab on this machine alone, and Debian's Chromium to drive it: shared by `look.py` and the browser tests.

Nothing leaves the machine: the browser's requests to any other host are blocked and counted. The notebooks opened are copies.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Page, Route, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM_FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
SETTINGS = {
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    # Every cell is in the page, so that it can be looked at.
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none", "scrollPastEnd": False},
}


@dataclass
class Server:
    """A running JupyterLab: where it listens, and what opens it."""

    port: int
    token: str
    root: Path

    def url(self, notebook: str) -> str:
        """The address of one notebook, alone on its page."""
        return f"http://127.0.0.1:{self.port}/doc/tree/notebooks/{notebook}.ipynb?token={self.token}"


@dataclass
class Seen:
    """What a page did besides showing itself."""

    blocked: list[str] = field(default_factory=list)  # requests to another machine
    console: list[str] = field(default_factory=list)  # errors on the browser's console


def chromium() -> str:
    """The path of an installed Chromium; raises `FileNotFoundError` with the command that installs it."""
    for name in (os.environ.get("CHROMIUM"), "chromium", "chromium-browser", "google-chrome"):
        if name and (path := shutil.which(name)):
            return path
    raise FileNotFoundError("no Chromium here; install it: apt-get install --no-install-recommends chromium fonts-dejavu-core")


def copy_course(folder: Path, notebooks: list[str]) -> None:
    """Lay out `folder` like a checkout: copies of the named notebooks and of what they read."""
    (folder / "notebooks").mkdir(parents=True)
    for name in notebooks:
        shutil.copy(ROOT / "notebooks" / f"{name}.ipynb", folder / "notebooks")
    for name in ("assets", "data"):
        shutil.copytree(ROOT / name, folder / name)  # no links: the server serves no file from outside its folder


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def jupyterlab(folder: Path) -> Iterator[Server]:
    """Serve `folder` (of `copy_course`) until the block ends, with settings, data and kernels of its own."""
    home = folder / ".jupyter"
    for plugin, values in SETTINGS.items():
        target = home / "settings" / f"{plugin}.jupyterlab-settings"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(values))
    server = Server(_free_port(), secrets.token_hex(16), folder)
    environment = os.environ | {
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "IPYTHONDIR": str(home / "ipython"),
        "JUPYTER_PREFER_ENV_PATH": "1",
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", f"--port={server.port}", "--ServerApp.port_retries=0"]
    command += [f"--IdentityProvider.token={server.token}", f"--ServerApp.root_dir={folder}", "--LabApp.expose_app_in_browser=True"]
    command += ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    log = home / "server.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(command, env=environment, stdout=stream, stderr=subprocess.STDOUT, cwd=folder)
        try:
            _wait_until_served(server, process, log)
            yield server
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_served(server: Server, process: subprocess.Popen[bytes], log: Path, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{server.port}/api/status?token={server.token}", timeout=5).close()
            return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError("JupyterLab did not start:\n" + log.read_text(errors="replace")[-4000:])


@contextmanager
def browser(width: int = 1280, height: int = 1400) -> Iterator[BrowserContext]:
    """A Chromium with a fresh profile and without service workers, whose requests past them could not be seen."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
        try:
            yield running.new_context(viewport={"width": width, "height": height}, service_workers="block")
        finally:
            running.close()


def open_notebook(context: BrowserContext, server: Server, name: str) -> tuple[Page, Seen]:
    """Open one notebook and wait for its idle kernel; everything it asks of another machine is refused and noted."""
    page, seen = context.new_page(), Seen()

    def guard(route: Route) -> None:
        parts = urlsplit(route.request.url)
        if parts.scheme in ("data", "blob") or (parts.hostname, parts.port) == ("127.0.0.1", server.port):
            route.continue_()
        else:
            seen.blocked.append(route.request.url)
            route.abort()

    page.route("**/*", guard)
    page.on("websocket", lambda ws: seen.blocked.append(ws.url) if urlsplit(ws.url).hostname != "127.0.0.1" else None)
    page.on("console", lambda message: seen.console.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: seen.console.append(str(error)))
    page.goto(server.url(name))
    page.wait_for_function(
        """() => { const panel = window.jupyterapp?.shell.currentWidget;
                   return panel?.sessionContext?.session?.kernel?.status === 'idle' && panel.content?.model?.cells.length > 0 }""",
        timeout=90_000,
    )
    return page, seen


def run_all(page: Page, seconds: float = 300) -> None:
    """ "Run all cells", and wait for the last one."""
    page.set_default_timeout(seconds * 1000)
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
    page.wait_for_function("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'idle'")
    page.wait_for_timeout(1000)  # the last figures are laid out


def outputs(page: Page) -> list[dict[str, Any]]:
    """All outputs of all cells as the page holds them, each with its cell's number."""
    found = page.evaluate(
        """() => [...window.jupyterapp.shell.currentWidget.content.model.cells].flatMap((cell, number) =>
                 (cell.sharedModel.toJSON().outputs ?? []).map(output => ({cell: number, ...output})))"""
    )
    return list(found)


def set_theme(page: Page, theme: str) -> None:
    """`theme` is "light" or "dark"."""
    name = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}[theme]
    page.evaluate("name => window.jupyterapp.commands.execute('apputils:change-theme', {theme: name})", name)
    page.wait_for_function("dark => document.body.dataset.jpThemeLight === String(!dark)", arg=theme == "dark")
    page.wait_for_timeout(800)
