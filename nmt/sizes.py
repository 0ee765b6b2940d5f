"""Sizes in a config: at least 1, and not so large that a slip of the finger fills the memory."""

from collections.abc import Mapping
from typing import Any


def check_sizes(config: Any, largest: Mapping[str, int]) -> None:
    """Check that each named size n of `config` has 1 ≤ n ≤ its entry in `largest`.

    Raises:
        ValueError: naming the first size that is out of range, and the range.
    """
    for name, most in largest.items():
        value = getattr(config, name)
        if not 1 <= value <= most:
            bound = f"at least 1, not {value}" if value < 1 else f"at most {most:,} in this course, not {value:,}"
            raise ValueError(f"{name} must be {bound}")
