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
import tempfile
from pathlib import Path

import checks
from lab import ROOT, copy_course, jupyterlab
from playwright.sync_api import Locator, Page
from reader import browser, leave, open_notebook, run_all, set_theme, settle

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
    pictures = {}
    with tempfile.TemporaryDirectory(prefix="course-") as copy:
        copy_course(Path(copy), [notebook])
        with jupyterlab(Path(copy)) as server, browser(scale=scale) as context:
            page, seen = open_notebook(context, server, notebook)
            run_all(page)
            if complaints := checks.after_running(page, seen):
                raise ValueError(f"{notebook} is broken:\n" + "\n".join(complaints))
            for theme in ("light", "dark"):
                set_theme(page, theme)
                for name in explorers:
                    pictures[f"{name}-{theme}.png"] = photograph(page, find(page, name))
            leave(page, server)
    return pictures


def main() -> int:
    """Photograph and write; 1 where something is wrong."""
    parser = argparse.ArgumentParser(
        description=(
            "Photograph explorers of a notebook in JupyterLab, in the light and the dark theme."
        )
    )
    parser.add_argument(
        "notebook",
        nargs="?",
        help="such as 02_attention; those of the README where none is named",
    )
    parser.add_argument(
        "explorers",
        nargs="*",
        metavar="EXPLORER",
        help="such as attention",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=FOLDER,
        help="folder for the pictures; assets/screenshots where none is named",
    )
    parser.add_argument(
        "--scale", type=float, default=1.5, help="pixels of the picture for one of the page"
    )
    arguments = parser.parse_args()
    wanted = SHOWN
    if arguments.notebook:
        wanted = {Path(arguments.notebook).stem: arguments.explorers}
        if not arguments.explorers:
            parser.error("say which explorers, such as attention")
    for notebook in wanted:
        if not (ROOT / "notebooks" / f"{notebook}.ipynb").exists():
            parser.error(f"there is no notebook {notebook} in notebooks/")
    try:
        pictures: dict[str, bytes] = {}
        for notebook, explorers in wanted.items():
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
