"""What the live transformer of notebook 03 loses with each of its parts: one run for each switch,
and two with slower clock hands, recorded. `python -m course.lab.broken` trains them all again.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from course.lab.assembled import SWITCHES, train_without
from course.lab.records import RECORDS
from nmt.data import load_pairs
from nmt.files import write_whole
from nmt.training import TrainingConfig
from nmt.transformer import TransformerConfig

RECORD = RECORDS.parent / "broken.json"
CONFIG = TransformerConfig(mlp_size=64, dropout=0.0, rotary_base=100.0, rotary_cross=True)
TRAINING = TrainingConfig(
    epochs=8, batch_size=32, learning_rate=3e-3, weight_decay=0.1, warmup_epochs=1.0
)
SLOW = 10_000.0  # the base of long texts
# name → what is switched off, and the rotary base
RUNS: Mapping[str, tuple[list[str], float]] = {
    "whole": ([], CONFIG.rotary_base),
    **{name: ([name], CONFIG.rotary_base) for name in SWITCHES},
    "base 10,000": ([], SLOW),
    "rotary_cross, base 10,000": (["rotary_cross"], SLOW),
}


def load_broken(
    config: TransformerConfig, training: TrainingConfig
) -> dict[str, list[dict[str, float]]]:
    """For each of `RUNS` a row an epoch: "epoch", "val_loss" (nats per token, the right letters
    given) and "alone", the share of validation words that the model spells right by itself.

    Raises:
        ValueError: if the record is of other settings than these.
    """
    record = json.loads(RECORD.read_text())
    recorded = TransformerConfig(**record["config"]), TrainingConfig(**record["training"])
    if recorded != (config, training):
        raise ValueError("the record is of other settings; run python -m course.lab.broken again")
    return dict(record["runs"])


def main() -> None:
    """Train the whole model and each broken one, and write the record."""
    pairs, runs = load_pairs("small"), dict[str, list[dict[str, Any]]]()
    for name, (off, base) in RUNS.items():
        config = replace(CONFIG, rotary_base=base)
        rows = train_without(config, TRAINING, off, pairs=pairs)
        runs[name] = [{key: row[key] for key in ("epoch", "alone", "val_loss")} for row in rows]
        print(f"{name:<26}{rows[-1]['alone']:.1%}", flush=True)
    record = {"config": asdict(CONFIG), "training": asdict(TRAINING), "runs": runs}
    write_whole(RECORD, (json.dumps(record, indent=1) + "\n").encode())


if __name__ == "__main__":
    main()
