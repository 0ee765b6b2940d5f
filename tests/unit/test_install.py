"""Which build of PyTorch `make lab` installs: the choice, against small indexes on this machine."""

import functools
import io
import os
import socket
import sys
import threading
import time
import zipfile
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import install
import pytest

WHEEL = f"torch-{install.pinned()}+cpu-py3-none-any.whl"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format, *args):
        """Say nothing."""


def small_wheel() -> bytes:
    """A package that calls itself torch, and holds one line."""
    name = WHEEL.split("-py3")[0]
    files = {
        "torch/__init__.py": "small = True\n",
        f"{name}.dist-info/METADATA": "Metadata-Version: 2.1\nName: torch\n"
        f"Version: {install.pinned()}+cpu\n",
        f"{name}.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in [*files, f"{name}.dist-info/RECORD"])
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        for path, text in {**files, f"{name}.dist-info/RECORD": record}.items():
            archive.writestr(path, text)
    return memory.getvalue()


@pytest.fixture
def index(tmp_path):
    """An index with one package, and where it listens."""
    folder = tmp_path / "index" / "torch"
    folder.mkdir(parents=True)
    (folder / WHEEL).write_bytes(small_wheel())
    link = f'<a href="{WHEEL.replace("+", "%2B")}">{WHEEL}</a>'
    (folder / "index.html").write_text(f"<!doctype html><body>{link}")
    handler = functools.partial(Quiet, directory=str(tmp_path / "index"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def bare(tmp_path, monkeypatch):
    """Linux without a driver and without PyTorch; the folder that pip installs to."""
    target = tmp_path / "installed"
    monkeypatch.setattr(install, "PIP", [*install.PIP, "--target", str(target)])
    monkeypatch.setattr(install, "installed", lambda: "")
    monkeypatch.setattr(install, "has_driver", lambda: False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)  # no other index, no folder of wheels
    for name in [name for name in os.environ if name.startswith("PIP_") and "CONF" not in name]:
        monkeypatch.delenv(name)
    return target


def test_without_a_driver_the_small_build_is_installed(bare, index):
    assert install.choose_torch("auto", index)
    assert (bare / "torch/__init__.py").read_text() == "small = True\n"


@pytest.mark.parametrize(
    ("choice", "change"),
    [
        ("default", {}),
        ("auto", {"has_driver": lambda: True}),
        ("auto", {"installed": install.pinned}),
        ("cpu", {"installed": lambda: f"{install.pinned()}+cpu"}),
    ],
)
def test_where_it_is_not_wanted_nobody_is_asked(choice, change, bare, monkeypatch):
    for name, value in change.items():
        monkeypatch.setattr(install, name, value)
    monkeypatch.setattr(install, "answers", lambda *_: pytest.fail("the index was asked"))
    assert install.choose_torch(choice, "http://example.invalid") and not bare.exists()


def test_an_index_without_this_version_is_passed_by(bare, index, monkeypatch, capfd):
    monkeypatch.setattr(install, "pinned", lambda: "0.0.1")
    assert install.choose_torch("auto", index) and not bare.exists()
    assert "about 3 GB to download" in capfd.readouterr().out
    assert not install.choose_torch("cpu", index)
    assert "does not offer torch 0.0.1+cpu" in capfd.readouterr().err


def test_an_index_that_breaks_off_is_passed_by(bare, index, tmp_path, capfd):
    (tmp_path / "index" / "torch" / WHEEL).write_bytes(b"no wheel")
    assert install.choose_torch("auto", index) and not bare.exists()
    assert "about 3 GB to download" in capfd.readouterr().out


@pytest.mark.parametrize("kind", ["refuses", "is silent", "has no name yet"])
def test_an_index_that_cannot_be_reached_costs_no_more_than_the_patience(kind, monkeypatch):
    with socket.socket() as end:
        end.bind(("127.0.0.1", 0))
        if kind == "is silent":
            end.listen()
        if kind == "has no name yet":  # looking up a name has no limit of its own
            monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(20))
        started = time.monotonic()
        assert not install.answers(f"http://127.0.0.1:{end.getsockname()[1]}", "1.0", patience=0.5)
        assert time.monotonic() - started < 2
    assert install.PATIENCE < 5
