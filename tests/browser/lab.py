"""A JupyterLab on this machine alone, serving copies of notebooks: for the browser tests and for
what makes pictures.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
LONGEST = ("03", "07", "09", "06", "08")  # measured; they start first
NAMES = [
    path.stem
    for path in sorted(
        (ROOT / "notebooks").glob("*.ipynb"),
        key=lambda path: (*(path.stem[:2] != number for number in LONGEST), -path.stat().st_size),
    )
]
SETTINGS = {
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    # JupyterLab's default: every cell is in the page, and those off the screen are not painted.
    "@jupyterlab/notebook-extension/tracker": {
        "windowingMode": "contentVisibility",
        "scrollPastEnd": False,
    },
}
# This machine is asked directly, whatever the environment says of proxies.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass
class Server:
    """A running JupyterLab: where it listens, and what opens it."""

    port: int
    token: str
    root: Path
    process: int = 0

    @property
    def start(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def url(self, notebook: str) -> str:
        """The address of one notebook, alone on its page."""
        return f"{self.start}doc/tree/notebooks/{notebook}.ipynb?token={self.token}"

    def ask(self, what: str, method: str = "GET") -> Any:
        """The server's answer to a request of its programming interface; raises `OSError` where it
        does not answer.
        """
        key = {"Authorization": f"token {self.token}"}
        request = urllib.request.Request(f"{self.start}api/{what}", method=method, headers=key)
        return _OPENER.open(request, timeout=60)


def _copy_course(folder: Path, notebooks: Iterable[str]) -> None:
    """Lay out `folder` like a checkout: copies of the named notebooks and of what they read."""
    (folder / "notebooks").mkdir()
    for name in notebooks:
        shutil.copy(ROOT / "notebooks" / f"{name}.ipynb", folder / "notebooks")
    for name in ("assets", "data"):
        # No links: the server serves no file from outside its folder.
        shutil.copytree(ROOT / name, folder / name)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def jupyterlab(notebooks: Iterable[str]) -> Iterator[Server]:
    """Serve copies of these notebooks until the block ends, with settings, data and kernels of its
    own.
    """
    with tempfile.TemporaryDirectory(prefix="course-", ignore_cleanup_errors=True) as folder:
        _copy_course(Path(folder), notebooks)
        with _serving(Path(folder)) as server:
            yield server


@contextmanager
def _serving(folder: Path) -> Iterator[Server]:
    home = folder / ".jupyter"
    for plugin, values in SETTINGS.items():
        target = home / "settings" / f"{plugin}.jupyterlab-settings"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(values))
    server = Server(free_port(), secrets.token_hex(16), folder)
    places = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "IPYTHONDIR": "ipython",
    }
    environment = os.environ | {name: str(home / place) for name, place in places.items()}
    environment |= {"JUPYTER_PREFER_ENV_PATH": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, *"-m jupyterlab --no-browser --ip=127.0.0.1".split()]
    command += [
        f"--port={server.port}",
        "--ServerApp.port_retries=0",
        f"--IdentityProvider.token={server.token}",
        f"--ServerApp.root_dir={folder}",
        # A kernel that is to end has nothing to save: no seconds of grace.
        "--KernelManager.shutdown_wait_time=0.2",
        "--LabApp.expose_app_in_browser=True",
    ]
    command += ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    log = home / "server.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command, env=environment, stdout=stream, stderr=subprocess.STDOUT, cwd=folder
        )
        try:
            server.process = process.pid
            _wait_until_served(server, process, log)
            yield server
        finally:
            end(process)


def end(process: subprocess.Popen[Any]) -> None:
    """End a process, at once where it does not end by itself."""
    process.terminate()
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait_until_served(
    server: Server, process: subprocess.Popen[bytes], log: Path, seconds: float = 90
) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            server.ask("status").close()
            return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError("JupyterLab did not start:\n" + log.read_text(errors="replace")[-4000:])
