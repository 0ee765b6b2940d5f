"""Exercises in the notebooks: `@exercise("…")` above a stub, `check(stub)` below it, and a verdict
that names the mistake.

    from course.exercises import check, exercise, show_solution

    @exercise("attention.causal-mask")
    def causal(queries: int, keys: int) -> torch.Tensor:
        raise NotImplementedError

    check(causal)

For programs: `judge(name, function)` gives the same verdict, and `exercises()` lists them all. One
file a notebook holds its exercises, each with a short answer, which agrees with nmt's own function,
and a table of the mistakes that people make.
"""

from course.checking.exercise import Case, Exercise
from course.checking.verdict import Verdict
from course.exercises.catalogue import exercises, find
from course.exercises.guesses import guess, reveal
from course.exercises.solutions import show_solution
from course.exercises.stub import check, exercise, judge, mine_or_course
