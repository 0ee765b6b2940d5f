"""Try an answer on an exercise's inputs, find where it goes astray, and say it so that it leads
on. Which known mistakes it makes is found out in `recognition`.
"""

import copy
import inspect
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from course.checking.compare import Difference, first_difference, kind_of, shape_clue
from course.checking.exercise import Case, Exercise, Unfit, seeded
from course.checking.questions import CLUES, FACTOR, KINDS, after_error
from course.checking.recognition import Tried, recognise, rewritten, untouched
from course.checking.running import Outcome, run, text_of
from course.checking.verdict import Status, Verdict

SECONDS = 10.0  # for all inputs of a check together
SMALL = 12  # numbers of a tensor that are printed

Attempt = Callable[[int, bool, float], Outcome]


def judge(exercise: Exercise, function: Callable[..., Any], seconds: float = SECONDS) -> Verdict:
    """Try `function` as an answer to `exercise`. Never raises for what the answer does.

    Each input is a fresh copy, so an answer may change it. Gradients are compared too where the
    answer is a part of a model.

    Args:
        exercise: what is asked.
        function: the answer.
        seconds: after which an answer that goes on and on is stopped, for all inputs together;
            where the system can, see `course.checking.running`.

    Returns:
        A verdict. Its `details` are plain data: for a difference `case`, `where`, `yours`,
        `expected`, `yours_shape`, `expected_shape`, `differing`, `total`; for an error or a timeout
        `error`, `where`, `line`, `source`; `mistakes`, the names of the known ones, and `suspect`
        where some inputs point to one.
    """
    if not callable(function):
        words = f"what is checked must be a function, not {kind_of(function)}."
        return Verdict(exercise.name, "error", words)
    changed = rewritten(exercise, function)
    return verdict_of(exercise, attempts(exercise, function), seconds, changed)


def attempts(exercise: Exercise, function: Callable[..., Any]) -> Attempt:
    """How an answer is tried: `attempt(place, gradients, seconds)` on the input at that place; its
    result, or the gradients of its result.
    """
    file = getattr(getattr(function, "__code__", None), "co_filename", "")
    cases = exercise.cases()

    def attempt(place: int, gradients: bool, seconds: float) -> Outcome:
        arguments = copy.deepcopy(cases[place].arguments)
        observe = partial(_gradients, exercise) if gradients else exercise.observe

        def tried() -> Any:
            torch.default_generator.manual_seed(0)
            return observe(function, arguments)

        return run(tried, seconds, file)

    return attempt


def verdict_of(
    exercise: Exercise, attempt: Attempt, seconds: float = SECONDS, changed: bool = False
) -> Verdict:
    """The verdict on an answer, wherever it runs: `attempt` tries it here, or asks another process
    to. `changed` says that broken code was rewritten, which shows where it still does the same.
    """
    deadline = time.monotonic() + seconds
    cases, outcomes = exercise.cases(), list[Outcome]()
    for gradients in (False, True) if exercise.trains else (False,):
        outcomes = []
        for place in range(len(cases)):
            outcomes.append(attempt(place, gradients, max(deadline - time.monotonic(), 0.01)))
            if place == 0 and not gradients and outcomes[0].stub:
                return Verdict(exercise.name, "not attempted", "")
            if outcomes[-1].out_of_time:
                return _timeout(exercise, outcomes[-1], seconds)
        observe = partial(_gradients, exercise) if gradients else exercise.observe
        tried = []
        for case, outcome in zip(cases, outcomes):
            arguments = copy.deepcopy(case.arguments)
            right = seeded(partial(observe, exercise.answer, arguments))
            tried.append(Tried(case, right, outcome, _difference(exercise, right, outcome)))
        if not gradients and untouched(exercise, tried):
            return _unmended(exercise) if changed else Verdict(exercise.name, "not attempted", "")
        failed = [each for each in tried if each.wrong]
        if failed and gradients:
            return _lost_gradient(exercise, failed[0])
        if failed:
            return _wrong(exercise, tried, failed[0])
    return Verdict(exercise.name, "correct", exercise.notice, printed=outcomes[0].printed)


def _difference(exercise: Exercise, right: Any, outcome: Outcome) -> Difference | None:
    if isinstance(outcome.error, Unfit):
        expected, yours = (*map(str, outcome.error.args), "", "")[:2]
        return Difference("type", "the result", yours, expected)
    if outcome.error is not None:
        return None
    return first_difference(right, outcome.value, parts=exercise.parts)


def _unmended(exercise: Exercise) -> Verdict:
    """The code is another and does the same."""
    message = "It still does what it did: on every input the results are those of the broken code."
    question = "What does the line that you changed give now that it did not give before?"
    return Verdict(exercise.name, "wrong", message, "the bug is still there", question)


def _timeout(exercise: Exercise, outcome: Outcome, seconds: float) -> Verdict:
    message = (
        f"After {seconds:g} seconds it was still running, and was stopped; the inputs need far"
        " less than one."
    )
    if outcome.place:
        message += f" It was at {outcome.place.where}: {outcome.place.source}"
    question = "What must change on each round of your loop, so that it ends?"
    details = {"error": "OutOfTime"} | _line(outcome)
    printed = outcome.printed
    return Verdict(exercise.name, "timeout", message, "", question, details, printed)


def _line(outcome: Outcome) -> dict[str, Any]:
    place = outcome.place
    return {"where": place.where, "line": place.line, "source": place.source} if place else {}


