"""Measure how much memory a student needs: `make memory`. Writes assets/results/memory.json, from
which docs/teaching.md has its table.

For each notebook: the largest resident memory that its kernel had by the end of one run, and the
seconds that processors worked for it. And what JupyterLab's own server holds once it has handed out
the largest notebook. Resident memory is what Linux calls VmHWM: pages in RAM, those of shared
libraries counted in full, so that two kernels together need a little less than the sum.
"""

from __future__ import annotations

import json
import os
import platform
import re
import sys
from importlib.metadata import version
from pathlib import Path

from nbformat.v4 import new_code_cell
from refresh import NOTEBOOKS, BrokenNotebook, execute, named, without_outputs

from nmt import ROOT
from nmt.files import write_json

sys.path.insert(0, str(ROOT / "tests" / "browser"))

from lab import NAMES, jupyterlab  # noqa: E402

RECORD = ROOT / "assets" / "results" / "memory.json"
PACKAGES = ("torch", "numpy", "matplotlib", "ipykernel", "jupyterlab")
LAST_CELL = """
import time as _time
print(round(_time.process_time()), open("/proc/self/status").read())
"""


def peak_mib(status: str) -> int:
    """The largest resident memory so far, by a process's /proc/PID/status."""
    kib = re.search(r"VmHWM:\s*(\d+) kB", status)
    assert kib, "Linux tells it of every process"
    return round(int(kib[1]) / 1024)


def kernel(path: Path) -> dict[str, int]:
    """Run one notebook in a fresh kernel; nothing is stored."""
    notebook = without_outputs(path)
    notebook.cells.append(new_code_cell(LAST_CELL))
    execute(notebook, path.parent, timeout=1200)
    seconds, status = notebook.cells[-1].outputs[0].text.split(maxsplit=1)
    return {"peak_mib": peak_mib(status), "processor_seconds": int(seconds)}


def server(name: str) -> int:
    """The server's peak in MiB after it started, and handed out one notebook."""
    with jupyterlab([name]) as running:
        running.ask(f"contents/notebooks/{name}.ipynb?content=1").read()
        return peak_mib(Path(f"/proc/{running.process}/status").read_text())


def main() -> None:
    """Measure the named notebooks, or all, and write the record, if all of them run."""
    wanted = named("Measure the memory that each notebook's kernel and the server need.")
    if not Path("/proc/self/status").exists():
        sys.exit("The peak is read from /proc, which only Linux has.")
    found = json.loads(RECORD.read_text(encoding="utf-8"))["notebooks"]
    for path in wanted:
        try:
            found[path.stem] = kernel(path)
        except BrokenNotebook as error:
            sys.exit(f"{path.name} does not run, so nothing is written: {error}")
        print(path.stem, found[path.stem], flush=True)
    processors = f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors"
    record = {
        "notebooks": {path.stem: found[path.stem] for path in NOTEBOOKS if path.stem in found},
        "server_mib": server(NAMES[0]),
        "machine": f"{processors}, Python {platform.python_version()}",
        "packages": {name: version(name) for name in PACKAGES},
    }
    write_json(RECORD, record)
    print("server", record["server_mib"])


if __name__ == "__main__":
    main()
