"""Try an answer on an exercise's inputs, find where it goes astray, and which of the known mistakes
it is.
"""

from __future__ import annotations

import copy
import dis
import time
from collections.abc import Callable, Sequence
from types import CodeType
from typing import Any

import torch
from torch import Tensor

from course.checking.compare import Difference, first_difference, shape_clue
from course.checking.exercise import Exercise, Mutant
from course.checking.running import Outcome, run
from course.checking.verdict import Verdict

SECONDS = 10.0  # for all inputs of a check together
_QUIET = {
    "RESUME",
    "NOP",
    "CACHE",
    "PUSH_NULL",
    "POP_TOP",
    "COPY_FREE_VARS",
    "MAKE_CELL",
    "EXTENDED_ARG",
}
_CLUES = {
    "axes exchanged": (
        "The numbers are right, but their axes are not in the order that is asked for. Which axis"
        " comes first?"
    ),
    "True and False exchanged": (
        "Every entry is the opposite of the right one. What does True mean in a mask of this"
        " course?"
    ),
    "all zero": "Everything is zero. Is a result computed and then not used?",
    "shifted by one": (
        "Your numbers are the right ones, one place late. At which index does your loop or slice"
        " begin?"
    ),
    "the other sign": (
        "Every number has the wrong sign, and the right proportions. Where does a minus belong?"
    ),
}
_KINDS = {
    "nothing": ("nothing returned", "Does every way through your function end in a return?"),
    "type": (
        "another kind of result",
        "What does the first line below the signature say that comes back?",
    ),
    "parts": ("another number of parts", "How many results does the signature promise?"),
    "shape": (
        "wrong shape",
        (
            "Write the shape beside each of your lines: at which one do the axes go another way"
            " than you thought?"
        ),
    ),
    "not boolean": (
        "not boolean",
        "A comparison gives True and False by itself; what turned them into numbers?",
    ),
    "not a number": (
        "not a number",
        "Which operation gives nan: 0/0, ∞ − ∞, or the logarithm or root of a negative number?",
    ),
}


def judge(exercise: Exercise, function: Callable[..., Any], seconds: float = SECONDS) -> Verdict:
    """Try `function` as an answer to `exercise`. Never raises for what the answer does.

    Each input is a fresh copy, so an answer may change it. Gradients are compared too where the
    answer is a part of a model.

    Args:
        exercise: what is asked.
        function: the answer.
        seconds: after which an answer that goes on and on is stopped, for all inputs together.

    Returns:
        A verdict. Its `details` are plain data: for a difference `case`, `where`, `yours`,
        `expected`, `yours_shape`, `expected_shape`, `differing`, `total`; for an error or a timeout
        `error`, `where`, `line`, `source`; where one input alone points to a known mistake, its
        name as `suspect`.

    """
    name = exercise.name
    if not callable(function):
        return Verdict(
            name, "error", f"what is checked must be a function, not a {type(function).__name__}."
        )
    if untouched(function):
        return Verdict(name, "not attempted", "")
    with torch.random.fork_rng(
        devices=[]
    ):  # nothing random in an answer reaches the reader's own cells
        torch.manual_seed(0)
        return verdict_of(exercise, attempts(exercise, function), seconds)


Attempt = Callable[[int | None, float], Outcome]


def attempts(exercise: Exercise, function: Callable[..., Any]) -> Attempt:
    """How an answer is tried: `attempt(place, seconds)` on the input at that place, or, for None,
    its gradients on the first.
    """
    file = getattr(getattr(function, "__code__", None), "co_filename", "")
    cases = exercise.cases()

    def attempt(place: int | None, seconds: float) -> Outcome:
        arguments = _copied(cases[place or 0].arguments)
        if place is None:
            return run(lambda: _gradients(exercise, function, arguments), seconds, file)
        return run(lambda: exercise.observe(function, arguments), seconds, file)

    return attempt


def verdict_of(exercise: Exercise, attempt: Attempt, seconds: float = SECONDS) -> Verdict:
    """The verdict on an answer that is no stub, wherever it runs: `attempt` tries it here, or asks
    another process to.
    """
    cases = exercise.cases()
    expected = [exercise.observe(exercise.reference, _copied(case.arguments)) for case in cases]
    deadline = time.monotonic() + seconds
    outcomes: list[Outcome] = []
    for place in range(len(cases)):
        outcomes.append(attempt(place, max(deadline - time.monotonic(), 0.01)))
        if outcomes[-1].out_of_time:
            return _timeout(exercise, outcomes[-1], seconds)
    failed = [
        place
        for place, (right, got) in enumerate(zip(expected, outcomes))
        if not _agree(right, got, exercise.parts)
    ]
    if failed:
        return _wrong(exercise, expected, outcomes, failed[0])
    if exercise.trains:
        outcome = attempt(None, max(deadline - time.monotonic(), 0.01))
        return (
            _timeout(exercise, outcome, seconds)
            if outcome.out_of_time
            else _with_gradients(exercise, outcome, outcomes[0].printed)
        )
    return Verdict(exercise.name, "correct", exercise.notice, printed=outcomes[0].printed)


