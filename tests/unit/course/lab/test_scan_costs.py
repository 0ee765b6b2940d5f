"""The formula T ≈ c · rounds + m · joins · width: its prices come back from times that it made."""

from __future__ import annotations

import pytest

from course.lab.scan_costs import (
    CHUNKS,
    LOOP,
    TREES,
    Prices,
    cost_of,
    crossing,
    fit_prices,
    predict,
    ratios,
)
from course.lab.scan_trials import stored_trials

TRUE = {
    **dict.fromkeys(LOOP, Prices(1e-5, 2e-9)),
    **dict.fromkeys(CHUNKS, Prices(2e-5, 6e-9)),
    **dict.fromkeys(TREES, Prices(4e-5, 5e-9)),
}


def rows(wrong: float = 1.0) -> list[dict]:
    return [
        {
            **{"method": method, "length": length, "numbers": width},
            "both": {"fastest": wrong * predict(price, method, length, width)},
        }
        for method, price in TRUE.items()
        for length in (8, 100)
        for width in (16, 4096)
    ]


def test_prices_come_back_from_times_that_the_formula_made():
    prices = fit_prices(rows())
    for method, price in TRUE.items():
        assert prices[method] == pytest.approx(price)
    assert ratios(prices, rows(wrong=2.0)) == pytest.approx([0.5] * len(rows()))


def test_cost_is_counted_on_the_code_and_of_the_loop_is_a_loop():
    assert cost_of("fast", 8) == (7, 7)
    assert cost_of("sklansky", 8) == (12, 3)


def test_workers_share_the_numbers_and_not_the_rounds():
    price = Prices(1.0, 0.5)
    assert predict(price, "sklansky", 8, 10) == 3 + 0.5 * 12 * 10
    assert predict(price, "sklansky", 8, 10, workers=4) == 3 + 0.5 * 12 * 10 / 4


@pytest.mark.parametrize("workers", [1, 64])
def test_at_the_crossing_the_loop_overtakes_the_last(workers):
    edge = crossing(TRUE, 1000, workers)
    for factor, loop_is_first in ((0.9, False), (1.1, True)):
        times = {m: predict(p, m, 1000, factor * edge, workers) for m, p in TRUE.items()}
        assert (min(times, key=times.__getitem__) == "fast") == loop_is_first


@pytest.mark.parametrize("machine", ["processor", "card"])
def test_the_record_is_predicted_within_a_factor_of_two_mostly(machine):
    record = stored_trials()
    on = {"processor": record["times"] + record["widths"], "card": record["gpu"]["times"]}
    measured = on[machine]
    for part in ("forward", "both"):
        found = ratios(fit_prices(measured, part), measured, part)
        assert sum(0.5 < ratio < 1.4 for ratio in found) > 0.8 * len(found)
