"""The linear recurrence h_t = a_t ∘ h_{t−1} + b_t, computed in nine ways that all mean the same.

    method              how                                              decays it takes
    sequential          the definition: a loop over time                 any
    sequential_indexed  the same loop, written a[:, t]                   any
    fast                one loop into one buffer, backward by hand       any
    chunked             ⌈√L⌉ chunks side by side, then across            any whose products stay finite
    hillis_steele       a tree of doubling steps                         any whose products stay finite
    sklansky            a tree of halves                                 any whose products stay finite
    blelloch            up-sweep and down-sweep                          any whose products stay finite
    heinsen             two cumulative sums of logarithms                any but 0
    log_pairs           a tree of pairs of logarithms                    0 or more

Training uses `fast`, or `nmt.selective_scan` where the outputs alone are wanted. The others are there to be understood,
and what `WRONG` holds is none of them.
"""

from __future__ import annotations

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor

from nmt.scan.adjoint import with_scan_as_backward
from nmt.scan.log_space import heinsen, log_pairs
from nmt.scan.prefix import Cost, Join, affine, blelloch, chunked, count_cost, hillis_steele, one_by_one, prefix_scan, sklansky, watch
from nmt.scan.sequential import fast, sequential, sequential_indexed
from nmt.scan.wrong import WRONG

Scan = Callable[[Tensor, Tensor, Tensor | None], Tensor]

METHODS: dict[str, Scan] = {
    "sequential": sequential,
    "sequential_indexed": sequential_indexed,
    "fast": fast,
    "chunked": with_scan_as_backward(prefix_scan(chunked)),
    "hillis_steele": with_scan_as_backward(prefix_scan(hillis_steele)),
    "sklansky": with_scan_as_backward(prefix_scan(sklansky)),
    "blelloch": with_scan_as_backward(prefix_scan(blelloch)),
    "heinsen": heinsen,
    "log_pairs": with_scan_as_backward(log_pairs),
}

__all__ = [
    "METHODS",
    "WRONG",
    "Cost",
    "Join",
    "affine",
    "blelloch",
    "chunked",
    "count_cost",
    "fast",
    "heinsen",
    "hillis_steele",
    "log_pairs",
    "one_by_one",
    "prefix_scan",
    "scan",
    "sequential",
    "sequential_indexed",
    "sklansky",
    "watch",
    "with_scan_as_backward",
]


def scan(
    a: Float[Tensor, "b l *rest"],
    b: Float[Tensor, "b l *rest"],
    initial_state: Float[Tensor, "b *rest"] | None = None,
    method: str = "fast",
) -> Float[Tensor, "b l *rest"]:
    """All states of the recurrence h_t = a_t ∘ h_{t−1} + b_t, t = 1 … l, where ∘ multiplies entry by entry.

    `a` are the decays and `b` the inputs, with time in dimension 1 and any dimensions after it; `initial_state` is h_0, zero
    without it; `method` is a key of `METHODS`. Returns h_1 … h_l, shaped like `b`. Differentiable once in all three tensors.

    Raises ValueError for an unknown method, for shapes or kinds of number that do not fit together, for an empty sequence,
    and for decays that the method cannot take (see the table above).
    """
    if method not in METHODS:
        raise ValueError(f"unknown scan method {method!r}; choose one of {', '.join(METHODS)}")
    if a.shape != b.shape or a.ndim < 2:
        raise ValueError(f"a and b must both be (batch, length, …), not {tuple(a.shape)} and {tuple(b.shape)}")
    if a.shape[1] == 0:
        raise ValueError("the sequence is empty; a scan needs at least one position")
    state_shape = (a.shape[0], *a.shape[2:])
    if initial_state is not None and initial_state.shape != state_shape:
        raise ValueError(f"initial_state must have shape {state_shape}, that of one position, not {tuple(initial_state.shape)}")
    kinds = {tensor.dtype for tensor in (a, b, initial_state) if tensor is not None}
    if len(kinds) > 1 or not a.is_floating_point():
        raise ValueError(f"a, b and initial_state must hold the same kind of real number, not {', '.join(sorted(map(str, kinds)))}")
    return METHODS[method](a, b, initial_state)
