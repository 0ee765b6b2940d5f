"""Fixtures for the unit tests."""

from __future__ import annotations

from collections.abc import Iterator

import jaxtyping
import pytest
from few_words import few_words_only


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
