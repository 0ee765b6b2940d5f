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
import secrets
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from importlib.metadata import version
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell
from refresh import NOTEBOOKS, BrokenNotebook, execute

RECORD = NOTEBOOKS.parent / "assets" / "results" / "memory.json"
PACKAGES = ("torch", "numpy", "matplotlib", "ipykernel", "jupyterlab")
PEAK = """
import re as _re, time as _time
print(round(_time.process_time()), _re.search(r"VmHWM:\\s*(\\d+) kB", open("/proc/self/status").read())[1])
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


def server(path: Path) -> int:
    """The server's peak in MiB after it started, and handed out one notebook."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(16)
    with tempfile.TemporaryDirectory() as home:
        command = [
            sys.executable,
            "-m",
            "jupyterlab",
            "--no-browser",
            "--ip=127.0.0.1",
            f"--port={port}",
            "--allow-root",
        ]
        command += [f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={path.parent}"]
        folders = {
            f"JUPYTER_{name}_DIR": f"{home}/{name}" for name in ("CONFIG", "DATA", "RUNTIME")
        } | {"JUPYTERLAB_WORKSPACES_DIR": home}
        process = subprocess.Popen(
            command, env=os.environ | folders, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            for address in ("status", f"contents/{path.name}?content=1"):
                _wait_for(
                    opener,
                    f"http://127.0.0.1:{port}/api/{address}{'&' if '?' in address else '?'}token={token}",
                )
            return round(peak_of(process.pid) / 1024)
        finally:
            process.terminate()
            process.wait(timeout=60)


def _wait_for(opener: urllib.request.OpenerDirector, url: str, seconds: float = 900) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            opener.open(url, timeout=60).read()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def main() -> int:
    """Measure the named notebooks, or all, and write the record; 1 where a notebook does not run."""
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
    record["server_mib"] = server(max(paths, key=lambda path: path.stat().st_size))
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
