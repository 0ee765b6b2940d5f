"""Curves that grow while a model trains, and an explorer of finished runs with different position
schemes.
"""

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

from ipywidgets import HTML, Dropdown, VBox
from tqdm.notebook import tqdm

from course.plots.style import Picture
from course.plots.training import plot_learning_curves, plot_mistakes
from course.widgets.common import Explorer, explorer, render
from nmt.data import WordPair
from nmt.training import TrainingState

SHOWN = ("learning curves", "mistakes by length and dash", "mistakes by rule class")
Runs = Mapping[str, Sequence[Mapping[str, Any]]]


class LiveCurves(VBox):
    """A progress bar above curves that grow with every epoch: display it, then pass it to `train`
    as `on_epoch`.

    Args:
        epochs: how many epochs the run will take, for the bar and the axis.
        pause: how many times as long as the last drawing took to wait before the next, so that
            drawing takes little from training.
    """

    def __init__(self, epochs: int, *, pause: float = 10.0) -> None:
        self.epochs, self.pause, self._next = epochs, pause, -math.inf
        self.bar = tqdm(total=epochs, desc="training", unit="epoch", display=False)
        self.figure = HTML("The curves appear after the first epoch.")
        super().__init__([self.bar.container, self.figure])

    def __call__(self, state: TrainingState) -> None:
        """Show how far the run came; `train` calls this after each epoch."""
        rows = state.progress.epochs
        self.bar.update(len(rows) - self.bar.n)
        loss, right = rows[-1]["val_loss"], rows[-1]["val_accuracy"]
        self.bar.set_postfix(loss=f"{loss:.3f}", words=f"{right:.1%}")
        done, began = len(rows) >= self.epochs, time.monotonic()
        if done or began >= self._next:
            self.figure.value = render(plot_learning_curves, {"rows": rows, "epochs": self.epochs})
            ended = time.monotonic()
            self._next = ended + self.pause * (ended - began)
        if done:
            self.bar.close()

    def __repr__(self) -> str:
        return "Curves that grow while the model trains: run this cell to see them."


def show_position_run(
    runs: Runs, pairs: Sequence[WordPair], scheme: str, run: int = 1, show: str = SHOWN[0]
) -> Picture:
    """One recorded run of one position scheme: its learning curves, or which validation words it
    spells wrong.

    Args:
        runs: for each scheme its records, one a seed.
        pairs: the words that the records' mistakes were made on.
        scheme: one of the keys of `runs`.
        run: which of its records, counted from 1.
        show: one of `SHOWN`.
    """
    record = runs[scheme][run - 1]
    if show == SHOWN[0]:
        return plot_learning_curves(record["epochs"])
    wrong = {source for source, _, _ in record["mistakes"]}
    return plot_mistakes(pairs, wrong, by=show.removeprefix("mistakes by "))


def explore_positions(runs: Runs, pairs: Sequence[WordPair]) -> Explorer:
    """Dropdowns for scheme, run and view, above the figure of `show_position_run`."""
    controls = {
        "scheme": Dropdown(options=list(runs), description="Positions:"),
        "run": Dropdown(options=range(1, 1 + min(map(len, runs.values()))), description="Run:"),
        "show": Dropdown(options=SHOWN, description="Show:"),
    }
    return explorer(controls, lambda **values: show_position_run(runs, pairs, **values))
