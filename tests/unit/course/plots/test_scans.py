"""The figures of scans say what their numbers say, for every setting a reader can choose."""

from __future__ import annotations

import re

import pytest

from course.lab.scan_costs import Prices
from course.lab.scan_steps import PREFIXES, count_cost, watch
from course.plots.scan_errors import (
    plot_errors_by_length,
    plot_errors_by_spread,
    plot_log_space_difference,
)
from course.plots.scan_times import (
    plot_compiled,
    plot_predicted_times,
    plot_scan_times,
    plot_two_loops,
)
from course.plots.scans import (
    SCAN_COLOURS,
    SCAN_NAMES,
    plot_recurrence,
    plot_rounds,
    plot_work_and_depth,
)
from course.plots.two_sweeps import plot_two_sweeps
from nmt.scan import METHODS


def row(method: str, milliseconds: float, length: int = 8, numbers: int = 16) -> dict:
    timing = {"median": milliseconds / 1e3, "fastest": milliseconds / 1e3}
    return {
        "method": method,
        "length": length,
        "numbers": numbers,
        "forward": timing,
        "both": timing,
    }


def test_every_way_to_scan_has_a_name_and_a_colour():
    assert {*METHODS, *PREFIXES} == set(SCAN_NAMES) == set(SCAN_COLOURS)


def test_recurrence_says_how_much_is_kept():
    """a = ½ halves each step: of 4 + 4 there are 1 + 4 left after two positions more, and one."""
    assert "62% with a = 0.5" in plot_recurrence((0.5, 0.9, 1.0), [4, 0, 4]).reading
    assert "100% with a = 1" in plot_recurrence((0.5, 0.9, 1.0), [4, 0, 4]).reading


@pytest.mark.parametrize("method", PREFIXES)
@pytest.mark.parametrize("length", [2, 5, 8, 11])
def test_rounds_end_with_all_positions_known(method, length):
    rounds = len(watch(PREFIXES[method], length))
    readings = [plot_rounds(method, length, shown).reading for shown in range(rounds + 1)]
    assert f"1 of {length} positions know their state" in readings[0]
    assert f"round {rounds} of {rounds}" in readings[-1]
    assert f"{length} of {length} positions know their state" in readings[-1]
    assert plot_rounds(method, length).reading == readings[-1]
    assert len(set(readings)) == rounds + 1


def test_rounds_refuse_what_cannot_be_drawn():
    with pytest.raises(ValueError, match="unknown scan 'fast'"):
        plot_rounds("fast", 8)
    with pytest.raises(ValueError, match="2 to 16"):
        plot_rounds("blelloch", 17)
    with pytest.raises(ValueError, match="rounds 0 .* to 3, not 4"):
        plot_rounds("sklansky", 8, 4)


def test_work_and_depth_compare_with_the_loop():
    costs = {
        name: {length: count_cost(prefix, length) for length in (4, 64)}
        for name, prefix in PREFIXES.items()
    }
    reading = plot_work_and_depth(costs).reading
    assert "At L = 64 the loop needs 63 rounds" in reading
    assert "Blelloch 3.0 times the work in 13 rounds" in reading


@pytest.mark.parametrize("length", [2, 4, 8])
def test_two_sweeps_draw_what_the_code_joins(length):
    """Each box of the way up and each past with something before it is a join of `blelloch`."""
    picture = plot_two_sweeps(length)
    joined = {join.whole for joins in watch(PREFIXES["blelloch"], length) for join in joins}
    drawn = {tuple(map(int, pair)) for pair in re.findall(r">(\d)–(\d)<", picture.svg)}
    assert joined == drawn
    assert f"{length - 1} joins up" in picture.reading
    with pytest.raises(ValueError, match="2, 4 or 8 positions, not 6"):
        plot_two_sweeps(6)


def test_times_name_the_quickest_and_neighbours_together():
    rows = [row("fast", 1.0), row("sklansky", 3.0), row("fast", 9.0, 16), row("sklansky", 4.0, 16)]
    assert (
        plot_scan_times(rows).reading
        == "Quickest forward and backward at L = 8: fast loop; L = 16: Sklansky."
    )
    longer = [*rows, row("fast", 9.0, 32), row("sklansky", 4.0, 32)]
    assert "L = 8: fast loop; L = 16 to 32: Sklansky." in plot_scan_times(longer).reading
    with pytest.raises(ValueError, match="no measurement"):
        plot_scan_times([])
    with pytest.raises(ValueError, match="fast loop, for comparison"):
        plot_scan_times(rows[1:])


def test_loops_are_compared_at_the_longest_indexed_length():
    rows = [
        row("sequential_indexed", 50.0),
        row("sequential", 5.0),
        row("fast", 2.0),
        row("sequential", 9.0, 16),
        row("fast", 4.0, 16),
    ]
    assert (
        "At L = 8 the indexed loop takes 10 times as long as the same loop over unbind, and 25"
        " times" in plot_two_loops(rows).reading
    )


def test_predicted_times_name_the_crossing_and_show_one_worker_alone_as_measured():
    prices = {"fast": Prices(1e-5, 1e-9), "blelloch": Prices(1e-5, 1e-8)}
    rows = [row("fast", 5.0, 40, numbers) for numbers in (16, 64)]
    alone = plot_predicted_times(prices, rows, length=40)
    assert "for L = 40 and 1 worker: the fast loop is the quickest from about" in alone.reading
    many = plot_predicted_times(prices, rows, length=40, workers=64)
    assert "64 workers" in many.reading
    assert alone.svg.count("<circle") == 2 and "<circle" not in many.svg
    cheap = {"fast": Prices(1e-9, 1e-9), "blelloch": Prices(1e-5, 1e-8)}
    assert "at every width drawn" in plot_predicted_times(cheap, [], 40).reading


def test_compiling_is_read_at_one_length_and_beside_the_fast_loop():
    parts = {
        name: {key: timing for key, timing in row("", ms).items() if key in ("forward", "both")}
        for name, ms in (("plain", 6.0), ("compiled", 2.0))
    }
    rows = [{"method": method, "length": 32, **parts} for method in ("blelloch", "fast")]
    assert (
        plot_compiled(rows, 32).reading == "At L = 32 compiling makes Blelloch 3.0 times as quick."
    )
    with pytest.raises(ValueError, match="nothing was compiled at length 8"):
        plot_compiled(rows, 8)


def test_errors_are_read_from_their_rows():
    errors = {"value": 2e-4, "gradient_decay": 3e-3, "gradient_input": 1e-3}
    lines = dict.fromkeys(("heinsen", "cancellation", "clamp", "log_pairs", "fast"), errors)
    rows = [
        {"length": length, "spread": length / 10, "predicted": 1e-4, **lines} for length in (16, 64)
    ]
    assert (
        "At L = 64 log space is off by 2e-04 (ε|S| predicts 1e-04), its gradient by 3e-03"
        in plot_errors_by_length(rows).reading
    )
    assert "From a spread of 1.6 to 6.4" in plot_errors_by_spread(rows).reading
    flat = [
        {
            "length": length,
            "heinsen": length * 1e-5,
            "cancellation": 1e-5,
            "clamp": 6e-6,
            "log_pairs": 1e-7,
        }
        for length in (2, 100)
    ]
    assert (
        "From 2e-05 at L = 2 to 1e-03 at L = 100, of which the clamp alone makes 6e-06"
        in plot_log_space_difference(flat).reading
    )
