"""One switch for the memory allocator: keep freed memory for reuse, without asking the kernel.

By default glibc hands every freed block larger than 128 KiB back to the kernel. The next tensor of
the same size is then made of fresh pages, and each page costs a fault on its first write. On a CPU
that can take longer than the arithmetic.
"""

from __future__ import annotations

import ctypes
import platform

_M_TRIM_THRESHOLD = -1  # names and numbers from glibc's malloc.h
_M_MMAP_MAX = -4


def keep_freed_memory() -> bool:
    """Tell glibc to keep freed memory for this process, and say whether it agreed.

    The effect equals starting Python with `MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=2147483647`.
    Large blocks then come from the heap instead of a mapping of their own, and the heap is never
    trimmed. The price is that the process keeps its peak memory until it ends. Calling it twice
    does no harm.

    Returns True on Linux with glibc; False, with nothing changed, everywhere else. Raises nothing.

    Source: GNU C Library manual, section "Malloc Tunable Parameters"; mallopt(3).
    """
    if platform.system() != "Linux" or platform.libc_ver()[0] != "glibc":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_M_MMAP_MAX, 0)) and bool(mallopt(_M_TRIM_THRESHOLD, 2**31 - 1))
