"""What the live transformer of notebook 03 loses with each of its parts: one run for each switch,
recorded. `python -m course.lab.broken` trains them all again.
"""

import json
from dataclasses import asdict
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


def load_broken(config: TransformerConfig, training: TrainingConfig) -> dict[str, float]:
    """For "whole" and each switch the share of validation words that the model without that part
    spells right alone, after the last epoch.

    Raises:
        ValueError: if the record is of other settings than these.
    """
    record = json.loads(RECORD.read_text())
    recorded = TransformerConfig(**record["config"]), TrainingConfig(**record["training"])
    if recorded != (config, training):
        raise ValueError("the record is of other settings; run python -m course.lab.broken again")
    return {name: alone[-1] for name, alone in record["alone"].items()}


def main() -> None:
    """Train the whole model and each broken one, and write the record."""
    pairs, alone = load_pairs("small"), dict[str, list[float]]()
    for name in ("whole", *SWITCHES):
        off = [] if name == "whole" else [name]
        rows: list[dict[str, Any]] = train_without(CONFIG, TRAINING, off, pairs=pairs)
        alone[name] = [row["alone"] for row in rows]
        print(f"{name:<14}{alone[name][-1]:.1%}", flush=True)
    record = {"config": asdict(CONFIG), "training": asdict(TRAINING), "alone": alone}
    write_whole(RECORD, (json.dumps(record, indent=1) + "\n").encode())


if __name__ == "__main__":
    main()
