"""`course.lab.timing`: actions really take turns, and the numbers are those of a clock."""

from __future__ import annotations

import gc
import time

import pytest

from course.lab.timing import memory_pass, take_turns


def test_actions_take_turns_after_one_warm_up_each() -> None:
    order: list[str] = []
    take_turns({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, rounds=3)
    assert "".join(order) == "ab" + "ababab"


def test_a_sleep_is_measured_and_does_not_count_on_the_processors_clock() -> None:
    sleep = {"sleep": lambda: time.sleep(0.02)}
    timing = take_turns(sleep, rounds=3)["sleep"]
    assert 0.02 <= timing.fastest <= timing.median < 2
    assert take_turns(sleep, rounds=3, clock=time.process_time)["sleep"].fastest < 0.01


def test_the_garbage_collector_is_switched_on_again_even_after_an_error() -> None:
    runs = iter([True, False])

    def fails_when_measured() -> None:
        if not next(runs):
            assert not gc.isenabled()
            raise KeyError

    with pytest.raises(KeyError):
        take_turns({"broken": fails_when_measured}, rounds=1)
    assert gc.isenabled()


def test_a_memory_pass_writes_the_sum() -> None:
    assert memory_pass(5)().tolist() == [2.0] * 5
