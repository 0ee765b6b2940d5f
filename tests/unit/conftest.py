"""Fixtures for the unit tests."""

from __future__ import annotations

from collections.abc import Iterator

import jaxtyping
import pytest
from few_words import few_words_only

# They start processes, load the whole report, or try every exercise. `make unit` gives a file whole
# to one of its processes; a long one that begins last would leave the others without work.
LONGEST = (
    "test_source test_catalogue test_grader test_sweep test_report_files test_cluster test_report"
    " test_classroom test_hard_place test_main test_significance test_website test_verdicts"
    " test_readme"
).split()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files that take longest first; within a file the order stays."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(places)))


@pytest.fixture
def without_type_checks() -> Iterator[None]:
    """Call `nmt` as a reader does, without jaxtyping's checks, to see the error messages that `nmt`
    itself gives.
    """
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture
def few_words() -> Iterator[None]:
    """Every data set holds few words."""
    with few_words_only():
        yield
