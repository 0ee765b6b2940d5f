"""Run notebooks in a fresh kernel and store their outputs, and nothing else that varies: `make
notebooks [ONLY=02_attention]`.

A notebook is written whole or not at all. What goes: execution times, widget state, widget views
(their text stays; a view without its model shows an error in JupyterLab), and every name or number
that one machine has and another has not.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from nmt import ROOT
from nmt.files import write_whole

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
KEPT_CELL_METADATA = ("tags", "jupyter")  # the second folds a cell's code
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


class BrokenNotebook(Exception):
    """A cell raised, or took too long; the message names it."""


def named(description: str) -> list[Path]:
    """The notebooks that the command line names, or all."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("names", nargs="*", help="such as 02_attention; all, where none is named")
    names = [Path(name).stem for name in parser.parse_args().names]
    if unknown := set(names) - {path.stem for path in NOTEBOOKS}:
        parser.error(f"there is no notebook {', '.join(sorted(unknown))} in notebooks/")
    return [path for path in NOTEBOOKS if not names or path.stem in names]


def execute(notebook: NotebookNode, folder: Path, timeout: int = 300) -> None:
    """Run all cells in a fresh kernel of this environment, started in `folder`; raises
    `BrokenNotebook` at the first that fails.
    """
    # The kernel of this environment, even where the user has another "python3".
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    running = 0

    def remember(cell: NotebookNode, cell_index: int) -> None:
        nonlocal running
        running = cell_index

    client = NotebookClient(
        notebook,
        timeout=timeout,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        store_widget_state=False,
        coalesce_streams=True,
        on_cell_start=remember,
    )
    try:
        client.execute()
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        raise BrokenNotebook(f"cell {running} (cell-{running:02d}): {error}") from error


def normalise(notebook: NotebookNode) -> None:
    """Remove, in place, what would make two clean runs of the same notebook differ."""
    notebook.metadata = NotebookNode(
        kernelspec=NotebookNode(KERNEL), language_info=NotebookNode(name="python")
    )
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    count = 0
    for index, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{index:02d}"
        cell.metadata = NotebookNode(
            {key: cell.metadata[key] for key in KEPT_CELL_METADATA if key in cell.metadata}
        )
        if cell.cell_type != "code":
            continue
        count += 1
        cell.execution_count = count
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = count
            if "data" in output:
                output.data.pop(WIDGET_VIEW, None)
                output.metadata = NotebookNode()


def without_outputs(path: Path) -> NotebookNode:
    """A notebook as it is before its first run."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return notebook


def refresh(path: Path) -> None:
    """Format, run, clean and store one notebook."""
    subprocess.run([sys.executable, "-m", "ruff", "format", "--quiet", str(path)], check=True)
    notebook = without_outputs(path)
    execute(notebook, path.parent)
    normalise(notebook)
    nbformat.validate(notebook)
    write_whole(path, nbformat.writes(notebook).encode())


def main() -> int:
    """Refresh the named notebooks, or all; 1 where a cell raised."""
    broken = 0
    for path in named("Run notebooks in a fresh kernel and store their outputs."):
        started = time.perf_counter()
        try:
            refresh(path)
        except BrokenNotebook as error:
            broken += 1
            print(f"{path.name}: not stored: {error}", file=sys.stderr)
        else:
            print(f"{path.name}: stored, {time.perf_counter() - started:.0f} s")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
