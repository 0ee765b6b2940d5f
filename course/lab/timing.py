"""Fair stopwatches: whatever is compared takes turns, so that a slow moment of the machine hits all
alike.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import NamedTuple

import torch


class Timing(NamedTuple):
    """Seconds of several runs: the one in the middle, which a busy machine inflates, and the
    fastest, which it hardly does.
    """

    median: float
    fastest: float


def take_turns(
    actions: Mapping[str, Callable[[], object]],
    rounds: int = 7,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Timing]:
    """Run every action once to warm up, then `rounds` times in turn, and report each one's seconds.
    Python's garbage waits meanwhile.

    Ratios between actions that took turns can be trusted further than the seconds themselves. With
    one thread on a busy machine, `clock=time.process_time` counts the seconds that the processor
    really worked on this program.
    """
    for action in actions.values():
        action()
    seconds: dict[str, list[float]] = {name: [] for name in actions}
    collecting = gc.isenabled()
    gc.disable()  # it would fall due in the middle of one action, for objects that others have made
    try:
        for _ in range(rounds):
            for name, action in actions.items():
                started = clock()
                action()
                seconds[name].append(clock() - started)
    finally:
        if collecting:
            gc.enable()
    return {name: Timing(median(runs), min(runs)) for name, runs in seconds.items()}


def memory_pass(numbers: int) -> Callable[[], object]:
    """An action that moves three tensors of `numbers` float32 through memory and computes almost
    nothing: out = a + b.

    Its time is a bound: whoever must read and write so many numbers that do not fit into the caches
    cannot be faster.
    """
    a, b, out = (torch.ones(numbers) for _ in range(3))
    return lambda: torch.add(a, b, out=out)
