"""One formula for the time of a scan, and its two prices, fitted to measurements:

    T ≈ c · rounds + m · joins · width / workers

`rounds` and `joins` are counted on the real code (`course.lab.scan_steps`), `width` is how many
numbers one step of the recurrence works on. c is the price of a round, whatever it joins: the calls
of PyTorch. m is the price of one number in one join. Loop, chunks and trees have prices of their
own: a loop's join makes one number and theirs two, and a tree must also cut and put together what
it joins. Within a round all joins may run side by side,
so workers share the second term and never the first. (Brent's theorem: a round of k joins takes p
equal workers at most k/p + 1; the 1 is m here, and next to c it is nothing.)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from course.lab.scan_steps import PREFIXES, Cost, count_cost

Row = Mapping[str, Any]  # "method", "length", "numbers", and the seconds of "forward" and "both"
LOOP, CHUNKS, TREES = ("fast",), ("chunked",), ("hillis_steele", "sklansky", "blelloch")


class Prices(NamedTuple):
    """Seconds of one round (c) and of one number in one join (m)."""

    round: float
    number: float


@cache
def cost_of(method: str, length: int) -> Cost:
    """Joins and rounds of a method of `nmt.scan`; those of the fast loop are a loop's."""
    return (
        Cost(length - 1, length - 1) if method == "fast" else count_cost(PREFIXES[method], length)
    )


def fit_prices(rows: Iterable[Row], part: str = "both") -> dict[str, Prices]:
    """The prices of the fast loop, of chunks, and those that all trees share, by method: least
    squares of the relative error of T, where T is the fastest of several runs.

    Args:
        rows: measurements; those of other methods are left out.
        part: "forward" or "both", the seconds that are fitted.
    """
    rows, prices = list(rows), dict[str, Prices]()
    for group in (LOOP, CHUNKS, TREES):
        mine = [row for row in rows if row["method"] in group]
        seconds = np.array([row[part]["fastest"] for row in mine])
        costs = [(*cost_of(row["method"], row["length"]), row["numbers"]) for row in mine]
        terms = np.array([(rounds, joins * width) for joins, rounds, width in costs])
        solved = np.linalg.lstsq(terms / seconds[:, None], np.ones(len(mine)), rcond=None)[0]
        prices |= dict.fromkeys(group, Prices(*map(float, solved)))
    return prices


def predict(prices: Prices, method: str, length: int, width: float, workers: float = 1) -> float:
    """Seconds of a scan by the formula above."""
    cost = cost_of(method, length)
    return prices.round * cost.depth + prices.number * cost.work * width / workers


def ratios(prices: Mapping[str, Prices], rows: Sequence[Row], part: str = "both") -> list[float]:
    """Predicted over measured seconds, for each row whose method has prices."""
    return [
        predict(prices[row["method"]], row["method"], row["length"], row["numbers"])
        / row[part]["fastest"]
        for row in rows
        if row["method"] in prices
    ]


def crossing(prices: Mapping[str, Prices], length: int, workers: float = 1) -> float:
    """The width from which the fast loop is the quickest of all methods in `prices`."""
    loop, least = prices["fast"], 0.0
    for method, price in prices.items():
        mine, theirs = cost_of("fast", length), cost_of(method, length)
        saved = loop.round * mine.depth - price.round * theirs.depth
        paid = price.number * theirs.work - loop.number * mine.work
        if method != "fast" and saved > 0:
            least = max(least, saved * workers / paid)
    return least
