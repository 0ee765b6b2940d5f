"""An exercise as data: what is asked, on which inputs it is tried, the right answer, and the wrong
ones that people give.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from textwrap import dedent
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

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
    "report": "09_lab_report",
}

Slips = frozenset[str]  # by their names
Inputs = Iterable[tuple[str, tuple[Any, ...]]]  # each with a few words that tell it from the others
Observe = Callable[[Callable[..., Any], tuple[Any, ...]], Any]
Shows = Callable[[tuple[Any, ...], Any, Any], bool]


@dataclass(frozen=True)
class Case:
    """One input: a few words that tell it from the others, and the answer's arguments, in order."""

    label: str
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class Mistake:
    """A row of an exercise's table of common mistakes.

    Args:
        name: what a verdict calls it.
        question: a question that leads on from it.
        ways: the sets of slips that make it, any one of them; see `Exercise.slipped`.
        shows: a property instead: does a wrong result show this mistake? It gets the arguments of
            an input, the right result and the wrong one.
    """

    name: str
    question: str
    ways: tuple[Slips, ...] = ()
    shows: Shows | None = None


def table(text: str, **shows: Shows) -> tuple[Mistake, ...]:
    """A table of mistakes, written as

        slips: the mistake's name
            The question that leads on, over as many lines as it takes.

    Slips that belong together are joined by "+", ways to make the same mistake by a blank. In the
    place of slips may stand the name of a property, which is one of `shows`.
    """
    rows: list[list[str]] = []
    for line in dedent(text).strip().splitlines():
        if line.startswith(" "):
            rows[-1][2] = f"{rows[-1][2]} {line.strip()}".strip()
        elif line:
            rows.append([*line.split(": ", 1), ""])
    return tuple(
        Mistake(name, question, shows=shows[slips])
        if slips in shows
        else Mistake(name, question, tuple(frozenset(way.split("+")) for way in slips.split()))
        for slips, name, question in rows
    )


def _call(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    return function(*arguments)


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    Args:
        name: chapter and short name, such as "attention.causal-mask".
        minutes: how long it takes, roughly.
        difficulty: 1 to 3, shown as ●○○ to ●●●.
        answer: a short right answer with the arguments of the stub; what others are held against,
            and what `show_solution` shows.
        course: the functions or classes of nmt that do the same.
        inputs: makes the inputs, the same ones at each call: first the smallest, which a pencil can
            follow, then others of several shapes.
        notice: one thing to notice once the answer is right; how it is broken into lines does not
            matter.
        slipped: the answer with slips in it, `slipped(slips, *arguments)`; without any it is right.
        mistakes: the table of common mistakes, each made of slips or known by a property.
        parts: the names of what the answer returns, for messages.
        observe: how an answer is tried, `observe(function, arguments)`; what it returns is
            compared. The default calls it.
        trains: whether gradients must pass, because the answer is a part of a model that is
            trained.
        later: the question where an input is the first to fail, and no mistake is known; like
            `notice`.
        broken: where a bug is to be found: the slips of the code that stands in the stub.
        stub: that code's text.
    """

    name: str
    minutes: int
    difficulty: int
    answer: Callable[..., Any]
    course: Sequence[Any]
    inputs: Callable[[], Inputs]
    notice: str
    slipped: Callable[..., Any]
    mistakes: tuple[Mistake, ...]
    parts: tuple[str, ...] = ()
    observe: Observe = _call
    trains: bool = False
    later: str = """The smaller inputs are right. What is new in this one: a mask, a batch, another
        length, unequal sizes?"""
    broken: Slips = frozenset()
    stub: str = ""

    def __post_init__(self) -> None:
        for name in ("notice", "later"):
            object.__setattr__(self, name, " ".join(getattr(self, name).split()))

    def cases(self) -> list[Case]:
        """All inputs."""
        return [Case(*each) for each in self.inputs()]

    @property
    def notebook(self) -> str:
        """The notebook that it stands in."""
        return CHAPTERS[self.name.partition(".")[0]]

    @property
    def dots(self) -> str:
        """The difficulty as three dots."""
        return "●" * self.difficulty + "○" * (3 - self.difficulty)

    def with_slips(self, slips: Slips) -> Callable[..., Any]:
        """The answer as somebody writes it who makes these slips."""
        return partial(self.slipped, slips)


class Unfit(Exception):
    """A result that cannot be looked at; raised by `observe` with what is expected and what came,
    both in words.
    """


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
    """What `make` returns with torch's generator at `seed`; the generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        # Not torch.manual_seed: for devices that nobody uses it writes down the whole call stack.
        torch.default_generator.manual_seed(seed)
        return make()


def shaken(make: Callable[[], Any], seed: int, by: float, **named: float) -> Any:
    """A module in evaluation mode whose numbers are all random, those of norms and biases too, so
    that no two parts are alike by accident. `named` parameters are moved by another amount.
    """

    def made() -> Any:
        module = make().eval()
        with torch.no_grad():
            for name, own in module.named_parameters():
                own.add_(named.get(name.rpartition(".")[2], by) * torch.randn_like(own))
        return module

    return seeded(made, seed)


def tensors(*rows: Any) -> tuple[Tensor, ...]:
    """Numbers in lists as tensors of the default kind of number."""
    return tuple(torch.tensor(each, dtype=torch.get_default_dtype()) for each in rows)


def pick(slips: Slips, right: Any, **wrong: Any) -> Any:
    """`right`, or what stands under the first slip that is made."""
    return next((value for name, value in wrong.items() if name in slips), right)


class Parts:
    """Some parts of a module, to be called one by one; the module as a whole can't be called."""

    def __init__(self, module: Any, names: Sequence[str]) -> None:
        for name in names:
            setattr(self, name, getattr(module, name))

    def __call__(self, *_: Any, **__: Any) -> Any:
        raise TypeError("parts as a whole is what you are writing; call its parts one by one")


def in_parts(*names: str) -> Observe:
    """An `observe` that hands on a module, the last argument, as its parts of these names."""

    def observe(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        return function(*arguments[:-1], Parts(arguments[-1], names))

    return observe


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
