"""Break the transformer: switch parts off, train what is left, compare the curves."""

import html
from collections.abc import Collection, Sequence
from typing import Any

from ipywidgets import HTML, Button, Checkbox, HBox, Layout

from course.lab.assembled import SWITCHES, train_without
from course.plots.learning import plot_over_each_other
from course.plots.style import Picture
from course.widgets.worded import Worded
from nmt.data import WordPair
from nmt.training import TrainingConfig
from nmt.transformer import TransformerConfig

WHOLE = "the whole model"


def name_of(switched_off: Collection[str]) -> str:
    """How a run is called in the figure: "without residual, root", or "the whole model"."""
    named = [name.replace("_", " ") for name in SWITCHES if name in switched_off]
    return f"without {', '.join(named)}" if named else WHOLE


class Playground(Worded):
    """Five boxes to tick, a button that trains, and the curves of all runs so far over each other.

    Args:
        config, training: the whole model, and how it is trained; each run has the same seed.
        pairs: words to learn from and words held out.
        whole: the epochs of a finished run of the whole model, if there is one: it is drawn first.

    `runs` holds the rows of every finished run by its name. A run takes as long as `training` says
    and keeps Python busy; JupyterLab's stop button ends it, and what it reached stays.
    """

    def __init__(
        self,
        config: TransformerConfig,
        training: TrainingConfig,
        pairs: Sequence[WordPair],
        whole: Sequence[dict[str, Any]] = (),
    ) -> None:
        self.config, self.training, self.pairs = config, training, pairs
        self.runs: dict[str, list[dict[str, Any]]] = {}
        if whole:
            self.runs[WHOLE] = [{"alone": row["val_accuracy"], **row} for row in whole]
        wide = Layout(width="auto")
        self.boxes = {
            name: Checkbox(description=f"without {words}", indent=False, layout=wide)
            for name, words in SWITCHES.items()
        }
        self.train = Button(description=f"Train {training.epochs} epochs", layout=wide)
        self.forget = Button(description="Forget these runs", layout=wide)
        self.message, self.figure = HTML(), HTML(layout=Layout(min_height="330px"))
        for box in self.boxes.values():
            box.observe(self._announce, "value")
        self.train.on_click(self._train)
        self.forget.on_click(self._forget)
        boxes = HBox([*self.boxes.values()], layout=Layout(flex_flow="row wrap", grid_gap="0 16px"))
        buttons = HBox([self.train, self.forget])
        super().__init__([boxes, buttons, self.message, self.figure])
        self._draw(self.runs)

    def __repr__(self) -> str:
        boxes = ", ".join(box.description for box in self.boxes.values())
        return f"Playground (tick what to leave out: {boxes}; train): run this cell to use it."

    def _switched_off(self) -> list[str]:
        return [name for name, box in self.boxes.items() if box.value]

    def _announce(self, _change: Any = None) -> None:
        self._say(f"Next: {name_of(self._switched_off())}. The button below the boxes trains it.")

    def _train(self, _button: Any = None) -> None:
        switched_off = self._switched_off()
        name = name_of(switched_off)
        if name in self.runs:
            self._say(f"The curve of {name} is there already. Tick other boxes.")
            return
        self._say(f"Training {name}: about half a minute. The curve grows with every epoch.")
        try:
            asked = self.config, self.training, switched_off
            rows = train_without(
                *asked, pairs=self.pairs, on_epoch=lambda own: self._draw(self.runs | {name: own})
            )
            self.runs[name] = rows
            said = f"Done: {name} spells {rows[-1]['alone']:.1%} of the validation words right."
        except KeyboardInterrupt:
            said = f"{name} was stopped, and is not kept."
        except Exception as error:  # a page of notes must not fill with a traceback
            said = f"{name} was not trained. {type(error).__name__}: {error}"
        self._draw(self.runs)
        self._say(said)

    def _forget(self, _button: Any = None) -> None:
        self.runs = {name: rows for name, rows in self.runs.items() if name == WHOLE}
        self._draw(self.runs)
        self._say("")

    def _draw(self, runs: dict[str, list[dict[str, Any]]]) -> None:
        if any(runs.values()):
            self.figure.value = plot_over_each_other(runs, self.training.epochs).to_html()
        else:
            self.figure.value = "The curves appear after the first epoch."

    def _say(self, text: str) -> None:
        self.message.value = f'<div role="status" aria-live="polite">{html.escape(text)}</div>'


def break_transformer(
    config: TransformerConfig,
    training: TrainingConfig,
    switched_off: Collection[str],
    *,
    pairs: Sequence[WordPair],
    whole: Sequence[dict[str, Any]] = (),
) -> Picture:
    """The playground in one call: train without the parts in `switched_off`, and draw the curves.

    Args:
        config, training, pairs, whole: as for `Playground`.
        switched_off: names of `course.lab.assembled.SWITCHES`, such as ["mask", "root"].

    Raises:
        ValueError: for a name that is not a switch.
    """
    rows = train_without(config, training, switched_off, pairs=pairs)
    first = {WHOLE: [{"alone": row["val_accuracy"], **row} for row in whole]} if whole else {}
    return plot_over_each_other(first | {name_of(switched_off): rows}, training.epochs)
