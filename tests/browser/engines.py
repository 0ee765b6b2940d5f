"""Debian's Firefox and WebKitGTK, which Playwright does not drive, over the W3C's own protocols.

All that the checks need of a browser is to go to an address, to run JavaScript, in a frame too, and
to press keys. Firefox itself speaks WebDriver BiDi (https://www.w3.org/TR/webdriver-bidi/), and
WebKitGTK's own driver WebDriver (https://www.w3.org/TR/webdriver2/): no other is installed.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import websocket
from lab import end, free_port

WAIT = 600_000  # milliseconds: these are tried on machines that do other work, too
WIDTH, HEIGHT = 1280, 1400
NEEDED = {  # engine: the programs, and Debian's packages that hold them
    "firefox": (("firefox-esr", "firefox"), "firefox-esr fonts-dejavu-core"),
    "webkit": (("WebKitWebDriver",), "webkit2gtk-driver xvfb fonts-dejavu-core"),
}
FIREFOX = {  # settings of its fresh profile
    # The browser itself asks nobody for news, updates or advice.
    "app.update.disabledForTesting": "true",
    "browser.safebrowsing.update.enabled": "false",
    "datareporting.policy.dataSubmissionEnabled": "false",
    "extensions.update.enabled": "false",
    "network.captive-portal-service.enabled": "false",
    "network.connectivity-service.enabled": "false",
}


class Browser(ABC):
    """A running browser: its version, and what the rest is made of."""

    version = ""

    @abstractmethod
    def go(self, url: str) -> None:
        """Open the address and wait until the page is loaded."""

    @abstractmethod
    def run(self, code: str, frame: str = "") -> str:
        """The text that an expression gives, waited for, in the page, or in the `<iframe>` that
        another expression gives.
        """

    @abstractmethod
    def act(self, actions: list[dict[str, str]]) -> None:
        """Press and release keys."""


class Firefox(Browser):
    """Over a socket of WebDriver BiDi."""

    def __init__(self, port: int) -> None:
        where = f"ws://127.0.0.1:{port}/session"
        self.socket = websocket.create_connection(where, suppress_origin=True, timeout=WAIT / 1000)
        self.numbers = itertools.count()
        self.version = (
            "Firefox " + self.ask("session.new", capabilities={})["capabilities"]["browserVersion"]
        )
        # In the first tab the line for addresses has the focus, and JupyterLab's current notebook
        # is the one with the focus.
        self.context = self.ask("browsingContext.create", type="tab")["context"]
        size = {"width": WIDTH, "height": HEIGHT}
        self.ask("browsingContext.setViewport", context=self.context, viewport=size)

    def ask(self, method: str, **params: Any) -> Any:
        number = next(self.numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while (answer := json.loads(self.socket.recv())).get("id") != number:
            pass  # an event
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['message']}")
        return answer["result"]

    def go(self, url: str) -> None:
        self.ask("browsingContext.navigate", context=self.context, url=url, wait="complete")

    def run(self, code: str, frame: str = "") -> str:
        context = self.context
        if frame:
            window = self._evaluate(f"{frame}.then(e => e.contentWindow)", context)
            context = window["value"]["context"]
        return str(self._evaluate(code, context)["value"])

    def _evaluate(self, code: str, context: str) -> Any:
        answer = self.ask(
            "script.evaluate", expression=code, target={"context": context}, awaitPromise=True
        )
        if answer["type"] == "exception":
            raise RuntimeError(answer["exceptionDetails"]["text"])
        return answer["result"]

    def act(self, actions: list[dict[str, str]]) -> None:
        keys = [{"type": "key", "id": "keys", "actions": actions}]
        self.ask("input.performActions", context=self.context, actions=keys)


class WebKit(Browser):
    """Over requests of WebDriver."""

    def __init__(self, port: int, binary: str) -> None:
        self.root = f"http://127.0.0.1:{port}/session"
        options = {"binary": binary, "args": ["--automation"]}
        wanted = {"webkitgtk:browserOptions": options}
        answer = self.ask("", capabilities={"alwaysMatch": wanted})
        self.version = f"WebKitGTK {answer['capabilities']['browserVersion']}"
        self.root += f"/{answer['sessionId']}"
        self.ask("/timeouts", script=WAIT, pageLoad=WAIT)
        self.ask("/window/rect", x=0, y=0, width=WIDTH, height=HEIGHT)

    def ask(self, path: str, **body: Any) -> Any:
        request = urllib.request.Request(self.root + path, json.dumps(body).encode())
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            return json.load(opener.open(request, timeout=WAIT / 1000))["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{path}: {json.load(error)['value']['message']}") from None

    def go(self, url: str) -> None:
        self.ask("/url", url=url)

    def run(self, code: str, frame: str = "") -> str:
        if not frame:
            return str(self._execute(code))
        self.ask("/frame", id=self._execute(frame))
        try:
            return str(self._execute(code))
        finally:
            self.ask("/frame", id=None)

    def _execute(self, code: str) -> Any:
        return self.ask("/execute/sync", script=f"return {code}", args=[])

    def act(self, actions: list[dict[str, str]]) -> None:
        self.ask("/actions", actions=[{"type": "key", "id": "keys", "actions": actions}])


@contextmanager
def browser(engine: str) -> Iterator[Browser]:
    """A fresh Firefox or WebKitGTK; raises `FileNotFoundError`, with what to install."""
    program = find(engine)
    with ExitStack() as stack:
        home = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        environment = os.environ | {"HOME": home}
        port = free_port()
        if engine == "firefox":
            settings = (f'user_pref("{name}", {value});' for name, value in FIREFOX.items())
            Path(home, "user.js").write_text("\n".join(settings))
            command = [program, "--headless", "--no-remote", "--profile", home]
            command += [f"--remote-debugging-port={port}", "about:blank"]
        else:
            command = [program, f"--port={port}"]
            environment["DISPLAY"] = stack.enter_context(_display())
        stack.enter_context(_running(command, environment))
        yield _connect(engine, port)


def find(engine: str) -> str:
    """The program's path."""
    names, packages = NEEDED[engine]
    paths = [path for name in names if (path := shutil.which(name))]
    if not paths or (engine == "webkit" and not (shutil.which("Xvfb") and _mini_browser())):
        raise FileNotFoundError(
            f"{engine} is not here. On Debian: sudo apt-get install --no-install-recommends"
            f" {packages}"
        )
    return paths[0]


def _mini_browser() -> str:
    return max(map(str, Path("/usr/lib").glob("*/webkit2gtk-*/MiniBrowser")), default="")


@contextmanager
def _running(command: list[str], environment: dict[str, str], **how: Any) -> Iterator[Any]:
    process = subprocess.Popen(
        command, env=environment, **{"stdout": subprocess.DEVNULL} | how, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        end(process)


@contextmanager
def _display() -> Iterator[str]:
    """The name of a screen that nobody sees."""
    command = ["Xvfb", "-displayfd", "1", "-nolisten", "tcp", "-screen", "0"]
    command += [f"{WIDTH}x{HEIGHT}x24"]
    with _running(command, dict(os.environ), stdout=subprocess.PIPE) as process:
        yield f":{int(process.stdout.readline())}"


def _connect(engine: str, port: int) -> Browser:
    deadline = time.monotonic() + 90
    while True:
        try:
            return Firefox(port) if engine == "firefox" else WebKit(port, _mini_browser())
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.3)