def untouched(function: Callable[..., Any]) -> bool:
    """Is the body still only a docstring, `...`, `pass` or `raise NotImplementedError`? Read from
    the compiled code.
    """
    code = getattr(function, "__code__", None)
    if not isinstance(code, CodeType) or set(code.co_names) - {"NotImplementedError"}:
        return False
    steps = [step for step in dis.get_instructions(code) if step.opname not in _QUIET]
    for step, after in zip(steps, [*steps[1:], None]):
        returned = (
            step.opname == "LOAD_CONST" and after is not None and after.opname == "RETURN_VALUE"
        )
        if returned or step.opname == "RETURN_CONST":
            if step.argval is not None:
                return False
        elif step.opname not in {
            "LOAD_CONST",
            "RETURN_VALUE",
            "LOAD_GLOBAL",
            "LOAD_NAME",
            "PRECALL",
            "CALL",
            "RAISE_VARARGS",
        }:
            return False
    return True


def _copied(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    return copy.deepcopy(arguments)


def _agree(right: Any, got: Outcome, parts: Sequence[str]) -> bool:
    return got.error is None and first_difference(right, got.value, parts=parts) is None


def _timeout(exercise: Exercise, outcome: Outcome, seconds: float) -> Verdict:
    place = outcome.place
    line = f" It was at {place.where}: {place.source}" if place else ""
    details = (
        {"error": "OutOfTime", "where": place.where, "line": place.line, "source": place.source}
        if place
        else {"error": "OutOfTime"}
    )
    return Verdict(
        exercise.name,
        "timeout",
        f"After {seconds:g} seconds it was still running, and was stopped; the inputs need far less"
        f" than one.{line}",
        question="What must change on each round of your loop, so that it ends?",
        details=details,
        printed=outcome.printed,
    )


def _wrong(exercise: Exercise, expected: list[Any], outcomes: list[Outcome], first: int) -> Verdict:
    case, outcome = exercise.cases()[first], outcomes[first]
    mutant, certain = recognise(exercise, outcomes, first)
    details: dict[str, Any] = {"case": case.label}
    if mutant and not certain:
        details["suspect"] = mutant.name
    if outcome.error is not None:
        return _raised(
            exercise,
            outcome,
            mutant if certain else None,
            details | {"inputs": _listing(case.arguments)},
            case.arguments,
        )
    found = first_difference(expected[first], outcome.value, parts=exercise.parts)
    assert found is not None
    mistake, question = (
        (mutant.name, mutant.question)
        if mutant and certain
        else _generic(found, expected, outcomes, first)
    )
    message = f"{_capital(found.sentence())} The input: {case.label}{_listing(case.arguments)}."
    if mutant and not certain:
        message += (
            f" Here it is what “{mutant.name}” gives, but not on all inputs, so there may be two"
            " things to repair."
        )
        question = mutant.question if not mistake else question
    details |= {
        "where": found.where,
        "yours": found.yours,
        "expected": found.expected,
        "yours_shape": list(found.yours_shape) if found.yours_shape is not None else None,
        "expected_shape": list(found.expected_shape) if found.expected_shape is not None else None,
        "differing": found.differing,
        "total": found.total,
    }
    return Verdict(
        exercise.name,
        "wrong",
        message,
        mistake,
        question,
        details,
        outcomes[0].printed,
        case.arguments,
    )


def recognise(
    exercise: Exercise, outcomes: Sequence[Outcome], first: int
) -> tuple[Mutant | None, bool]:
    """The known mistake that gives the same on all inputs, and True; or one that does on the first
    that failed, and False.
    """
    suspect: Mutant | None = None
    cases = exercise.cases()
    order = [first, *(place for place in range(len(cases)) if place != first)]
    for mutant in exercise.mutants.values():
        agrees = []
        for place in order:
            arguments = _copied(cases[place].arguments)
            try:
                theirs = Outcome(exercise.observe(mutant.function, arguments))
            except (
                Exception
            ) as error:  # some mistakes raise; an answer that raises the same is the same mistake
                theirs = Outcome(error=error)
            agrees.append(_same(theirs, outcomes[place]))
            if not agrees[-1]:
                break
        if all(agrees):
            return mutant, True
        if agrees[0] and suspect is None and outcomes[first].error is None:
            suspect = mutant
    return suspect, False


def _same(one: Outcome, other: Outcome) -> bool:
    if one.error is not None or other.error is not None:
        return type(one.error) is type(other.error) and str(one.error) == str(other.error)
    return first_difference(one.value, other.value) is None


def _generic(
    found: Difference, expected: list[Any], outcomes: list[Outcome], first: int
) -> tuple[str, str]:
    """What can be said of a mistake that is not on the list."""
    clue = shape_clue(expected[first], outcomes[first].value)
    if clue in _CLUES:
        return clue, _CLUES[clue]
    if clue:
        return (
            clue,
            (
                "Every number is off by the same factor. Where does it come from, or where was it"
                " forgotten?"
            ),
        )
    if found.kind in _KINDS:
        return _KINDS[found.kind]
    values = [outcome.value for outcome in outcomes if outcome.error is None]
    if len(values) > 2 and all(first_difference(values[0], value) is None for value in values[1:]):
        return "the same for every input", "Does your result depend on the arguments at all?"
    return (
        "",
        (
            "Take the smallest input that fails, and follow it on paper: at which of your lines do"
            " the numbers part from yours?"
        ),
    )


def _raised(
    exercise: Exercise,
    outcome: Outcome,
    mutant: Mutant | None,
    details: dict[str, Any],
    inputs: tuple[Any, ...],
) -> Verdict:
    error, place = outcome.error, outcome.place
    said = str(error).strip().splitlines()
    message = f"{type(error).__name__}: {said[0] if said else 'without a message'}"
    if isinstance(error, SystemExit):
        message = "your code asked Python to exit"
    if place is not None:
        message = f"{place.where}: {place.source}\n{message}"
    listing = details.pop("inputs")
    message += f"\nThe input: {details['case']}{listing}."
    details |= {"error": type(error).__name__} | (
        {"where": place.where, "line": place.line, "source": place.source} if place else {}
    )
    name, question = (mutant.name, mutant.question) if mutant else ("", "")
    return Verdict(
        exercise.name, "error", message, name, question, details, outcome.printed, inputs
    )


def _with_gradients(exercise: Exercise, outcome: Outcome, printed: str) -> Verdict:
    """Do gradients reach the inputs, and the right ones?"""
    case = exercise.cases()[0]
    right = _gradients(exercise, exercise.reference, _copied(case.arguments))
    if outcome.error is None and first_difference(right, outcome.value) is None:
        return Verdict(exercise.name, "correct", exercise.notice, printed=printed)
    reason = (
        f" ({str(outcome.error).splitlines()[0]})"
        if outcome.error is not None and str(outcome.error)
        else ""
    )
    return Verdict(
        exercise.name,
        "wrong",
        f"The numbers are right, but the gradient does not come back as it should{reason}: a model"
        " with this part could not be trained.",
        "gradient lost",
        "Which of your lines leaves torch, or changes a tensor that backward still needs: item(),"
        " numpy(), detach(), an = into a slice?",
        {"case": case.label},
        printed,
        case.arguments,
    )


def _gradients(
    exercise: Exercise, function: Callable[..., Any], arguments: tuple[Any, ...]
) -> list[Tensor]:
    """Of the sum of all results, unevenly weighed, with respect to each input of real numbers."""
    leaves = [
        value.requires_grad_()
        for value in arguments
        if isinstance(value, Tensor) and value.is_floating_point()
    ]
    given = tuple(
        value.clone() if any(value is leaf for leaf in leaves) else value for value in arguments
    )  # so that += is allowed
    results = exercise.observe(function, given)
    tensors = [
        value
        for value in (results if isinstance(results, (tuple, list)) else [results])
        if isinstance(value, Tensor)
    ]
    weighed = [
        (
            tensor.double()
            * torch.linspace(0.5, 1.5, tensor.numel(), dtype=torch.float64).view(tensor.shape)
        ).sum()
        for tensor in tensors
        if tensor.is_floating_point()
    ]
    total = torch.stack(weighed).sum()
    found = torch.autograd.grad(total, leaves, allow_unused=True)
    return [
        torch.zeros_like(leaf) if gradient is None else gradient
        for leaf, gradient in zip(leaves, found)
    ]


def _listing(arguments: tuple[Any, ...]) -> str:
    """The arguments in brackets: shapes of tensors, short values of the rest."""
    shown = []
    for value in arguments:
        if isinstance(value, Tensor):
            shown.append(
                f"tensor {tuple(value.shape)}" if value.numel() > 1 else f"{value.item():.4g}"
            )
        elif isinstance(value, torch.nn.Module) or callable(value):
            shown.append(type(value).__name__)
        else:
            text = repr(value)
            shown.append(
                text
                if len(text) < 60
                else (
                    f"a {type(value).__name__} of {len(value)}"
                    if hasattr(value, "__len__")
                    else text[:57] + "…"
                )
            )
    return f" ({', '.join(shown)})" if shown else ""


def _capital(text: str) -> str:
    return (
        "T" + text[1:] if text.startswith("the ") else text
    )  # names of results stay as they are in code
