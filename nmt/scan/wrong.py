"""A scan with a mistake in it, kept to show what the mistake does. Nothing uses it unless it is asked for by its name."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from nmt.scan.sequential import fast


def factors_taken_for_logarithms(
    a: Float[Tensor, "b l *rest"], b: Float[Tensor, "b l *rest"], initial_state: Float[Tensor, "b *rest"] | None = None
) -> Float[Tensor, "b l *rest"]:
    """h_t = exp(a_t) ∘ h_{t−1} + b_t: what a scan in log space computes when it is given the decays a_t where it expects log a_t.

    Decays between 0 and 1 become factors between 1 and e: nothing is forgotten any more, and the oldest input weighs most.
    Computed without logarithms, so that the mistake stands alone, without their rounding errors.
    """
    return fast(a.exp(), b, initial_state)


WRONG = {"wrong-factors-as-logs": factors_taken_for_logarithms}
