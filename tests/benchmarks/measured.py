"""What both benchmarks do with seconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch


def own_clock() -> Callable[[], float]:
    """With one thread a clock of this program's work alone, which is deaf to other programs."""
    return time.process_time if torch.get_num_threads() == 1 else time.perf_counter


def rounded(value: Any) -> Any:
    """Plain data with four significant digits: more would pretend that times repeat."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {key: rounded(entry) for key, entry in value.items()}
    return [rounded(entry) for entry in value] if isinstance(value, list | tuple) else value
