"""The figures of scans say what their numbers say, for every setting a reader can choose."""

from __future__ import annotations

import re

import pytest
from says import says

from course import plots
from course.lab.scan_costs import Prices
from course.lab.scan_steps import PREFIXES, count_cost, watch
from course.plots.scans import SCAN_COLOURS, SCAN_NAMES
from nmt.scan import METHODS


def row(method: str, milliseconds: float, length: int = 8, numbers: int = 16) -> dict:
    timing = {"median": milliseconds / 1e3, "fastest": milliseconds / 1e3}
    both = {"forward": timing, "both": timing}
    return {"method": method, "length": length, "numbers": numbers, **both}


def test_every_way_to_scan_has_a_name_and_a_colour():
    assert {*METHODS, *PREFIXES} == set(SCAN_NAMES) == set(SCAN_COLOURS)


def test_recurrence_says_how_much_is_kept():
    """a = ½ halves each step: of 4 + 4 there are 1 + 4 left after two positions more, and one."""
    says(plots.plot_recurrence((0.5, 0.9, 1.0), [4, 0, 4]), "62% with a = 0.5", "100% with a = 1")


@pytest.mark.parametrize("method", PREFIXES)
@pytest.mark.parametrize("length", [2, 5, 8, 11])
def test_rounds_end_with_all_positions_known(method, length):
    rounds = len(watch(PREFIXES[method], length))
    readings = [plots.plot_rounds(method, length, shown).reading for shown in range(rounds + 1)]
    assert f"1 of {length} positions know their state" in readings[0]
    assert f"round {rounds} of {rounds}" in readings[-1]
    assert f"{length} of {length} positions know their state" in readings[-1]
    assert plots.plot_rounds(method, length).reading == readings[-1]
    assert len(set(readings)) == rounds + 1


def test_work_and_depth_compare_with_the_loop():
    costs = {
        name: {length: count_cost(prefix, length) for length in (4, 64)}
        for name, prefix in PREFIXES.items()
    }
    trees = "Blelloch 3.0 times the work in 13 rounds"
    says(plots.plot_work_and_depth(costs), "At L = 64 the loop needs 63 rounds", trees)


@pytest.mark.parametrize("length", [2, 4, 8])
def test_two_sweeps_draw_what_the_code_joins(length):
    """Each box of the way up and each past with something before it is a join of `blelloch`."""
    picture = plots.plot_two_sweeps(length)
    joined = {join.whole for joins in watch(PREFIXES["blelloch"], length) for join in joins}
    drawn = {tuple(map(int, pair)) for pair in re.findall(r">(\d)–(\d)<", picture.svg)}
    assert joined == drawn
    assert f"{length - 1} joins up" in picture.reading


def test_times_name_the_quickest_and_neighbours_together():
    rows = [row("fast", 1.0), row("sklansky", 3.0), row("fast", 9.0, 16), row("sklansky", 4.0, 16)]
    says(plots.plot_scan_times(rows), "forward and backward at L = 8: fast loop; L = 16: Sklansky.")
    longer = [*rows, row("fast", 9.0, 32), row("sklansky", 4.0, 32)]
    says(plots.plot_scan_times(longer), "L = 8: fast loop; L = 16 to 32: Sklansky.")
    with pytest.raises(ValueError, match="no measurement"):
        plots.plot_scan_times([])


def test_loops_are_compared_at_the_longest_indexed_length():
    rows = [row("sequential_indexed", 50.0), row("sequential", 5.0), row("fast", 2.0)]
    rows += [row("sequential", 9.0, 16), row("fast", 4.0, 16)]
    told = "At L = 8 the indexed loop takes 10 times as long as the same loop over unbind, and 25"
    says(plots.plot_two_loops(rows), f"{told} times")


def test_predicted_times_name_the_crossing_and_show_one_worker_alone_as_measured():
    prices = {"fast": Prices(1e-5, 1e-9), "blelloch": Prices(1e-5, 1e-8)}
    rows = [row("fast", 5.0, 40, numbers) for numbers in (16, 64)]
    alone = plots.plot_predicted_times(prices, rows, length=40)
    says(alone, "for L = 40 and 1 worker: the fast loop is the quickest from about")
    many = plots.plot_predicted_times(prices, rows, length=40, workers=64)
    says(many, "64 workers")
    assert alone.svg.count("<circle") == 2 and "<circle" not in many.svg
    cheap = {"fast": Prices(1e-9, 1e-9), "blelloch": Prices(1e-5, 1e-8)}
    says(plots.plot_predicted_times(cheap, [], 40), "at every width drawn")


def test_compiling_is_read_beside_the_fast_loop():
    timing = {"plain": {"both": {"median": 6e-3}}, "compiled": {"both": {"median": 2e-3}}}
    rows = [{"method": method, "length": 128, **timing} for method in ("blelloch", "fast")]
    says(plots.plot_compiled(rows), "At L = 128 compiling makes Blelloch 3.0 times as quick.")


def test_errors_are_read_from_their_rows():
    errors = {"value": 2e-4, "gradient_decay": 3e-3, "gradient_input": 1e-3}
    lines = dict.fromkeys(("heinsen", "cancellation", "clamp", "log_pairs", "fast"), errors)
    rows = [
        {"length": length, "spread": length / 10, "predicted": 1e-4, **lines} for length in (16, 64)
    ]
    off = "At L = 64 log space is off by 2e-04 (ε|S| predicts 1e-04), its gradient by 3e-03"
    says(plots.plot_errors_by_length(rows), off)
    says(plots.plot_errors_by_spread(rows), "From a spread of 1.6 to 6.4")
    same = {"cancellation": 1e-5, "clamp": 6e-6, "log_pairs": 1e-7}
    flat = [{"length": length, "heinsen": length * 1e-5, **same} for length in (2, 100)]
    rest = "From 2e-05 at L = 2 to 1e-03 at L = 100, of which the clamp alone makes 6e-06"
    says(plots.plot_log_space_difference(flat), rest)
