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
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from mambapy.pscan import pscan
from measured import own_clock, rounded
from peers import MAMBAS, TRANSFORMERS, training_step

from course.lab.scan_trials import mamba_inputs
from course.lab.speedrun import machine
from course.lab.timing import memory_pass, take_turns
from nmt import ROOT
from nmt.allocator import keep_freed_memory
from nmt.checkpoints import load_checkpoint
from nmt.data import load_pairs
from nmt.decoding import Seq2Seq, greedy_decode
from nmt.files import write_json
from nmt.parallel_scan import heinsen
from nmt.scan import fast, sequential, sequential_indexed

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


def beside_peers(
    what: str, took: Mapping[str, float], targets: Mapping[str, float], unit: str = "ms"
) -> list[Row]:
    """The first figure, which is ours, beside each of the others; not every peer has a target."""
    (_, ours), *peers = took.items()
    return [Row(what, ours, peer, theirs, unit, targets.get(peer)) for peer, theirs in peers]


def in_turns(
    actions: Mapping[str, Callable[[], object]],
    rounds: int,
    clock: Callable[[], float] | None = None,
) -> dict[str, float]:
    """Milliseconds of the fastest run of each."""
    timings = take_turns(actions, rounds, clock or own_clock())
    return {name: 1e3 * timing.fastest for name, timing in timings.items()}


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
        "memory bound": memory_pass(a.numel()),
    }
    took = in_turns(ours | peers, rounds=7)
    took["memory bound"] *= MOVED / 3
    slow = in_turns(ours | {"Heinsen, log space": both(heinsen)}, rounds=2)
    targets = {"mambapy's pscan": 1 / 8, "plain loop, a[:, t]": 1 / 15, "memory bound": 2.5}
    what = "scan, forward + backward"
    return [
        *beside_peers(what, took, targets),
        *beside_peers(what, slow, {"Heinsen, log space": 1 / 80}),
    ]


def steps() -> list[Row]:
    """Whole training steps of both models."""
    half = LENGTH // 2
    mambas = {name: training_step(make(), BATCH, half, half) for name, make in MAMBAS.items()}
    targets = {"mambapy, parallel scan": 1 / 5, "textbook loop (mambapy, [:, t])": 1 / 9}
    rows = beside_peers("Mamba step", in_turns(mambas, rounds=7), targets)
    transformers = {
        name: training_step(make(), BATCH, 10, 13) for name, make in TRANSFORMERS.items()
    }
    plain = "nn.Transformer, AdamW not fused"
    model = TRANSFORMERS["nn.Transformer"]()
    transformers[plain] = training_step(model, BATCH, 10, 13, fused=False)
    return rows + beside_peers("transformer step", in_turns(transformers, rounds=15), {plain: 0.8})


def decoding() -> list[Row]:
    """Milliseconds a word, trained models: 2,000 words in batches with the cache, against one by
    one without it.
    """
    words = [pair.source for pair in load_pairs("small")][::3][:2000]
    few = words[::40]
    rows = []
    for name in ("transformer-small", "mamba-small"):
        model = load_checkpoint(name).model
        actions: dict[str, Callable[[], object]] = {
            "batched": partial(greedy_decode, model, words),
            "one by one": partial(_one_by_one, model, few),
        }
        took = in_turns(actions, rounds=3)
        a_word = {
            "batched": took["batched"] / len(words),
            "one by one without cache": took["one by one"] / len(few),
            "4,000 words a second": 0.25,
        }
        targets = {"one by one without cache": 1 / 30, "4,000 words a second": 1.0}
        rows += beside_peers(f"decode, {name}, a word", a_word, targets)
    return rows


def _one_by_one(model: Seq2Seq, words: list[str]) -> list[list[str]]:
    return [greedy_decode(model, [word], use_cache=False) for word in words]


def start_up() -> list[Row]:
    """A fresh Python with `import nmt` against one with `import torch`."""

    def fresh(code: str) -> Callable[[], object]:
        return lambda: subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)

    actions = {code: fresh(code) for code in ("import nmt", "import torch")}
    took = in_turns(actions, rounds=3, clock=time.perf_counter)
    return beside_peers("import nmt, new process", took, {})


def memory() -> list[Row]:
    """Peak memory of a Mamba training step above that of the imports, in processes of their own."""
    if not PROCESS.exists():
        print("  peak memory is read from /proc, which this system lacks: not measured")
        return []
    peaks = {}
    for name in MAMBAS:
        command = [sys.executable, __file__, "--peak", name]
        peaks[name] = float(subprocess.run(command, capture_output=True, check=True).stdout)
    targets = {"mambapy, parallel scan": 0.3}
    return beside_peers("Mamba step, peak memory", peaks, targets, unit="MiB")


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
    (kib,) = re.findall(r"VmHWM:\s*(\d+) kB", PROCESS.read_text(encoding="utf-8"))
    return int(kib) / 1024


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
    groups, rows = [scans, steps, decoding, start_up, memory], []
    for threads in arguments.threads:
        torch.set_num_threads(threads)
        print(f"threads: {threads}; fastest of several runs in turns", flush=True)
        for group in groups:
            for row in group():
                print(row.line(), flush=True)
                rows.append({**row._asdict(), "ratio": row.ratio, "threads": threads})
        groups = groups[:3]  # the others are processes of their own
    record: dict[str, Any] = {"command": "python tests/benchmarks/speed.py", "machine": machine()}
    write_json(RECORD, rounded({**record, "rows": rows}))


if __name__ == "__main__":
    main()
