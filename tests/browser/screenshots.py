"""Photograph explorers for README.md: `make screenshots`, or `make screenshots ARGS="02_attention
attention looking_behind"`.

The notebook runs in JupyterLab in Chromium; each named explorer (`attention` is the one that
`explore_attention` makes) is photographed in the light and the dark theme, to
assets/screenshots/NAME-light.png and NAME-dark.png. Nothing is written where something is wrong.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

import checks
from lab import NAMES, ROOT, jupyterlab
from playwright.sync_api import Locator, Page
from reader import browser, open_notebook, run_all, set_theme, settle

FOLDER = ROOT / "assets" / "screenshots"
# What the README shows.
SHOWN = {"07_interpretability": ["attention"], "08_embeddings_and_memory": ["state"]}
NARROWEST, MARGIN = 640, 14  # pixels of the page: across an explorer, and around it
LARGEST = 150_000  # bytes


def find(page: Page, name: str) -> Locator:
    """The first explorer that a cell with `explore_NAME(` shows; raises `ValueError` where there is
    none.
    """
    source = re.compile(rf"\bexplore_{re.escape(name)}\(")
    cells = page.evaluate(
        "() => [...jupyterapp.shell.currentWidget.content.model.cells].map(cell =>"
        " cell.sharedModel.getSource())"
    )
    for number, text in enumerate(cells):
        shown = page.locator(".jp-Notebook .jp-Cell").nth(number).locator(".nmt-explorer")
        if source.search(text) and shown.count():
            return shown.first
    there = sorted({found for text in cells for found in re.findall(r"\bexplore_(\w+)\(", text)})
    raise ValueError(f"no cell shows an explorer {name!r}; there are: {', '.join(there) or 'none'}")


def photograph(page: Page, explorer: Locator) -> bytes:
    """The explorer as wide as its picture, with a margin, as PNG; raises `ValueError` where it is
    too large for a README.
    """
    explorer.evaluate(
        """(e, [narrowest, margin]) => {
            const parts = [...e.querySelectorAll("figure > :is(img, svg, iframe)")]
            const widths = parts.map(part => part.getBoundingClientRect().width)
            e.style.boxSizing = "content-box"
            e.style.width = `${Math.max(narrowest, ...widths)}px`
            e.style.padding = `${margin}px`
            e.style.background = "var(--jp-layout-color0)" }""",
        [NARROWEST, MARGIN],
    )
    explorer.scroll_into_view_if_needed()
    settle(page)
    picture = explorer.screenshot()
    if len(picture) > LARGEST:
        raise ValueError(
            f"the picture has {len(picture) / 1000:.0f} kB, more than {LARGEST / 1000:.0f}; take a"
            " smaller --scale"
        )
    return picture


def take(notebook: str, explorers: list[str], scale: float) -> dict[str, bytes]:
    """The pictures, by file name; raises `ValueError` where an explorer is not there or the
    notebook is broken.
    """
    with jupyterlab([notebook]) as server, browser(scale=scale) as context:
        page, seen = open_notebook(context, server, notebook)
        run_all(page)
        if complaints := checks.after_running(page, seen):
            raise ValueError(f"{notebook} is broken:\n" + "\n".join(complaints))
        pictures = {}
        for theme in ("light", "dark"):
            set_theme(page, theme)
            for name in explorers:
                pictures[f"{name}-{theme}.png"] = photograph(page, find(page, name))
    return pictures


def main() -> int:
    """Photograph and write; 1 where something is wrong."""
    parser = argparse.ArgumentParser(
        description="Photograph a notebook's explorers in JupyterLab, in the light and the dark"
        " theme: those of the README where none is named."
    )
    parser.add_argument("notebook", nargs="?", help="such as 02_attention")
    parser.add_argument("explorers", nargs="*", metavar="EXPLORER", help="such as attention")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder for the pictures")
    parser.add_argument("--scale", type=float, default=1.5, help="pixels for one of the page")
    arguments = parser.parse_args()
    name = Path(arguments.notebook or "").stem
    if name and not arguments.explorers:
        parser.error("say which explorers, such as attention")
    if name and name not in NAMES:
        parser.error(f"there is no notebook {name} in notebooks/")
    pictures: dict[str, bytes] = {}
    try:
        for notebook, explorers in ({name: arguments.explorers} if name else SHOWN).items():
            pictures |= take(notebook, explorers, arguments.scale)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, picture in pictures.items():
        (arguments.out / name).write_bytes(picture)
        print(f"{arguments.out / name}: {len(picture) / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
