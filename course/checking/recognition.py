"""Which known mistakes does an answer make? It is held against the right answer with slips in it:
each known mistake alone, then any two together, on the inputs where the answer fails.

A mistake need not agree with the answer everywhere: what counts is where the answer fails. It is
called by its name only where that is no accident: on all inputs, or on all that fail if their
results are rich enough that two different mistakes would hardly agree in them.
"""

import ast
import copy
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from textwrap import dedent
from typing import Any

import torch
from torch import Tensor

from course.checking.compare import Difference, first_difference
from course.checking.exercise import Case, Exercise, Mistake, seeded
from course.checking.running import Outcome, text_of

RICH = 4  # real numbers that agree by accident hardly ever


@dataclass(frozen=True)
class Tried:
    """An input, the right result, and what came of the answer."""

    case: Case
    right: Any
    outcome: Outcome
    difference: Difference | None

    @property
    def wrong(self) -> bool:
        """Did the answer fail here?"""
        return self.outcome.error is not None or self.difference is not None


@dataclass(frozen=True)
class Recognised:
    """One mistake, two at once, or none; or one that some inputs point to."""

    mistakes: tuple[Mistake, ...] = ()
    suspect: Mistake | None = None

    @property
    def names(self) -> list[str]:
        """The names of the mistakes."""
        return [each.name for each in self.mistakes]


@dataclass
class _Replay:
    """The right answer with slips in it, on the inputs that were tried."""

    exercise: Exercise
    tried: Sequence[Tried]
    known: dict[tuple[frozenset[str], int], Outcome] = field(default_factory=dict)

    def agrees(self, slips: frozenset[str], place: int) -> bool:
        """Does the answer give here what these slips give?"""
        if (slips, place) not in self.known:
            arguments = copy.deepcopy(self.tried[place].case.arguments)
            observe, with_slips = self.exercise.observe, self.exercise.with_slips
            try:
                outcome = Outcome(seeded(lambda: observe(with_slips(slips), arguments)))
            except Exception as error:  # an answer that raises the same makes the same mistake
                outcome = Outcome(error=error)
            self.known[slips, place] = outcome
        mine, theirs = self.known[slips, place], self.tried[place].outcome
        if mine.error is not None or theirs.error is not None:
            errors = mine.error, theirs.error
            told = [each and (type(each), text_of(each)) for each in errors]
            singular = all(isinstance(each, torch.linalg.LinAlgError) for each in errors)
            return singular or told[0] == told[1]  # inv and solve say it in other words
        return first_difference(mine.value, theirs.value) is None


def recognise(exercise: Exercise, tried: Sequence[Tried]) -> Recognised:
    """The known mistakes that explain the answer's wrong results."""
    replay = _Replay(exercise, tried)
    failed = [place for place, each in enumerate(tried) if each.wrong]
    several = len(failed) > 2 and not all(isinstance(each.right, bool) for each in tried)
    rich = several or all(_rich(tried[place].right) for place in failed)
    ways = [(each, way) for each in exercise.mistakes for way in each.ways]
    explain = [one for one in ways if all(replay.agrees(one[1], place) for place in failed)]
    passed = [place for place in range(len(tried)) if place not in failed]
    for mistake, way in explain:
        if all(replay.agrees(way, place) for place in passed):
            return Recognised((mistake,))
    for mistake in exercise.mistakes:
        if mistake.shows and all(_shows(mistake, tried[place]) for place in failed):
            return Recognised((mistake,))
    if explain and rich:
        near = max(explain, key=lambda each: sum(replay.agrees(each[1], place) for place in passed))
        return Recognised((near[0],))
    for (one, way), (other, more) in combinations(ways, 2):
        places = failed if rich else [*failed, *passed]
        if one is not other and all(replay.agrees(way | more, place) for place in places):
            return Recognised((one, other))
    for mistake, way in ways:
        if any(replay.agrees(way, place) and _rich(tried[place].right) for place in failed):
            return Recognised(suspect=mistake)
    return Recognised()


def untouched(exercise: Exercise, tried: Sequence[Tried]) -> bool:
    """Does the answer still do what the broken code does, on all inputs?"""
    replay = _Replay(exercise, tried)
    places = range(len(tried) if exercise.broken else 0)
    return bool(places) and all(replay.agrees(exercise.broken, place) for place in places)


def rewritten(exercise: Exercise, answer: Callable[..., Any] | str) -> bool:
    """Is an answer's code, or its text, other than the broken code of the stub, comments and
    docstring aside? No, where the code cannot be read.
    """
    if not exercise.stub:
        return False
    try:
        mine, found = (statements(each) for each in (answer, exercise.stub))
    except (OSError, TypeError, SyntaxError, ValueError):
        return False
    return bool(mine) and mine != found


def statements(function: Callable[..., Any] | str) -> list[str]:
    """What a function does, statement by statement; nothing for what was not made by a `def`."""
    text = function if isinstance(function, str) else inspect.getsource(function)
    tree = ast.parse(dedent(text)).body[0]
    if not isinstance(tree, ast.FunctionDef):
        return []
    return [ast.dump(each) for each in tree.body[ast.get_docstring(tree) is not None :]]


def _shows(mistake: Mistake, tried: Tried) -> bool:
    if mistake.shows is None or tried.outcome.error is not None:
        return False
    try:
        return bool(mistake.shows(tried.case.arguments, tried.right, tried.outcome.value))
    except Exception:  # a result of another form shows nothing
        return False


def _rich(right: Any) -> bool:
    """Does a result hold so much that nothing agrees with it by accident?"""
    if isinstance(right, Tensor):
        return right.is_floating_point() and right.numel() >= RICH
    if isinstance(right, (tuple, list)):
        return any(map(_rich, right)) or sum(isinstance(each, float) for each in right) > 1
    return False
