"""What all tests share: shapes and types of `nmt` and `course` are checked at every call, and torch
computes with one thread.

The hook must be in place before anything of them is imported, so it stands at the top of the first
file that pytest reads.
"""

import os

# Two spinning threads on a busy two-core machine are slower than one.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from jaxtyping import install_import_hook

install_import_hook(["nmt", "course"], "typechecker.check")

import torch  # noqa: E402
from hypothesis import settings  # noqa: E402

torch.set_num_threads(1)

# A first call compiles and imports, and other work shares the machine: time says nothing here about
# the code.
settings.register_profile("course", deadline=None)
settings.load_profile("course")
