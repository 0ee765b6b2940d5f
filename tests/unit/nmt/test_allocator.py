"""`nmt.allocator`: agrees on Linux with glibc, declines elsewhere, and really keeps the memory."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from nmt import ROOT
from nmt.allocator import keep_freed_memory

HAS_GLIBC = platform.system() == "Linux" and platform.libc_ver()[0] == "glibc"


def test_says_no_where_there_is_no_glibc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    assert keep_freed_memory() is False


@pytest.mark.skipif(not HAS_GLIBC, reason="the switch exists in glibc alone")
def test_freed_memory_is_used_again_without_page_faults() -> None:
    program = """
import resource, torch
from nmt.allocator import keep_freed_memory
torch.set_num_threads(1)
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        torch.ones(4 << 20)  # 16 MiB, 4,096 pages, freed at once
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
before = faults()
agreed = keep_freed_memory()
faults(), faults()  # the heap grows to its working size
print(before, agreed, faults())
"""
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    before, agreed, after = result.stdout.split()
    assert agreed == "True"
    assert int(after) < int(before) / 2


def test_only_a_command_decides_this_for_its_process() -> None:
    files = [path.name for path in (ROOT / "nmt").glob("*.py") if "keep_freed" in path.read_text()]
    assert sorted(files) == ["__main__.py", "allocator.py"]
