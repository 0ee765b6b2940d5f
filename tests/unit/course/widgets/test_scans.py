"""The explorers of scans, driven through their controls."""

from __future__ import annotations

import itertools

from course.lab.scan_costs import Prices
from course.lab.scan_steps import PREFIXES, watch
from course.widgets import scans
from nmt.scan import METHODS


def test_a_scan_offers_as_many_rounds_as_it_has():
    box = scans.explore_rounds()
    for method, length in itertools.product(PREFIXES, scans.LENGTHS[::3]):
        box.controls["method"].value, box.controls["length"].value = method, length
        rounds = len(watch(PREFIXES[method], length))
        assert list(box.controls["shown"].options) == list(range(rounds + 1))


def test_times_show_the_chosen_width_and_threads_or_say_what_is_missing():
    timing = {"median": 1e-3, "fastest": 1e-3}
    about = {"numbers": 16, "forward": timing, "both": timing}
    every, missing = list(itertools.product(scans.WIDTHS.values(), (1, 2))), ("training", 2)
    rows = [
        {"method": method, "width": width, "length": length, "threads": threads, **about}
        for method, length, (width, threads) in itertools.product(METHODS, (8, 16), every)
        if (width, threads) != missing
    ]
    box = scans.explore_times(rows)
    for chosen in every:
        box.controls["width"].value, box.controls["threads"].value = chosen
        said = "no measurement" if chosen == missing else "Quickest forward and backward"
        assert said in box.output.value
    alone = scans.explore_times([row for row in rows if row["threads"] == 1])
    # Nothing to choose, so no control.
    assert list(alone.controls) == ["width"] and "Quickest" in alone.output.value


def test_more_workers_move_the_crossing():
    prices = {"fast": Prices(1e-5, 2e-9), "blelloch": Prices(4e-5, 4e-9)}
    box = scans.explore_workers(prices, [])
    for workers in scans.WORKERS:
        box.controls["workers"].value = workers
        for length in (40, 1000, 10_000):
            box.controls["length"].value = length
            assert f"L = {length:,} and {workers} worker" in box.output.value
    assert "a tree or chunks are quicker at every width" in box.output.value
