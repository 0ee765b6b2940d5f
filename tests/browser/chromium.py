"""Find a Chromium for the browser tests, or install Debian's where that is possible: `make
browser`.

Standard library alone. On Debian and Ubuntu, as root or with a sudo that asks nothing, apt installs
the packages; everywhere else one line says what to do, and the exit status is 1.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

PACKAGES = ("chromium", "fonts-dejavu-core")  # without a font no letter is drawn
NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
ADVICE = (
    "The browser tests need Chromium. On Debian and Ubuntu: sudo apt-get install"
    f" --no-install-recommends {' '.join(PACKAGES)}. Elsewhere: install Chromium or Google Chrome,"
    " and set CHROMIUM to its path if it is not found."
)


def find() -> str:
    """The path of an installed Chromium: the one that CHROMIUM names, or the first of the usual
    ones.

    Raises `FileNotFoundError`, with the command that installs it, where there is none.
    """
    named = os.environ.get("CHROMIUM")
    for name in [named] if named else NAMES:
        if path := shutil.which(name):
            return path
    wrong = f"CHROMIUM names {named}, where no program is. " if named else ""
    raise FileNotFoundError(wrong + ADVICE)


def apt() -> list[str] | None:
    """The beginning of a command that installs packages without a question; None where this user or
    system cannot.
    """
    if not shutil.which("apt-get"):
        return None
    rights: list[str] = []
    if os.geteuid() != 0:
        asks = ["sudo", "-n", "true"]
        if not shutil.which("sudo") or subprocess.run(asks, capture_output=True).returncode:
            return None
        rights = ["sudo", "-n"]
    command = "env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300"
    return rights + command.split()


def install() -> None:
    """Install Debian's Chromium and a font, where that is possible."""
    if not (command := apt()):
        return
    print(f"Installing for the browser tests: {' '.join(PACKAGES)}", flush=True)
    install = ["install", "--yes", "--no-install-recommends", *PACKAGES]
    # An old list of packages may still do, so the update may fail.
    subprocess.run([*command, "update"], stdin=subprocess.DEVNULL)
    subprocess.run([*command, *install], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def main() -> int:
    """Find, install where needed, and try; 1 where there is no Chromium that starts."""
    try:
        if not os.environ.get("CHROMIUM") and not any(map(shutil.which, NAMES)):
            install()
        path = find()
        version = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=120)
    except (OSError, subprocess.TimeoutExpired) as error:
        print(error, file=sys.stderr)
        return 1
    if version.returncode:
        print(f"{path} does not start. {ADVICE}", file=sys.stderr)
        return 1
    print(f"{version.stdout.strip()}: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
