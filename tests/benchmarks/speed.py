"""Measure what training and decoding cost, each beside its peer, in turns: writes
assets/results/bench.json.

    python tests/benchmarks/speed.py                  one thread, then two; about 5 minutes
    python tests/benchmarks/speed.py --threads 1      one thread alone

With one thread the clock counts this program's processor time, so that other programs hardly
matter; with more, seconds on the wall. Ratios of what ran in turns can be trusted further than
milliseconds.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from machine import describe_machine
from mambapy.pscan import pscan
from peers import MAMBAS, TRANSFORMERS, training_step

from course.lab.scan_trials import mamba_inputs
from course.lab.timing import Timing, memory_pass, take_turns
from nmt.allocator import keep_freed_memory
from nmt.checkpoints import load_checkpoint
from nmt.data import load_pairs
from nmt.decoding import Seq2Seq, greedy_decode
from nmt.parallel_scan import heinsen
from nmt.scan import fast, sequential, sequential_indexed

ROOT = Path(__file__).resolve().parents[2]
PROCESS = Path("/proc/self/status")
RECORD = ROOT / "assets" / "results" / "bench.json"
BATCH, LENGTH, CHANNELS, STATES = 128, 40, 128, 16
MOVED = 8  # a, b → h; then a, h, ∂h → ∂a, ∂b: eight tensors go through memory once


class Row(NamedTuple):
    """One figure beside its peer: `ratio` is ours over theirs, at most `target` if all is well."""

    what: str
    ours: float
    peer: str
    theirs: float
    unit: str
    target: float | None

    @property
    def ratio(self) -> float:
        return self.ours / self.theirs

    def line(self) -> str:
        goal = ""
        if self.target is not None:
            met = "reached" if self.ratio <= self.target else "MISSED"
            goal = f"   target ≤ {self.target:.3f}: {met}"
        return (
            f"  {self.what:30} {self.ours:9.1f} {self.unit:8} {self.peer:34} {self.theirs:9.1f}  "
            f" ratio {self.ratio:.3f}{goal}"
        )


def in_turns(actions: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, Timing]:
    """Milliseconds, by the clock that suits the number of threads."""
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    return {
        name: Timing(*(1e3 * seconds for seconds in timing))
        for name, timing in take_turns(actions, rounds, clock).items()
    }


def scans() -> list[Row]:
    """Forward and backward of the recurrence at the size of a training step, against peers and
    against memory itself.
    """
    a, b = (tensor.requires_grad_() for tensor in mamba_inputs(LENGTH, BATCH, CHANNELS, STATES))
    weights = torch.ones_like(b)

    def both(function: Callable[..., torch.Tensor]) -> Callable[[], object]:
        return lambda: torch.autograd.grad(function(a, b), (a, b), weights)

    ours = {"fast": both(fast)}
    peers = {
        "mambapy's pscan": both(pscan),
        "plain loop, a[:, t]": both(sequential_indexed),
        "plain loop, unbind": both(sequential),
    }
    timings = in_turns(ours | peers | {"memory bound": memory_pass(a.numel())}, rounds=7)
    targets = {"mambapy's pscan": 1 / 8, "plain loop, a[:, t]": 1 / 15, "plain loop, unbind": None}
    rows = [
        _row("scan, forward + backward", timings["fast"], peer, timings[peer], target)
        for peer, target in targets.items()
    ]
    least = Timing(*(seconds * MOVED / 3 for seconds in timings["memory bound"]))
    rows.append(_row("scan, forward + backward", timings["fast"], "memory bound", least, 2.5))
    timings = in_turns(ours | {"Heinsen": both(heinsen)}, rounds=2)
    log_space = ("Heinsen, log space", timings["Heinsen"], 1 / 80)
    return [*rows, _row("scan, forward + backward", timings["fast"], *log_space)]


def steps() -> list[Row]:
    """Whole training steps of both models."""
    mambas = {
        name: training_step(make(), BATCH, LENGTH // 2, LENGTH // 2)
        for name, make in MAMBAS.items()
    }
    timings = in_turns(mambas, rounds=7)
    ours, *peers = MAMBAS
    rows = [
        _row("Mamba step", timings[ours], peer, timings[peer], target)
        for peer, target in zip(peers, (1 / 5, 1 / 9), strict=True)
    ]
    transformers = {
        name: training_step(make(), BATCH, 10, 13) for name, make in TRANSFORMERS.items()
    }
    plain = training_step(TRANSFORMERS["nn.Transformer"](), BATCH, 10, 13, fused=False)
    timings = in_turns(transformers | {"nn.Transformer, AdamW not fused": plain}, rounds=15)
    ours, *peers = timings
    return rows + [
        _row("transformer step", timings[ours], peer, timings[peer], target)
        for peer, target in zip(peers, (None, 0.8), strict=True)
    ]


def decoding() -> list[Row]:
    """Milliseconds a word, trained models: 2,000 words in batches with the cache, against one by
    one without it.
    """
    words = [pair.source for pair in load_pairs("small")][::3][:2000]
    rows = []
    for name in ("transformer-small", "mamba-small"):
        path = ROOT / "assets" / "checkpoints" / f"{name}.safetensors"
        if not path.exists():
            print(f"  {name}: no checkpoint yet, decoding not measured")
            continue
        model = load_checkpoint(path).model
        few = words[::40]

        actions: dict[str, Callable[[], object]] = {
            "batched": partial(greedy_decode, model, words),
            "one": partial(_one_by_one, model, few),
        }
        timings = in_turns(actions, rounds=3)
        ours, one = (
            Timing(*(t / count for t in timings[key]))
            for key, count in (("batched", len(words)), ("one", len(few)))
        )
        rows.append(_row(f"decode, {name}, a word", ours, "one by one without cache", one, 1 / 30))
        rows.append(
            _row(f"decode, {name}, a word", ours, "4,000 words a second", Timing(0.25, 0.25), 1.0)
        )
    return rows


def _one_by_one(model: Seq2Seq, words: Sequence[str]) -> list[list[str]]:
    return [greedy_decode(model, [word], use_cache=False) for word in words]


def start_up() -> list[Row]:
    """Seconds of a fresh Python with `import nmt` against one with `import torch`."""

    def fresh(code: str) -> Callable[[], object]:
        return lambda: subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)

    timings = take_turns({"nmt": fresh("import nmt"), "torch": fresh("import torch")}, rounds=3)
    ours, theirs = (
        Timing(*(1e3 * seconds for seconds in timings[name])) for name in ("nmt", "torch")
    )
    return [_row("import nmt, new process", ours, "import torch", theirs, None)]


def memory() -> list[Row]:
    """Peak memory of a Mamba training step above that of the imports, in processes of their own."""
    if not PROCESS.exists():
        print("  peak memory is read from /proc, which this system lacks: not measured")
        return []
    peaks = {}
    for name in MAMBAS:
        command = [sys.executable, __file__, "--peak", name]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        peaks[name] = float(done.stdout)
    ours, *peers = peaks
    goals = {peer: 0.3 if peer.startswith("mambapy") else None for peer in peers}
    mine = ("Mamba step, peak memory", peaks[ours])
    return [Row(*mine, peer, peaks[peer], "MiB", goal) for peer, goal in goals.items()]


def print_peak(name: str) -> None:
    """For `memory`: MiB that three training steps add to the peak of this process."""
    keep_freed_memory()
    torch.set_num_threads(1)
    before = _peak_mebibytes()
    step = training_step(MAMBAS[name](), BATCH, LENGTH // 2, LENGTH // 2)
    for _ in range(3):
        step()
    print(_peak_mebibytes() - before)


def _peak_mebibytes() -> float:
    """The largest resident size so far. Not `getrusage`: there a new process inherits the peak of
    the one that started it.
    """
    line = next(
        line
        for line in PROCESS.read_text(encoding="utf-8").splitlines()
        if line.startswith("VmHWM")
    )
    return int(line.split()[1]) / 1024


def _row(what: str, ours: Timing, peer: str, theirs: Timing, target: float | None) -> Row:
    return Row(what, ours.fastest, peer, theirs.fastest, "ms", target)


def main() -> None:
    """Run every group for each number of threads, print the rows, and store them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--peak", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peak:
        return print_peak(arguments.peak)
    keep_freed_memory()
    record: dict[str, Any] = {
        "command": "python tests/benchmarks/speed.py",
        "machine": describe_machine(),
        "rows": [],
    }
    for threads in arguments.threads:
        torch.set_num_threads(threads)
        print(
            f"{threads} thread{'s' * (threads > 1)}, fastest of several runs in turns", flush=True
        )
        groups = [scans, steps, decoding] + (
            [start_up, memory] if threads == arguments.threads[0] else []
        )
        for group in groups:
            for row in group():
                print(row.line(), flush=True)
                figures = {
                    "ours": float(f"{row.ours:.4g}"),
                    "theirs": float(f"{row.theirs:.4g}"),
                    "ratio": float(f"{row.ratio:.3g}"),
                }
                record["rows"].append({**row._asdict(), **figures, "threads": threads})
    RECORD.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
