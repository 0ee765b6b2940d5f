"""What all tests share: shapes and types of `nmt` and `course` are checked at every call, and torch
computes with one thread.

The hook must be in place before anything of them is imported, so it stands at the top of the first
file that pytest reads.
"""

import os
import sys

# Two spinning threads on a busy two-core machine are slower than one.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# nbformat asks jsonschema in, and that this package, which compiles grammars for three seconds to
# judge addresses that no notebook has. Where it is missing, jsonschema does without.
sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]

import jaxtyping  # noqa: E402
import typechecker  # noqa: E402

jaxtyping.jaxtyped = typechecker.jaxtyped
jaxtyping.install_import_hook(["nmt", "course"], "typechecker.check")

import torch  # noqa: E402
from hypothesis import settings  # noqa: E402

torch.set_num_threads(1)

# A first call compiles and imports, and other work shares the machine: time says nothing here about
# the code.
settings.register_profile("course", deadline=None, max_examples=40)
settings.load_profile("course")
