"""Exercises in the notebooks: `@exercise("…")` above a stub, `check(stub)` below it, and a verdict that names the mistake.

    from nmt.exercises import check, exercise, show_solution

    @exercise("attention.causal-mask")
    def causal(queries: int, keys: int) -> torch.Tensor: ...

    check(causal)

For programs: `judge(name, function)` gives the same verdict, and `exercises()` lists them all. One file a notebook holds its exercises with
the mistakes that people make; the right answer is always nmt's own function.
"""

from nmt.exercises.catalogue import Case, Exercise, exercises, find
from nmt.exercises.guesses import guess, reveal
from nmt.exercises.judging import judge
from nmt.exercises.solutions import show_solution
from nmt.exercises.stub import check, exercise
from nmt.exercises.verdict import Verdict

__all__ = ["Case", "Exercise", "Verdict", "check", "exercise", "exercises", "find", "guess", "judge", "reveal", "show_solution"]
