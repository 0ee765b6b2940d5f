"""Run the tests' steps, each within a limit, and end with one line that says what failed or hung.

    python tools/run_tests.py [unit | notebooks | browser | check | quick] [pytest's arguments]

Without a name: all steps, one after another, whatever fails on the way. A step that passes its
limit gets SIGABRT, to which Python answers with the stacks of all threads, and is then ended
together with all that it started. The limit of a single test is pytest-timeout's, in
pyproject.toml.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[1]
JOBS = int(os.environ.get("JOBS", "2"))
SLOWEST = ["--durations", "12", "--durations-min", "4"]  # named at the end of each step
PYTEST = ["-m", "pytest", *SLOWEST, "-n", str(JOBS)]
# One process more: many tests wait, unit tests for processes that they started, those in a browser
# for the kernel, which waits for the page.
WAITING = ["-m", "pytest", *SLOWEST, "-n", str(JOBS + 1)]
# A file goes whole to one process, so that what its tests share is made once, and those that take
# longest, which tests/unit/conftest.py names, start first; nbval, which no unit test needs, takes a
# second to load.
BY_FILE = ["--dist", "loadfile", "--no-loadscope-reorder"]
UNIT = [*WAITING, *BY_FILE, "-p", "no:nbval"]
SOURCE = "tests/unit/test_source.py"  # formatting, lint and types
# Those that compute longest start first, so that no process is left alone with one.
LONGEST = ("03", "09", "06", "07", "08")
NOTEBOOKS = sorted(
    (f"notebooks/{path.name}" for path in (ROOT / "notebooks").glob("*.ipynb")),
    key=lambda name: (*(number not in name for number in LONGEST), name),
)
PARTS = ("check", "quick")  # of "unit", for while one writes
NAMED = 5  # failures that the last line names, before it only counts
LAST_WORDS = 5  # seconds for the stacks


@dataclass(frozen=True)
class Step:
    """Commands for this Python, and the seconds that all of them together may take."""

    commands: list[list[str]]
    limit: float


STEPS = {
    "unit": Step([[*UNIT, "tests/unit", "tests/notebooks"]], 1500),
    # Each notebook has one kernel, so a file goes whole to one process.
    "notebooks": Step(
        [
            [*PYTEST, *BY_FILE, "--nbval", "--nbval-current-env"]
            + ["--nbval-cell-timeout", "300", "--timeout", "330", "-o", "faulthandler_timeout=360"]
            + ["--nbval-sanitize-with", "tests/notebooks/sanitize.cfg", *NOTEBOOKS]
        ],
        1200,
    ),
    # Each process has its own JupyterLab and its own browser; the longest notebooks come first.
    "browser": Step(
        [
            ["tests/browser/chromium.py"],
            [*WAITING, "--dist", "load", "--maxschedchunk", "1", "-p", "no:nbval", "tests/browser"]
            + ["--timeout", "480", "-o", "faulthandler_timeout=510"],
        ],
        2400,
    ),
    "check": Step([["-m", "pytest", "-q", "-p", "no:nbval", SOURCE]], 600),
    "quick": Step([[*UNIT, SOURCE, "tests/unit/nmt"]], 600),
}


def run(name: str, step: Step, arguments: list[str]) -> str:
    """One step: what went wrong, empty where nothing did."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        for command in step.commands:
            if "pytest" in command:
                command = [*command, f"--junitxml={report}", *arguments]
            left = step.limit - (time.monotonic() - started)
            if trouble := finish([sys.executable, *command], left):
                said = ", ".join([*failures(report), *([trouble] if "ended" in trouble else [])])
                return f"{name}: {said or trouble}"
    return ""


def finish(command: list[str], seconds: float) -> str:
    """Run a command to its end or its limit; what went wrong. Nothing that it started is left."""
    # Where Python is told to keep no compiled files, as in many containers, each of the processes
    # that tests start would compile the course anew.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**environment, "OMP_NUM_THREADS": "1"},
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    words = " ".join(Path(word).name if "/" in word else word for word in command[1:4])
    try:
        status = process.wait(max(seconds, 0))
    except subprocess.TimeoutExpired:
        _tell_all(process, signal.SIGABRT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(LAST_WORDS)
        return f"{words} hung and was ended; the stacks stand above"
    finally:
        _tell_all(process, signal.SIGKILL)
        process.wait()
    return f"{words} failed" if status else ""


def _tell_all(process: subprocess.Popen[bytes], what: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, what)


def failures(report: Path) -> list[str]:
    """The tests that failed, by pytest's report; those that passed their limit are said to hang."""
    if not report.exists():
        return []
    found = []
    for case in ElementTree.parse(report).iter("testcase"):
        for result in (*case.iter("failure"), *case.iter("error")):
            hung = "Timeout" in f"{result.get('message')}" or "crashed" in f"{result.text}"
            name = f"{case.get('classname', '').replace('.', '/')}::{case.get('name')}"
            found.append(name + (" hung" if hung else ""))
    more = [f"and {len(found) - NAMED} more"] if len(found) > NAMED else []
    return found[:NAMED] + more


def processor_seconds() -> float:
    """What all processes that ended so far have used, with those that they waited for: Chromium's,
    for which nobody waits and which work half of the time in a browser test, are not among them.
    """
    spent = os.times()
    return spent.children_user + spent.children_system


def main(names: list[str], arguments: list[str]) -> int:
    """Run the named steps; 1 where one failed."""
    troubles, times = [], []
    for name in names:
        started, worked = time.monotonic(), processor_seconds()
        trouble = run(name, STEPS[name], arguments)
        troubles += [trouble] if trouble else []
        seconds = time.monotonic() - started
        busy = (processor_seconds() - worked) / seconds
        times.append(f"{name} {seconds:.0f} s ({busy:.1f} cores)")
    taken = ", ".join(times)
    print(f"\nFailed ({taken}): {'; '.join(troubles)}" if troubles else f"\nAll passed: {taken}.")
    return 1 if troubles else 0


if __name__ == "__main__":
    asked = sys.argv[1:]
    chosen = [asked.pop(0)] if asked and asked[0] in STEPS else [n for n in STEPS if n not in PARTS]
    # A shell that starts this in the background lets it ignore Ctrl-C; tests press it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        sys.exit(main(chosen, asked))
    except KeyboardInterrupt:
        sys.exit("Interrupted.")
