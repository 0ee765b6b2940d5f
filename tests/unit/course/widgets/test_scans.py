"""The explorers of scans, driven through their controls."""

from __future__ import annotations

import itertools

from course.lab.scan_steps import watch
from course.plots.scans import PREFIXES, SCAN_NAMES, plot_rounds
from course.widgets.scans import LENGTHS, WIDTHS, explore_rounds, explore_times
from nmt.scan import METHODS


def test_the_stepper_begins_with_a_figure_that_a_notebook_can_show_above_it():
    assert explore_rounds().output.value.count(plot_rounds("blelloch", 8).to_html()) == 1


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
    rows = [
        {
            "method": method,
            "width": width,
            "numbers": 16,
            "length": length,
            "threads": threads,
            "forward": timing,
            "both": timing,
        }
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
    assert (
        list(alone.controls) == ["width"] and "Quickest" in alone.output.value
    )  # nothing to choose, so no control
