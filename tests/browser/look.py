"""Look at notebooks as a reader sees them: `make look ONLY=02_attention`, or `python
tests/browser/look.py NAME... [--out FOLDER]`.

Each notebook runs from top to bottom in JupyterLab in Chromium; pictures of it in the light and the
dark theme go to a folder, cut into screens. Exit status 1 where the checks of the browser tests
find something wrong.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import checks
from lab import NAMES, Server, jupyterlab
from playwright.sync_api import BrowserContext, Page
from reader import browser, leave, open_notebook, run_all, set_theme

SCREEN = 1400  # pixels of height in one picture
SCROLLER = ".jp-Notebook .jp-WindowedPanel-outer, .jp-WindowedPanel-outer"


def photograph(page: Page, folder: Path, name: str) -> list[Path]:
    """One picture a screen, from the top of the notebook to its end."""
    scroller = page.locator(SCROLLER).first
    pictures: list[Path] = []
    top = 0
    for number in range(100):
        scroller.evaluate("(e, top) => e.scrollTo({top, behavior: 'instant'})", top)
        page.wait_for_timeout(250)
        pictures.append(folder / f"{name}-{number:02d}.png")
        page.screenshot(path=pictures[-1])
        # JupyterLab knows how high a cell is once it was on the screen: ask for the end each time
        total, visible = scroller.evaluate("e => [e.scrollHeight, e.clientHeight]")
        if top + visible >= total:
            break
        top += visible - 60  # the last lines of one picture open the next
    return pictures


def look(context: BrowserContext, server: Server, name: str, folder: Path) -> int:
    """Run and photograph one notebook, and print what went wrong; the number of complaints."""
    page, seen = open_notebook(context, server, name)
    run_all(page)
    complaints = checks.after_running(page, seen)
    for theme in ("light", "dark"):
        set_theme(page, theme)
        complaints += checks.readable(page, theme)
        pictures = photograph(page, folder, f"{name}-{theme}")
        print(f"{name}, {theme}: {len(pictures)} pictures")
    for line in complaints:
        print(f"{name}: {line}", file=sys.stderr)
    leave(page, server)
    return len(complaints)


def main() -> int:
    """Look at the named notebooks, or all."""
    parser = argparse.ArgumentParser(
        description="Run notebooks in JupyterLab in Chromium and photograph them in both themes."
    )
    parser.add_argument("names", nargs="*", help="such as 02_attention; all, where none is named")
    parser.add_argument("--out", type=Path, help="folder for the pictures; else a temporary one")
    arguments = parser.parse_args()
    names = [Path(name).stem for name in arguments.names] or sorted(NAMES)
    folder = arguments.out or Path(tempfile.mkdtemp(prefix="look-"))
    folder.mkdir(parents=True, exist_ok=True)
    with jupyterlab(names) as server, browser(height=SCREEN) as context:
        complaints = sum(look(context, server, name, folder) for name in names)
    print(f"pictures: {folder}")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
