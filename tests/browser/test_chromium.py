"""Finding and installing a browser, with programs of our own in place of apt-get, sudo and
Chromium.
"""

import os
from pathlib import Path

import chromium
import engines
import other_browsers
import pytest


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """A PATH with nothing on it, so that no real program is called, and a function that puts a
    shell script there.
    """
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setattr(chromium, "NAMES", ("chromium", "google-chrome"))

    def put(name: str, script: str) -> Path:
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    put("env", 'shift; exec "$@"')
    return put


APT = """echo "$@" >> "$PATH/said"
case "$*" in *install*)
printf '#!/bin/sh\\necho Chromium 1\\n' > "$PATH/chromium"
/bin/chmod +x "$PATH/chromium";; esac"""
SUDO = '[ "$1" = -n ] || exit 1; shift; exec "$@"'


@pytest.mark.parametrize("named", [False, True])
def test_takes_the_browser_that_is_there_or_named(named, programs, monkeypatch, capsys):
    programs("apt-get", "exit 1")
    path = programs("google-chrome", "echo Chrome 1")
    if named:
        path = programs("mine", "echo Mine 1")
        monkeypatch.setenv("CHROMIUM", str(path))
    assert chromium.find() == str(path)
    assert chromium.main() == 0 and f"1: {path}" in capsys.readouterr().out


def test_a_name_that_leads_nowhere_is_said(programs, monkeypatch, capsys):
    programs("google-chrome", "echo Chrome 1")
    monkeypatch.setenv("CHROMIUM", "/nowhere/chrome")
    assert chromium.main() == 1
    assert "CHROMIUM names /nowhere/chrome, where no program is" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("user", "apt", "sudo", "installed"),
    [
        (0, APT, "exit 1", True),
        (1000, APT, SUDO, True),
        (1000, APT, "exit 1", False),
        (0, None, None, False),
        (0, "exit 100", None, False),
    ],
    ids=["root", "sudo", "sudo asks", "no apt-get", "apt-get fails"],
)
def test_installs_where_nobody_is_asked_and_else_says_what_to_do(
    user, apt, sudo, installed, programs, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(os, "geteuid", lambda: user)
    for name, script in {"apt-get": apt, "sudo": sudo, "true": "exit 0"}.items():
        if script:
            programs(name, script)
    assert chromium.main() == int(not installed)
    said = capsys.readouterr()
    if not installed:
        assert said.err.strip() == chromium.ADVICE and not (tmp_path / "said").exists()
        return
    assert "Chromium 1" in said.out
    update, install = (tmp_path / "said").read_text().splitlines()
    assert update.endswith("update")
    assert install.endswith("install --yes --no-install-recommends chromium fonts-dejavu-core")


def test_a_browser_that_does_not_start_is_no_browser(programs, capsys):
    programs("chromium", "exit 1")  # such as Ubuntu's package, which only tells how to get a snap
    assert chromium.main() == 1 and "does not start" in capsys.readouterr().err


@pytest.mark.parametrize("engine", engines.NEEDED)
def test_another_browser_that_is_missing_is_one_sentence(engine, programs, monkeypatch, capsys):
    programs("apt-get", "exit 0")  # is never asked
    monkeypatch.setattr("sys.argv", ["other_browsers.py", engine])
    assert other_browsers.main() == 1
    said = capsys.readouterr()
    assert said.err.startswith(f"{engine} is not here. On Debian: sudo apt-get install")
    assert said.err.count("\n") == 1 and not said.out
