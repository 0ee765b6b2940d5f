"""How a size gets its recipe: a grid of short runs, and one rule on words that no table reports.

Learning rate, dropout and weight decay are chosen once for each size, and all rows of that size
take them. The words are those of `nmt.runs.wide_words`: the 323 validation words that tables report
choose nothing.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from course.lab.grid import Row
from nmt.batches import LengthBuckets, RandomBatches
from nmt.data import load_pairs

RATES = (0.001, 0.003, 0.01)
REGULARISED = ((0.0, 0.01), (0.1, 0.1), (0.2, 0.7))  # dropout with weight decay
GRID_EPOCHS = 50
TIE = 1.05  # losses within 5 % of the smallest count as equal


def grid_rows(model: Mapping[str, Any]) -> tuple[Row, ...]:
    """The nine cells of a size's grid, each a row."""
    return tuple(
        Row(
            f"rate {rate:g}, dropout {dropout:g}, decay {decay:g}",
            model={**model, "dropout": dropout},
            training={"learning_rate": rate, "weight_decay": decay, "epochs": GRID_EPOCHS},
        )
        for (dropout, decay), rate in product(REGULARISED, RATES)
    )


def chosen(records: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """The recipe that the rule takes from a grid's records: the smallest loss on the wide words.

    Of those within 5 % of it, the one with the largest weight decay counts, then the smallest rate.

    Raises:
        ValueError: if there is no record, or one without wide words.
    """
    if not records or not all("wide" in record for record in records):
        raise ValueError("a recipe is chosen from records that know their wide words")
    least = min(record["wide"]["val_loss"] for record in records)
    near = [record for record in records if record["wide"]["val_loss"] <= TIE * least]
    cells = [
        {
            "learning_rate": record["training"]["learning_rate"],
            "dropout": record["model"]["dropout"],
            "weight_decay": record["training"]["weight_decay"],
        }
        for record in near
    ]
    return min(cells, key=lambda cell: (-cell["weight_decay"], cell["learning_rate"]))


def epochs_for(steps: int, training: Mapping[str, Any]) -> int:
    """How many epochs make about `steps` steps on small."""
    kind = RandomBatches if training.get("batching") == "random" else LengthBuckets
    batches = len(kind(load_pairs("small", "train"), training["batch_size"], seed=0))
    return max(1, round(steps / math.ceil(batches / training["accumulate"])))
