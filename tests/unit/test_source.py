"""Formatting, lint and types: `make check` runs these alone."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("tool", ["ruff format --check .", "ruff check .", "mypy"])
def test_no_complaint_of(tool):
    command = [sys.executable, "-m", *tool.split()]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert not found.returncode, f"\n{found.stdout}{found.stderr}"
