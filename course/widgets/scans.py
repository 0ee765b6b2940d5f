"""The explorers of notebook 05: a scan joined round by round, measured times for recurrences of
three widths, and predicted ones for more workers than there were.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ipywidgets import Dropdown, Widget

from course.lab.scan_costs import Prices
from course.lab.scan_steps import PREFIXES, watch
from course.plots.scan_times import plot_predicted_times, plot_scan_times
from course.plots.scans import SCAN_NAMES, plot_rounds
from course.plots.style import Picture
from course.widgets.common import Explorer, explorer
from course.widgets.fields import offer

LENGTHS = (4, 5, 6, 7, 8, 11, 16)
WIDTHS = {
    "one channel, 16 numbers": "narrow",
    "one word in a layer, 2,048": "layer",
    "a training batch, 262,144": "training",
}
WORKERS = {f"{2**power:,}": 2**power for power in range(15)}


def explore_rounds() -> Explorer:
    """Step through a scan: choose the way to join, the length, and how many rounds to show."""
    scans = [(SCAN_NAMES[name], name) for name in PREFIXES]
    controls = {
        "method": Dropdown(options=scans, value="hillis_steele", description="Scan:"),
        "length": Dropdown(options=LENGTHS, value=8, description="Positions:"),
        "shown": Dropdown(options=range(4), value=0, description="Rounds done:"),
    }

    def draw(method: str, length: int, shown: int) -> Picture:
        return plot_rounds(method, length, shown)

    def adjust(controls: Mapping[str, Widget]) -> None:
        """Offer the rounds that the chosen scan has."""
        rounds = watch(PREFIXES[controls["method"].value], controls["length"].value)
        offer(controls["shown"], range(len(rounds) + 1))

    return explorer(controls, draw, adjust)


def explore_times(rows: Sequence[Mapping[str, Any]]) -> Explorer:
    """Stored times against length: choose how many numbers a state has and, where they differ, how
    many threads worked.

    `rows` come from scans.json.
    """
    threads = sorted({row["threads"] for row in rows})

    def draw(width: str, threads: int = threads[0]) -> Picture:
        chosen = (width, threads)
        return plot_scan_times([row for row in rows if (row["width"], row["threads"]) == chosen])

    controls: dict[str, Any] = {
        "width": Dropdown(options=list(WIDTHS.items()), value="layer", description="State:")
    }
    if len(threads) > 1:  # else there is nothing to choose
        controls["threads"] = Dropdown(options=threads, value=threads[0], description="Threads:")
    return explorer(controls, draw)


def explore_workers(prices: Mapping[str, Prices], rows: Sequence[Mapping[str, Any]]) -> Explorer:
    """Predicted times against the width: choose how many workers share a round, and the length.

    `prices` as of `fit_prices`; `rows` are shown as dots where one worker has measured them.
    """

    def draw(workers: str, length: int) -> Picture:
        return plot_predicted_times(prices, rows, length, WORKERS[workers])

    lengths = [(f"{n:,}", n) for n in (40, 1000, 10_000)]
    controls = {
        "workers": Dropdown(options=list(WORKERS), value="1", description="Workers:"),
        "length": Dropdown(options=lengths, value=1000, description="Length:"),
    }
    return explorer(controls, draw)
