"""How a size gets its recipe: a grid of short runs, and one rule on words that no table reports.

Learning rate, dropout and weight decay are chosen once for each size, and all rows of that size
take them. The words are those of `nmt.runs.wide_words`: the 323 validation words that tables report
choose nothing.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import product
from statistics import mean
from typing import Any

from course.lab.grid import Row
from nmt.batches import LengthBuckets, RandomBatches
from nmt.data import load_pairs

RATES = (0.001, 0.003, 0.01)
REGULARISED = ((0.0, 0.01), (0.1, 0.1), (0.2, 0.7))  # dropout with weight decay
GRID_EPOCHS = 50
TIE = 1.05  # losses within 5 % of the smallest count as equal


def grid_rows(
    model: Mapping[str, Any],
    rates: Sequence[float] = RATES,
    regularised: Sequence[Sequence[float]] = REGULARISED,
    epochs: int = GRID_EPOCHS,
    name: str = "",
    beyond: Sequence[Sequence[float]] = (),
) -> tuple[Row, ...]:
    """The cells of a size's grid, each a row; `name` goes in front of their labels.

    `beyond` are cells outside, (rate, dropout, decay): where the best rate of the grid is its
    largest, a larger one is tried before the choice counts.
    """
    cells = [(rate, *rest) for rest, rate in product(regularised, rates)]
    return tuple(
        Row(
            f"{name}rate {rate:g}, dropout {dropout:g}, decay {decay:g}",
            model={**model, "dropout": dropout},
            training={"learning_rate": rate, "weight_decay": decay, "epochs": epochs},
        )
        for rate, dropout, decay in [*cells, *beyond]
    )


def chosen(records: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """The recipe that the rule takes from a grid's records: the smallest loss on the wide words.

    Of those within 5 % of it, the one with the largest weight decay counts, then the smallest rate.
    Where several models share a cell, its loss is their mean.
    """
    losses = defaultdict(list)
    for record in records:
        training = record["training"]
        cell = training["learning_rate"], record["model"]["dropout"], training["weight_decay"]
        losses[cell].append(record["wide"]["val_loss"])
    least = min(map(mean, losses.values()))
    near = [cell for cell, own in losses.items() if mean(own) <= TIE * least]
    rate, dropout, decay = min(near, key=lambda cell: (-cell[2], cell[0]))
    return {"learning_rate": rate, "dropout": dropout, "weight_decay": decay}


def epochs_for(steps: int, training: Mapping[str, Any]) -> int:
    """How many epochs make about `steps` steps on small."""
    batches = _batches_of_small(training.get("batching", "length"), training["batch_size"])
    return max(1, round(steps / math.ceil(batches / training["accumulate"])))


@cache
def _batches_of_small(batching: str, batch_size: int) -> int:
    kind = RandomBatches if batching == "random" else LengthBuckets
    return len(kind(load_pairs("small", "train"), batch_size, seed=0))


def is_flat(records: Sequence[Mapping[str, Any]]) -> bool:
    """Whether validation loss has stopped falling: the mean of the last twentieth of the epochs is
    not more than 10 % below that of the twentieth before. Means over seeds.

    A twentieth, because before that a cosine schedule still lets the rate fall, and the loss with
    it, however long the run. For the same reason this alone shows little: at the schedule's end
    nothing moves any more.
    """
    part = math.ceil(len(records[0]["epochs"]) / 20)
    last, before = (
        mean(row["val_loss"] for record in records for row in record["epochs"][place])
        for place in (slice(-part, None), slice(-2 * part, -part))
    )
    return last >= 0.9 * before


def is_at_its_end(
    records: Sequence[Mapping[str, Any]], longer: Sequence[Mapping[str, Any]] = ()
) -> bool:
    """Whether a row was trained to the end: flat, and with nothing left to learn.

    Nothing is left if 99 % of the training words are right, or if runs of twice the epochs
    (`longer`) are not better on the wide words by more than a point of accuracy and 15 % of loss.
    """
    if not is_flat(records):
        return False
    if mean(record["last"]["train_accuracy"] for record in records) >= 0.99:
        return True
    if not longer:
        return False
    ours, theirs = (
        {key: mean(record["wide"][key] for record in group) for key in ("val_accuracy", "val_loss")}
        for group in (records, longer)
    )
    gained = theirs["val_accuracy"] - ours["val_accuracy"] > 0.01
    return not (gained and theirs["val_loss"] < 0.85 * ours["val_loss"])
