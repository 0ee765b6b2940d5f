"""Install what the course needs into this environment: `make lab` calls it the first time.

    python tools/install.py [--torch auto | cpu | default]

On Linux the default PyTorch brings CUDA libraries of some gigabytes, for a course that needs none.
So, where no NVIDIA driver is present, PyTorch's own index of CPU builds is asked first: briefly,
and once. Elsewhere, and where that index does not answer, PyTorch comes from the usual one.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import threading
import urllib.request
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CPU_INDEX = os.environ.get("TORCH_CPU_INDEX", "https://download.pytorch.org/whl/cpu")
PATIENCE = 4.0  # seconds for the CPU index, looking up its name included
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install"]
LARGE = (
    "PyTorch comes with its CUDA libraries: about 3 GB to download, of which the course uses none."
    " {why}"
)


def pinned() -> str:
    """PyTorch's version in requirements.txt."""
    found = re.search(r"^torch==(\S+)$", (ROOT / "requirements.txt").read_text(), re.M)
    assert found, "requirements.txt pins torch"
    return found[1]


def installed() -> str:
    """The installed PyTorch's version, such as 2.13.0+cpu; empty where there is none."""
    try:
        return version("torch")
    except PackageNotFoundError:
        return ""


def has_driver() -> bool:
    """Whether an NVIDIA driver is present."""
    return Path("/proc/driver/nvidia").exists() or shutil.which("nvidia-smi") is not None


def answers(index: str, wanted: str, patience: float = PATIENCE) -> bool:
    """Whether an index of packages offers a CPU build of this PyTorch, and says so in time.

    The question is asked in a thread of its own: looking up a name has no time limit.
    """
    pages: list[str] = []

    def ask() -> None:
        try:
            with urllib.request.urlopen(f"{index.rstrip('/')}/torch/", timeout=patience) as page:
                pages.append(page.read().decode(errors="replace"))
        except OSError:
            pass

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(patience)
    return any(f"torch-{wanted}%2Bcpu" in page or f"torch-{wanted}+cpu" in page for page in pages)


def pip(*arguments: str) -> int:
    """Run pip; its exit status."""
    return subprocess.run([*PIP, *arguments]).returncode


def small_torch(wanted: str, index: str) -> bool:
    """Install the CPU build from its own index, without a second try; whether that worked."""
    print(f"PyTorch without CUDA, from {index}", flush=True)
    where = ["--index-url", index, "--retries", "0", "--timeout", "5"]
    # What PyTorch itself needs comes with the rest, in the versions of requirements.txt.
    return pip(*where, "--no-deps", "--quiet", f"torch=={wanted}+cpu") == 0


def choose_torch(choice: str, index: str = CPU_INDEX) -> bool:
    """Install PyTorch's CPU build where that is the choice; False where it had to be and failed."""
    wanted, have = pinned(), installed()
    if choice == "default":
        if have.endswith("+cpu"):  # else pip takes the CPU build for good enough
            subprocess.run([*PIP[:-1], "uninstall", "--yes", "--quiet", "torch"])
        return True
    if have == f"{wanted}+cpu" or (choice == "auto" and have.split("+")[0] == wanted):
        return True
    if choice == "auto" and (sys.platform != "linux" or has_driver()):
        return True
    if answers(index, wanted) and small_torch(wanted, index):
        return True
    if choice == "cpu":
        print(f"{index} does not offer torch {wanted}+cpu, or does not answer.", file=sys.stderr)
        return False
    print(LARGE.format(why=f"{index} with the small build does not answer."), flush=True)
    return True


def main() -> int:
    """Install PyTorch as chosen, then everything else, then the course itself."""
    parser = argparse.ArgumentParser(description="Install what the course needs.")
    parser.add_argument("--torch", choices=("auto", "cpu", "default"), default="auto")
    if not choose_torch(parser.parse_args().torch):
        return 1
    print("Installing what the course needs; the first time this takes some minutes.", flush=True)
    return pip("--requirement", str(ROOT / "requirements.txt")) or pip(
        "--quiet", "--no-deps", "--no-build-isolation", "--editable", str(ROOT)
    )


if __name__ == "__main__":
    sys.exit(main())
