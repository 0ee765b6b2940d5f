"""What stands in a notebook: a decorator that says which exercise a function answers, the check
below it, and a way to go on with what the student wrote.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from course.checking.judging import SECONDS
from course.checking.judging import judge as judge_answer
from course.checking.verdict import Verdict
from course.exercises.catalogue import find

Answer = TypeVar("Answer", bound=Callable[..., Any])
MARK = "__exercise__"


def exercise(name: str) -> Callable[[Answer], Answer]:
    """Mark the function below as the answer to an exercise, such as
    `@exercise("attention.causal-mask")`. The function stays as it is.

    Raises:
        ValueError: if there is no such exercise.
    """
    find(name)

    def mark(function: Answer) -> Answer:
        setattr(function, MARK, name)
        return function

    return mark


def check(function: Callable[..., Any], seconds: float = SECONDS) -> Verdict:
    """Try a marked function on the inputs of its exercise; see `course.exercises.judge` for what
    the verdict holds.

    Args:
        function: with `@exercise("…")` above its `def`.
        seconds: after which a function that goes on and on is stopped.

    Raises:
        ValueError: if the function is not marked.
    """
    name = getattr(function, MARK, None)
    if name is None:
        raise ValueError(
            'which exercise is this? Put @exercise("its name") back on the line above the def, and'
            " run that cell"
        )
    return judge(name, function, seconds)


def judge(name: str, function: Callable[..., Any], seconds: float = SECONDS) -> Verdict:
    """Try `function` as an answer to the exercise `name`; see `course.checking.judging.judge`.

    Raises:
        ValueError: if there is no such exercise.
    """
    return judge_answer(find(name), function, seconds)


def mine_or_course(function: Callable[..., Any]) -> Callable[..., Any]:
    """The student's `function` if its check is right; else the course's own answer to its exercise.

    It prints one line that says which of the two goes on.

    Raises:
        ValueError: if the function is not marked with `@exercise("…")`.
    """
    verdict = check(function)
    if verdict.status == "correct":
        print(f"{function.__name__}: yours goes on")
        return function
    print(f"{function.__name__}: the course's own goes on ({verdict.status})")
    return find(getattr(function, MARK)).answer