def _wrong(exercise: Exercise, tried: Sequence[Tried], first: Tried) -> Verdict:
    known = recognise(exercise, tried)
    details: dict[str, Any] = {"case": first.case.label, "mistakes": known.names}
    if known.suspect:
        details["suspect"] = known.suspect.name
    status: Status = "error"
    if first.difference is None:
        message, question = _raised(first)
        details |= {"error": type(first.outcome.error).__name__} | _line(first.outcome)
        mistake = ""
    else:
        status, message = "wrong", _capital(first.difference.sentence())
        mistake, question = _generic(exercise, tried, first)
        details |= first.difference.facts()
    gap = " " if status == "wrong" else "\n"
    message += f"{gap}The input: {described(exercise, first.case)}"
    if known.mistakes:
        mistake, question = " and ".join(known.names), known.mistakes[0].question
    elif known.suspect:
        message += (
            f" Here it is what “{known.suspect.name}” gives, but not on all inputs, so there may be"
            " two things to repair."
        )
        question = question if mistake else known.suspect.question
    if len(known.mistakes) == 2:
        message += " There are two things to repair; begin with the first."
    seen = first.outcome.printed, first.case.arguments
    return Verdict(exercise.name, status, message, mistake, question, details, *seen)


def _raised(first: Tried) -> tuple[str, str]:
    """What is said of an error, and a question."""
    error, place = first.outcome.error, first.outcome.place
    assert error is not None
    text = text_of(error)
    message = f"{type(error).__name__}: {text}"
    if isinstance(error, SystemExit):
        message = "your code asked Python to exit"
    if place is not None:
        message = f"{place.where}: {place.source}\n{message}"
    return message, after_error(error, text)


def _generic(exercise: Exercise, tried: Sequence[Tried], first: Tried) -> tuple[str, str]:
    """What can be said of a mistake that is not on the list."""
    found = first.difference
    assert found is not None
    wrong = [each for each in tried if each.wrong and each.outcome.error is None]
    clues = {shape_clue(each.right, each.outcome.value) for each in wrong}
    if len(clues) == 1 and (clue := clues.pop()):  # the same on all inputs that fail
        return clue, CLUES.get(clue, FACTOR)
    if found.kind == "parts" and not exercise.parts:
        return KINDS["length"]
    if found.kind in KINDS:
        return KINDS[found.kind]
    values = [each.outcome.value for each in tried if each.outcome.error is None]
    if len(values) > 2 and all(first_difference(values[0], value) is None for value in values[1:]):
        return "the same for every input", "Does your result depend on the arguments at all?"
    if first is tried[0]:
        return "", (
            "This input is small: follow it with a pencil, line by line. After which of your lines"
            " does the number on your paper differ from Python's?"
        )
    return "", exercise.later


def _lost_gradient(exercise: Exercise, first: Tried) -> Verdict:
    """The numbers are right and their gradients are not."""
    error = first.outcome.error
    reason = f" ({text_of(error).splitlines()[0]})" if error is not None else ""
    message = (
        f"The numbers are right, but the gradient does not come back as it should{reason}: a model"
        f" with this part could not be trained. The input: {described(exercise, first.case)}"
    )
    question = (
        "Which of your lines leaves torch, or changes a tensor that backward still needs: item(),"
        " numpy(), detach(), +=, an = into a slice?"
    )
    details = {"case": first.case.label, "mistakes": ["gradient lost"]}
    seen = first.outcome.printed, first.case.arguments
    return Verdict(exercise.name, "wrong", message, "gradient lost", question, details, *seen)


def _gradients(
    exercise: Exercise, function: Callable[..., Any], arguments: tuple[Any, ...]
) -> list[Tensor]:
    """Of the sum of all results, unevenly weighted, with respect to each input of real numbers."""
    leaves = [
        value.requires_grad_()
        for value in arguments
        if isinstance(value, Tensor) and value.is_floating_point()
    ]
    ids = set(map(id, leaves))
    given = tuple(x.clone() if id(x) in ids else x for x in arguments)  # so that += is allowed
    results = exercise.observe(function, given)
    total = torch.zeros((), dtype=torch.float64)
    for value in results if isinstance(results, (tuple, list)) else [results]:
        if isinstance(value, Tensor) and value.is_floating_point():
            weights = torch.linspace(0.5, 1.5, value.numel(), dtype=torch.float64)
            total = total + (value.double() * weights.view(value.shape)).sum()
    found = torch.autograd.grad(total, leaves, allow_unused=True)
    return [torch.zeros_like(leaf) if own is None else own for leaf, own in zip(leaves, found)]


def described(exercise: Exercise, case: Case) -> str:
    """An input in words: its label, and each argument by name, small tensors with their numbers."""
    names = list(inspect.signature(exercise.answer).parameters)
    shown = [f"{name} = {_shown(value)}" for name, value in zip(names, case.arguments)]
    return f"{case.label} ({', '.join(shown)})."


def _shown(value: Any) -> str:
    if isinstance(value, Tensor):
        if value.numel() > SMALL:
            return f"a tensor of shape {tuple(value.shape)}"
        return _rounded(value.tolist())
    if isinstance(value, (torch.nn.Module, torch.optim.Optimizer)) or inspect.isfunction(value):
        return kind_of(value)
    text = _rounded(value)
    if len(text) <= 120:
        return text
    length = f" of {len(value)}" if hasattr(value, "__len__") else ""
    return f"a {type(value).__name__}{length}" if length else kind_of(value)


def _rounded(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if type(value) in (list, tuple):
        inner = ", ".join(map(_rounded, value))
        return f"[{inner}]" if isinstance(value, list) else f"({inner})"
    return _shown(value) if isinstance(value, Tensor) else repr(value)


def _capital(text: str) -> str:
    """Names of results stay as they are in code."""
    return "T" + text[1:] if text.startswith("the ") else text
