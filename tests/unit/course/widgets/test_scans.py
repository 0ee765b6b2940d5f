"""The explorers of scans, driven through their controls."""

from __future__ import annotations

import itertools

from course.lab.scan_costs import Prices
from course.lab.scan_steps import PREFIXES, watch
from course.plots.scans import SCAN_NAMES
from course.widgets.scans import (
    LENGTHS,
    WIDTHS,
    WORKERS,
    explore_rounds,
    explore_times,
    explore_workers,
)
from nmt.scan import METHODS


def test_every_scan_and_length_can_be_stepped_to_its_end_and_no_further():
    box = explore_rounds()
    for method, length in itertools.product(PREFIXES, LENGTHS):
        box.controls["method"].value, box.controls["length"].value = method, length
        rounds = len(watch(PREFIXES[method], length))
        assert list(box.controls["shown"].options) == list(range(rounds + 1))
        box.controls["shown"].value = rounds
        assert f"{SCAN_NAMES[method]}, round {rounds} of {rounds}" in box.output.value
        box.controls["shown"].value = 0
        assert "The inputs, each a step" in box.output.value


def test_times_show_the_chosen_width_and_threads_or_say_what_is_missing():
    timing = {"median": 1e-3, "fastest": 1e-3}
    names = "method width numbers length threads forward both".split()
    rows = [
        dict(zip(names, (method, width, 16, length, threads, timing, timing)))
        for method, width, length, threads in itertools.product(
            METHODS, WIDTHS.values(), (8, 16), (1, 2)
        )
        if (width, threads) != ("training", 2)
    ]
    box = explore_times(rows)
    for width, threads in itertools.product(WIDTHS.values(), (1, 2)):
        box.controls["width"].value, box.controls["threads"].value = width, threads
        expected = (
            "no measurement"
            if (width, threads) == ("training", 2)
            else "Quickest forward and backward"
        )
        assert expected in box.output.value
    alone = explore_times([row for row in rows if row["threads"] == 1])
    # Nothing to choose, so no control.
    assert list(alone.controls) == ["width"] and "Quickest" in alone.output.value


def test_more_workers_move_the_crossing():
    prices = {"fast": Prices(1e-5, 2e-9), "blelloch": Prices(4e-5, 4e-9)}
    box = explore_workers(prices, [])
    for workers in WORKERS:
        box.controls["workers"].value = workers
        for length in (40, 1000, 10_000):
            box.controls["length"].value = length
            assert f"L = {length:,} and {workers} worker" in box.output.value
    assert "a tree or chunks are quicker at every width" in box.output.value
