"""Write the tables of docs/teaching.md from what is in the repository: part of `make readme`. A
test fails where they differ.

Two blocks, each between a pair of comments: the syllabus, from the openings of the notebooks and
the exercises in them, and the memory that a student needs, from assets/results/memory.json, which
`make memory` measures.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from readme import COURSE, ROOT, with_block

PAGE = Path("docs") / "teaching.md"
MEMORY = ROOT / "assets" / "results" / "memory.json"
PRESUMES = re.compile(
    r"\*\*(?:Before you start|What to know before)[:.]\*\*\s*(.+?)(?=\s*\*\*|\n\n|\Z)", re.DOTALL
)
READING = re.compile(r"\*\*Time[:.]\*\*[^.;]*?(\d+)\s*minutes")
EXERCISE = re.compile(r"^\*Exercise, .*?about (\d+) minutes", re.M)


def lesson(path: Path) -> tuple[int, list[int], str]:
    """What a notebook says of itself: minutes to read and run it, minutes of each exercise, and
    what it presumes.
    """
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    texts = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    opening, text = texts[0], "\n\n".join(texts)
    minutes, presumes = READING.search(opening), PRESUMES.search(opening)
    if not minutes or not presumes:
        raise ValueError(
            f"the opening of {path.name} does not say how long it takes, or what to know before"
        )
    known = re.sub(r"\]\((\d\d_\w+\.ipynb)\)", r"](../notebooks/\1)", " ".join(presumes[1].split()))
    return int(minutes[1]), [int(each) for each in EXERCISE.findall(text)], known


def syllabus(root: Path = ROOT) -> str:
    """One row a notebook that is there, and the sums."""
    rows = [
        "| lesson | minutes to read and run | minutes of exercises | presumes |",
        "| --- | ---: | ---: | --- |",
    ]
    sums = [0, 0]
    for name in COURSE:
        path = root / "notebooks" / f"{name}.ipynb"
        if not path.exists():
            continue
        minutes, exercises, presumes = lesson(path)
        sums = [sums[0] + minutes, sums[1] + sum(exercises)]
        each = f"{sum(exercises)} ({len(exercises)})" if exercises else ""
        rows.append(f"| [`{name}`](../notebooks/{name}.ipynb) | {minutes} | {each} | {presumes} |")
    rows.append(f"| **together** | **{sums[0]}** | **{sums[1]}** | |")
    return "\n".join(rows).replace("|  |", "| |")


def memory_table(record: dict[str, Any]) -> str:
    """One row a notebook: its kernel's peak, and with it that of JupyterLab's server."""
    rows = [
        "| notebook | kernel, MiB | with the server, MiB | seconds of one processor |",
        "| --- | ---: | ---: | ---: |",
    ]
    for name, found in record["notebooks"].items():
        together = found["peak_mib"] + record["server_mib"]
        cells = f"`{name}`", found["peak_mib"], together, found["processor_seconds"]
        rows.append(f"| {' | '.join(map(str, cells))} |")
    packages = ", ".join(f"{name} {number}" for name, number in record["packages"].items())
    said = f"Measured on {record['machine']}; {packages}. The server alone: {record['server_mib']}"
    return "\n".join([*rows, "", f"{said} MiB."])


def updated(text: str, root: Path = ROOT) -> str:
    """docs/teaching.md as it should be."""
    record = json.loads(MEMORY.read_text(encoding="utf-8"))
    return with_block(with_block(text, "syllabus", syllabus(root)), "memory", memory_table(record))


def main() -> None:
    """Write docs/teaching.md."""
    path = ROOT / PAGE
    path.write_text(updated(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
