"""Each exercise on its own terms: its short answer passes, every mistake of its table is named,
alone and two at a time, and its inputs are several and different.
"""

import inspect
import itertools
from collections import defaultdict

import pytest
import torch
from judged import judged, numbers

from course.checking import recognition
from course.checking.compare import first_difference
from course.checking.exercise import CHAPTERS
from course.exercises import exercises, judge, show_solution
from course.exercises.catalogue import chapter
from course.lab.scan_steps import count_cost
from nmt.parallel_scan import hillis_steele

ALL = exercises()
WAYS = [
    (name, each.name, way)
    for name, e in ALL.items()
    for each in e.mistakes
    for way in each.ways
    if way != e.broken
]


@pytest.fixture(scope="module")
def known():
    """What each exercise's slips give on its inputs is computed once for all tests."""
    remembered = defaultdict(dict)
    with pytest.MonkeyPatch.context() as patch:
        replay = recognition._Replay
        patch.setattr(recognition, "_Replay", lambda e, tried: replay(e, tried, remembered[e.name]))
        yield


@pytest.mark.parametrize("name", ALL)
def test_the_short_answer_passes_and_so_does_the_one_without_slips(name):
    before = torch.manual_seed(5).get_state()
    for kind in (torch.float32, torch.float64):
        with numbers(kind):
            verdict = judge(name, ALL[name].answer)
        assert verdict.status == "correct" and verdict.message == ALL[name].notice, verdict
    assert torch.equal(torch.random.get_rng_state(), before), "torch's numbers are left alone"
    verdict = judged(name, ALL[name].with_slips(frozenset()))
    assert verdict.status == "correct", verdict


@pytest.mark.parametrize(("name", "mistake", "way"), WAYS)
def test_each_mistake_is_named(name, mistake, way, known):
    verdict = judged(name, ALL[name].with_slips(way))
    assert verdict.status in ("wrong", "error") and verdict.mistake == mistake, verdict
    assert "?" in verdict.question and mistake in repr(verdict)
    assert "dict" not in verdict.message and "Mapping" not in str(verdict.details)


@pytest.mark.parametrize("name", [name for name, each in ALL.items() if each.broken])
def test_a_bug_to_be_found_is_not_attempted_until_something_changes(name):
    broken = ALL[name].broken
    assert judged(name, ALL[name].with_slips(broken)).status == "not attempted"
    for slip in broken:  # one of the bugs is mended
        verdict = judged(name, ALL[name].with_slips(broken - {slip}))
        assert verdict.status == ("wrong" if len(broken) > 1 else "correct")


@pytest.mark.parametrize("name", ALL)
def test_two_mistakes_at_once_are_named_or_none_is_named_wrongly(name, known):
    """A few pairs of each exercise; one of two may hide the other."""
    each, named, pairs = ALL[name], 0, 0
    ways = [(mistake.name, mistake.ways[0]) for mistake in each.mistakes if mistake.ways]
    for (_, first), (_, second) in itertools.islice(itertools.combinations(ways, 2), 3, 60, 19):
        verdict = judged(name, each.with_slips(first | second))
        if verdict.status != "correct":
            pairs += 1
            named += bool(verdict.mistake)
    assert pairs and named >= 0.7 * pairs


@pytest.mark.parametrize("name", ALL)
def test_is_fully_described_and_its_answer_is_short(name):
    each = ALL[name]
    assert len(each.mistakes) >= 5 and all("?" in mistake.question for mistake in each.mistakes)
    assert 1 <= each.difficulty <= 3 and 3 <= each.minutes <= 45 and len(each.dots) == 3
    assert each.notice.startswith("Notice") and each.notebook in CHAPTERS.values()
    lines = inspect.getsource(each.answer).splitlines()
    body = lines[next(i for i, line in enumerate(lines) if line.rstrip().endswith(":")) + 2 :]
    assert len([line for line in body if line.strip()]) <= 12, "a short answer"
    shown = show_solution(name, sure=True)
    assert "def " in repr(shown) and "<pre" in shown.to_html()
    for own in each.course:
        assert own.__module__.startswith(("nmt.", "course."))
        assert f"{own.__module__}.{own.__qualname__}" in shown._repr_markdown_()


@pytest.mark.parametrize("name", ALL)
def test_inputs_are_several_different_and_the_same_each_time(name):
    each = ALL[name]
    labels = [case.label for case in each.cases()]
    assert len(labels) >= 2 and len(set(labels)) == len(labels)
    results, repeated = (
        [each.observe(each.answer, case.arguments) for case in each.cases()] for _ in range(2)
    )
    for first, second in zip(results, repeated):
        assert first_difference(first, second) is None
    if name != "discretization.bilinear-symbolic":  # the same numbers, in other letters
        differ = [first_difference(results[0], other) is not None for other in results[1:]]
        assert any(differ), "one constant would pass"


def test_chapters_hold_what_their_names_say():
    assert list(ALL) == [name for each in CHAPTERS for name in chapter(each)]
    assert all(name.startswith(f"{each}.") for each in CHAPTERS for name in chapter(each))


def test_the_number_of_joins_in_the_praise_is_counted():
    joins = count_cost(hillis_steele, 13).work
    assert f"make {joins} in 4" in ALL["scans.hillis-steele"].notice
