"""An exercise as data: what is asked, on which inputs it is tried, the right answer, and the wrong
ones that people give.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

# Where the exercises live: the first part of a name is a file of this package, and belongs to one
# notebook.
CHAPTERS = {
    "data": "01_data",
    "attention": "02_attention",
    "transformer": "03_transformer",
    "discretization": "04_discretization",
    "scans": "05_scans",
    "mamba": "06_mamba",
    "interpretability": "07_interpretability",
}


@dataclass(frozen=True)
class Case:
    """One input: the arguments of the answer, in order, and a few words that tell it from the
    others.
    """

    label: str
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class Mutant:
    """A common mistake that runs: its name, the question that leads on from it, and the wrong
    function itself.
    """

    name: str
    question: str
    function: Callable[..., Any]


def _call(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    return function(*arguments)


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    Args:
        name: chapter and short name, such as "attention.causal-mask".
        minutes: how long it takes, roughly.
        difficulty: 1 to 3, shown as ●○○ to ●●●.
        reference: the right answer, made of nmt's own functions, with the arguments of the stub.
        solution: the functions or classes of nmt whose source `show_solution` shows.
        cases: makes the inputs, the same ones at each call, of several shapes.
        notice: one thing to notice once the answer is right.
        parts: the names of what the answer returns, for messages.
        observe: how an answer is tried, `observe(function, arguments)`; what it returns is
            compared. The default calls it.
        trains: whether gradients must pass, because the answer is a part of a model that is
            trained.
    """

    name: str
    minutes: int
    difficulty: int
    reference: Callable[..., Any]
    solution: Sequence[Any]
    cases: Callable[[], list[Case]]
    notice: str
    parts: tuple[str, ...] = ()
    observe: Callable[[Callable[..., Any], tuple[Any, ...]], Any] = _call
    trains: bool = False
    mutants: dict[str, Mutant] = field(default_factory=dict)

    @property
    def notebook(self) -> str:
        """The notebook that it stands in."""
        return CHAPTERS[self.name.partition(".")[0]]

    @property
    def dots(self) -> str:
        """The difficulty as three dots."""
        return "●" * self.difficulty + "○" * (3 - self.difficulty)

    def mutant(
        self, name: str, question: str
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Add the decorated function as a common mistake."""
        if name in self.mutants:
            raise ValueError(f"{self.name} has two mistakes named {name!r}")

        def add(function: Callable[..., Any]) -> Callable[..., Any]:
            self.mutants[name] = Mutant(name, question, function)
            return function

        return add


class Draw:
    """Random numbers that are the same on every machine and in every run, and leave torch's own
    generator alone.

    Drawn in float64 and rounded to the default kind of number, so that an answer which makes a
    tensor of its own can add it.
    """

    def __init__(self, seed: int) -> None:
        self._generator = torch.Generator().manual_seed(seed)

    def normal(self, *shape: int) -> Tensor:
        """Standard normal numbers."""
        return torch.randn(shape, dtype=torch.float64, generator=self._generator).to(
            torch.get_default_dtype()
        )

    def uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        """Even numbers between `low` and `high`."""
        numbers = torch.rand(shape, dtype=torch.float64, generator=self._generator)
        return (low + (high - low) * numbers).to(torch.get_default_dtype())

    def integers(self, below: int, *shape: int) -> Tensor:
        """Whole numbers from 0 to `below` − 1."""
        return torch.randint(0, below, shape, generator=self._generator)


def seeded(make: Callable[[], Any], seed: int = 0) -> Any:
    """What `make` returns with torch's generator at `seed`; the generator is left as it was. For
    modules with random weights.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()
