"""Exercises that forbid something: how often torch is called, and by which names."""

from collections.abc import Callable
from typing import Any

from torch.overrides import TorchFunctionMode

Observe = Callable[[Callable[..., Any], tuple[Any, ...]], Any]


class _Calls(TorchFunctionMode):
    """Counts calls of torch, and notes their names."""

    def __init__(self) -> None:
        super().__init__()
        self.count, self.names = 0, set[str]()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += 1
        self.names.add(getattr(func, "__name__", ""))
        return func(*args, **(kwargs or {}))


def without_a_loop(least: int, *forbidden: str) -> Observe:
    """An `observe` that says beside the result how torch was asked: once and for all, for each
    step anew, or by a forbidden name.

    Args:
        least: steps are counted along axis 1 of the first argument, where there are as many.
        forbidden: the beginnings of names of torch that would be the whole answer.
    """

    def observe(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        steps = arguments[0].shape[1]
        with _Calls() as calls:
            result = function(*arguments)
        if result is None:
            return None
        named = [name for name in sorted(calls.names) if forbidden and name.startswith(forbidden)]
        loop = steps >= least and calls.count >= steps
        return result, named[0] if named else "a call for each step" if loop else "a few calls"

    return observe
