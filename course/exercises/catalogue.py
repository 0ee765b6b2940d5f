"""All exercises, by chapter and by name."""

import importlib
from collections.abc import Mapping
from difflib import get_close_matches

from course.checking.exercise import CHAPTERS, Exercise


def chapter(name: str) -> Mapping[str, Exercise]:
    """The exercises of one chapter, by name, in the order of the notebook."""
    found: Mapping[str, Exercise] = importlib.import_module(f"course.exercises.{name}").EXERCISES
    return found


def exercises() -> dict[str, Exercise]:
    """All exercises by name, in the order of the course."""
    return {name: exercise for each in CHAPTERS for name, exercise in chapter(each).items()}


def find(name: str) -> Exercise:
    """The exercise of this name. Raises `ValueError` where there is none, with the names that come
    near.
    """
    first = name.partition(".")[0]
    if first in CHAPTERS and name in (found := chapter(first)):
        return found[name]
    names = list(exercises())
    near = get_close_matches(name, names, n=3, cutoff=0.4) or names
    raise ValueError(f"there is no exercise {name!r}; is it {' or '.join(map(repr, near))}?")
