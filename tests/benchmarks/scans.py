"""Measure what notebook 05 shows and takes too long for a notebook: writes
assets/results/scans.json.

python tests/benchmarks/scans.py                   everything, 20 to 60 minutes
python tests/benchmarks/scans.py --only errors     only errors, times, widths, compiled or gpu

The part "gpu" needs a CUDA device, and is left out where there is none.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch._inductor.config
from measured import own_clock, rounded

from course.lab.scan_trials import (
    EPSILON,
    RECORD,
    Inputs,
    gate_inputs,
    largest_difference,
    mamba_inputs,
    measure_errors,
    student_inputs,
    time_scans,
)
from course.lab.speedrun import machine
from nmt.allocator import keep_freed_memory
from nmt.files import write_json
from nmt.parallel_scan import blelloch, heinsen, hillis_steele, prefix_scan
from nmt.scan import METHODS, Scan, fast, sequential

COMMAND = "python tests/benchmarks/scans.py"
LENGTHS = (8, 16, 40, 100, 250, 1000, 4000, 10_000)
ON_CARD = (  # length, numbers that one step works on
    *((1000, numbers) for numbers in (16, 256, 2048, 8192, 65_536)),
    *((100, 16), (4000, 2048), (16, 262_144), (40, 262_144), (100, 262_144)),
)
QUICK = ("fast", "chunked", "hillis_steele", "sklansky", "blelloch", "heinsen")
CROSSING_LENGTH, CROSSING_CHANNELS = 1000, (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
# How many numbers one step of the recurrence works on: one channel; one sequence in a Mamba layer;
# a whole training batch of 128.
WIDTHS = {"narrow": (1, 1), "layer": (1, 128), "training": (128, 128)}  # batch, channels
STATES = 16
LARGEST = 32_000_000  # numbers in a, and so in b
LONG_LOGARITHMS = 4_000_000
INDEXED = 3_000_000_000  # numbers that the backward pass of a[:, t] writes
WITHOUT_CLAMP = partial(heinsen, log_zero=-80.0)


def feasible(method: str, length: int, numbers: int) -> bool:
    """Leave out what would take minutes: the logarithms of many numbers, and the square of a long
    length.
    """
    if method in ("heinsen", "log_pairs"):
        return length * numbers <= LONG_LOGARITHMS
    if method == "sequential_indexed":
        return length * length * numbers <= INDEXED
    return length * numbers <= LARGEST


def measure_times(threads: int) -> list[dict[str, Any]]:
    """Seconds of all methods for all lengths and widths."""
    torch.set_num_threads(threads)
    rows = []
    for name, (batch, channels) in WIDTHS.items():
        numbers = batch * channels * STATES
        for length in LENGTHS if name != "training" else [n for n in LENGTHS if n <= 40]:
            scans = {key: scan for key, scan in METHODS.items() if feasible(key, length, numbers)}
            inputs = mamba_inputs(length, batch, channels)
            rows += _timed(scans, inputs, width=name, threads=threads)
            print(f"times, {threads} thread(s), {name}, length {length}: done", flush=True)
    return rows


def measure_widths() -> list[dict[str, Any]]:
    """Seconds of the quick methods at one length, for recurrences of few and of many numbers a
    step.
    """
    torch.set_num_threads(1)
    scans = {method: METHODS[method] for method in ("fast", "chunked", "sklansky", "blelloch")}
    return [
        row
        for channels in CROSSING_CHANNELS
        for row in _timed(scans, mamba_inputs(CROSSING_LENGTH, 1, channels), threads=1)
    ]


def measure_on_card(note: str) -> dict[str, Any]:
    """Seconds on a CUDA device, and which one it is; `note` tells what else it did meanwhile."""
    scans = {method: METHODS[method] for method in QUICK}
    rows = []
    for length, numbers in ON_CARD:
        inputs = mamba_inputs(length, 1, numbers // STATES)
        rows += _timed(scans, Inputs(*(tensor.cuda() for tensor in inputs)))
        print(f"gpu, length {length}, {numbers} numbers: done", flush=True)
    device, version = torch.cuda.get_device_name(), str(torch.__version__)
    return {"device": device, "torch": version, "note": note, "times": rows}


def _card_clock() -> float:
    """Seconds, read when the card has done all that it was told."""
    torch.cuda.synchronize()
    return time.perf_counter()


def _timed(scans: dict[str, Scan], inputs: Inputs, **where: Any) -> list[dict[str, Any]]:
    clock = _card_clock if inputs.a.is_cuda else own_clock()
    rounds = 15 if inputs.a.numel() < 6_000_000 else 7
    place = {**where, "length": inputs.a.shape[1], "numbers": inputs.a[:, 0].numel()}
    return [
        {"method": method, **place, **{part: timing._asdict() for part, timing in parts.items()}}
        for method, parts in time_scans(scans, inputs, rounds, clock).items()
    ]


def measure_compiled(lengths: tuple[int, ...] = (2, 8, 32, 128)) -> list[dict[str, Any]]:
    """The same with `torch.compile`, and how long compiling took. Autograd sees into all but
    `fast`, which has a backward of its own and stays as it is: its `out=` breaks the graph.
    """
    torch.set_num_threads(1)
    torch._inductor.config.force_disable_caches = True  # a second run must compile as the first did
    functions: dict[str, Scan] = {
        "sequential": sequential,
        "fast": fast,
        "heinsen": heinsen,
        "hillis_steele": prefix_scan(hillis_steele),
        "blelloch": prefix_scan(blelloch),
    }
    rows = []
    torch.compile(sequential)(*mamba_inputs(2))  # the compiler's own start counts for nobody
    for length in lengths:
        inputs = mamba_inputs(length, batch=16, channels=64)
        for method, function in functions.items():
            torch._dynamo.reset()
            started = time.perf_counter()
            compiled = torch.compile(function, dynamic=False)
            a, b = (tensor.clone().requires_grad_() for tensor in inputs)
            compiled(a, b, None).sum().backward()
            with torch.no_grad():
                compiled(a, b, None)
            compile_seconds = time.perf_counter() - started
            forms = _timed({"plain": function, "compiled": compiled}, inputs)
            timed = {row.pop("method"): row for row in forms}
            row = {"method": method, "length": length, "compile_seconds": compile_seconds}
            rows.append({**row, **timed})
            print(f"compiled, {method}, length {length}: done", flush=True)
    return rows


def measure_all_errors() -> dict[str, list[dict[str, Any]]]:
    """Errors against length and against the spread of the logits, the two errors of the log-space
    form each by itself.
    """
    torch.set_num_threads(1)
    lengths, spreads = [16, 40, *(2**n for n in range(6, 13))], (0.1, 0.3, 1, 3, 10, 30)
    return {
        "by_length": [_errors(mamba_inputs(length), length=length) for length in lengths],
        "by_spread": [_errors(gate_inputs(256, spread), spread=spread) for spread in spreads],
        "student": [_student_errors(2**n) for n in range(1, 8)],
    }


def _student_errors(length: int) -> dict[str, Any]:
    """As the assignment compared."""
    worst = partial(largest_difference, inputs=student_inputs(length))
    return {
        "length": length,
        "heinsen": worst("heinsen"),
        "cancellation": worst(WITHOUT_CLAMP),
        "clamp": worst("heinsen", dtype=torch.float64),
        "log_pairs": worst("log_pairs"),
    }


def _errors(inputs: Inputs, **where: float) -> dict[str, Any]:
    row: dict[str, Any] = {**where, "predicted": EPSILON * inputs.log_decay_sum()}
    for method in ("sequential", "fast", "sklansky", "log_pairs", "heinsen"):
        row[method] = measure_errors(method, inputs)._asdict()
    row["cancellation"] = measure_errors(WITHOUT_CLAMP, inputs)._asdict()
    row["clamp"] = measure_errors("heinsen", inputs, torch.float64)._asdict()
    print(f"errors, {where}: done", flush=True)
    return row


def main() -> None:
    """Measure the parts asked for, and write the record after each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=("errors", "times", "widths", "compiled", "gpu"))
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--note", default="", help="what else a CUDA device does meanwhile")
    arguments = parser.parse_args()
    card = torch.cuda.is_available()
    if arguments.only == "gpu" and not card:
        parser.error("there is no CUDA device")
    keep_freed_memory()
    record = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    parts: dict[str, Callable[[], Any]] = {
        "errors": measure_all_errors,
        "times": lambda: [row for threads in arguments.threads for row in measure_times(threads)],
        "widths": measure_widths,
        "compiled": measure_compiled,
    }
    if card:
        parts["gpu"] = partial(measure_on_card, arguments.note)
    for name, measure in parts.items():
        if arguments.only in (None, name):
            here = {} if name == "gpu" else {"machine": machine()}
            record = {"command": COMMAND, **record, **here, name: measure()}
            write_json(RECORD, rounded(record))


if __name__ == "__main__":
    main()
