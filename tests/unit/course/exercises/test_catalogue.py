"""Every exercise: its reference is right, each of its mistakes is rejected by its own name, and its
inputs are fair.
"""

from contextlib import contextmanager

import pytest
import torch

from course.checking.compare import first_difference
from course.checking.exercise import CHAPTERS
from course.exercises import exercises, judge, show_solution
from course.exercises.catalogue import chapter
from course.lab.scan_steps import count_cost
from nmt.parallel_scan import hillis_steele

ALL = exercises()
MUTANTS = [(name, mistake) for name, each in ALL.items() for mistake in each.mutants]


@contextmanager
def default_dtype(kind):
    before = torch.get_default_dtype()
    torch.set_default_dtype(kind)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def of_notebook(name):
    """Notebooks 04 and 05 compute in float64 by default, and so do the checks in them."""
    return default_dtype(
        torch.float64 if ALL[name].notebook in ("04_discretization", "05_scans") else torch.float32
    )


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", ALL)
def test_the_reference_passes(name, kind):
    with default_dtype(kind):
        verdict = judge(name, ALL[name].reference)
    assert verdict.status == "correct", verdict
    assert verdict.message == ALL[name].notice


@pytest.mark.parametrize(("name", "mistake"), MUTANTS)
def test_each_mistake_is_named(name, mistake):
    mutant = ALL[name].mutants[mistake]
    with of_notebook(name):
        verdict = judge(name, mutant.function)
    assert verdict.status in ("wrong", "error") and verdict.mistake == mistake, verdict
    assert (
        verdict.question == mutant.question
        and mistake in repr(verdict)
        and mistake in verdict._repr_html_().replace("&#x27;", "'")
    )


@pytest.mark.parametrize("name", ALL)
def test_has_five_mistakes_with_questions_and_a_full_description(name):
    each = ALL[name]
    assert len(each.mutants) >= 5
    assert all("?" in mutant.question for mutant in each.mutants.values())
    assert 1 <= each.difficulty <= 3 and 3 <= each.minutes <= 45 and len(each.dots) == 3
    assert each.notice.startswith("Notice") and each.notebook in CHAPTERS.values()


@pytest.mark.parametrize("name", ALL)
def test_inputs_are_several_different_and_the_same_each_time(name):
    each = ALL[name]
    cases, again = each.cases(), each.cases()
    assert len(cases) >= 2 and len({case.label for case in cases}) == len(cases)
    results = [each.observe(each.reference, case.arguments) for case in cases]
    repeated = [each.observe(each.reference, case.arguments) for case in again]
    for first, second in zip(results, repeated):
        assert first_difference(first, second) is None
    assert any(first_difference(results[0], other) is not None for other in results[1:]), (
        "one constant would pass"
    )


@pytest.mark.parametrize("name", ALL)
def test_the_solution_is_code_of_nmt(name):
    shown = show_solution(name, sure=True)
    assert all(
        each.__module__.startswith(("nmt.", "course.")) and ".exercises" not in each.__module__
        for each in ALL[name].solution
    )
    assert (
        "def " in repr(shown)
        and "<pre" in shown.to_html()
        and "```python" in shown._repr_markdown_()
    )


def test_chapters_hold_what_their_names_say():
    assert list(ALL) == [name for each in CHAPTERS for name in chapter(each)]
    for each in CHAPTERS:
        assert all(
            name.startswith(f"{each}.") and exercise.name == name
            for name, exercise in chapter(each).items()
        )


def test_the_number_of_joins_in_the_praise_is_counted():
    assert f"you made {count_cost(hillis_steele, 13).work}." in ALL["scans.hillis-steele"].notice
