"""Measure how much memory a student needs: `make memory`. Writes assets/results/memory.json, from
which docs/teaching.md has its table.

For each notebook: the largest resident memory that its kernel had by the end of one run, and the
seconds that processors worked for it. And what JupyterLab's own server holds once it has handed out
the largest notebook. Resident memory is what Linux calls VmHWM: pages in RAM, those of shared
libraries counted in full, so that two kernels together need a little less than the sum.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell
from refresh import NOTEBOOKS, BrokenNotebook, execute

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "browser"))

from lab import NAMES, copy_course, jupyterlab  # noqa: E402

RECORD = NOTEBOOKS.parent / "assets" / "results" / "memory.json"
PACKAGES = ("torch", "numpy", "matplotlib", "ipykernel", "jupyterlab")
PEAK = r"""
import re as _re, time as _time
_status = open("/proc/self/status").read()
print(round(_time.process_time()), _re.search(r"VmHWM:\s*(\d+) kB", _status)[1])
"""


def peak_of(process: int) -> int:
    """The largest resident memory that a process had so far, in KiB."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])


def kernel(path: Path) -> dict[str, int]:
    """Run one notebook in a fresh kernel; nothing is stored."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    notebook.cells.append(new_code_cell(PEAK))
    execute(notebook, path.parent, timeout=1200)
    seconds, peak = map(int, notebook.cells[-1].outputs[0].text.split())
    return {"peak_mib": round(peak / 1024), "processor_seconds": seconds}


def server(name: str) -> int:
    """The server's peak in MiB after it started, and handed out one notebook."""
    with tempfile.TemporaryDirectory(prefix="course-") as folder:
        copy_course(Path(folder), [name])
        with jupyterlab(Path(folder)) as running:
            running.ask(f"contents/notebooks/{name}.ipynb?content=1").read()
            return round(peak_of(running.process) / 1024)


def main() -> int:
    """Measure the named notebooks, or all, and write the record; 1 where one does not run."""
    parser = argparse.ArgumentParser(
        description="Measure the memory that each notebook's kernel and the server need."
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="such as 02_attention; all, where none is named"
    )
    names = parser.parse_args().names
    if not Path("/proc/self/status").exists():
        parser.error("the peak is read from /proc, which only Linux has")
    paths = sorted(NOTEBOOKS.glob("*.ipynb"))
    if unknown := set(names) - {path.stem for path in paths}:
        parser.error(f"there is no notebook {', '.join(sorted(unknown))} in notebooks/")
    record = (
        json.loads(RECORD.read_text(encoding="utf-8"))
        if RECORD.exists() and names
        else {"notebooks": {}}
    )
    for path in paths:
        if not names or path.stem in names:
            try:
                record["notebooks"][path.stem] = kernel(path)
            except BrokenNotebook as error:
                print(
                    f"{path.name} does not run, so nothing was measured and nothing written:"
                    f" {error}",
                    file=sys.stderr,
                )
                return 1
            print(path.stem, record["notebooks"][path.stem], flush=True)
    record["notebooks"] = dict(sorted(record["notebooks"].items()))
    record["server_mib"] = server(NAMES[0])
    record["machine"] = (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors, Python"
        f" {platform.python_version()}"
    )
    record["packages"] = {name: version(name) for name in PACKAGES}
    RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print("server", record["server_mib"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
