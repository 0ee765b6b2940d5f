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


def apt_that_installs(folder: Path) -> str:
    return f"""echo "$@" >> {folder}/said
case "$*" in *install*)
printf '#!/bin/sh\\necho Chromium 1\\n' > {folder}/chromium
/bin/chmod +x {folder}/chromium;; esac"""


def test_takes_the_browser_that_is_there(programs, capsys):
    path = programs("google-chrome", "echo Chrome 1")
    programs("apt-get", "exit 1")
    assert chromium.find() == str(path)
    assert chromium.main() == 0 and f"Chrome 1: {path}" in capsys.readouterr().out


def test_takes_the_browser_that_is_named(programs, monkeypatch):
    programs("google-chrome", "echo Chrome 1")
    path = programs("mine", "echo Mine 1")
    monkeypatch.setenv("CHROMIUM", str(path))
    assert chromium.find() == str(path)


def test_a_name_that_leads_nowhere_is_said(programs, monkeypatch, capsys):
    programs("google-chrome", "echo Chrome 1")
    monkeypatch.setenv("CHROMIUM", "/nowhere/chrome")
    assert chromium.main() == 1
    assert "CHROMIUM names /nowhere/chrome, where no program is" in capsys.readouterr().err


def test_root_installs(programs, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    programs("apt-get", apt_that_installs(tmp_path))
    assert chromium.main() == 0 and "Chromium 1" in capsys.readouterr().out
    update, install = (tmp_path / "said").read_text().splitlines()
    assert update.endswith("update")
    assert install.endswith("install --yes --no-install-recommends chromium fonts-dejavu-core")


@pytest.mark.parametrize("asks", [False, True])
def test_others_install_where_sudo_asks_nothing(asks, programs, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    programs("apt-get", apt_that_installs(tmp_path))
    programs("sudo", "exit 1" if asks else '[ "$1" = -n ] || exit 1; shift; exec "$@"')
    programs("true", "exit 0")
    assert chromium.main() == int(asks)
    assert (
        "sudo apt-get install --no-install-recommends chromium" in capsys.readouterr().err
    ) == asks
    assert (tmp_path / "said").exists() != asks


@pytest.mark.parametrize("fails", ["no apt-get", "apt-get fails"])
def test_where_nothing_can_be_done_one_line_says_what_to_do(fails, programs, monkeypatch, capsys):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    if fails == "apt-get fails":
        programs("apt-get", "exit 100")
    assert chromium.main() == 1
    said = capsys.readouterr().err
    assert said.strip() == chromium.ADVICE and "sudo apt-get install" in said and "CHROMIUM" in said


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
