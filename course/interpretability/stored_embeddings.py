"""Embedding and position tables of small transformers, before and after training, in one file.

`make embeddings` trains the models and runs this module, which keeps their tables and leaves the
rest behind.
"""

import json
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from safetensors.torch import load, save
from torch import Tensor, nn

from nmt import ROOT
from nmt.checkpoints import build_model, load_checkpoint, write_json, write_whole
from nmt.runs import reported

TABLES = ROOT / "assets" / "results" / "embeddings.safetensors"


@dataclass(frozen=True, eq=False)
class RunTables:
    """What is kept of one run: the table of its 29 tokens and, where it had one, that of
    its positions.

    `before` and `positions_before` are the tables as training found them. `record` sums up the run:
    settings, parameters, figures.
    """

    name: str
    record: dict[str, Any]
    before: Float[Tensor, "v d"] = field(repr=False)
    after: Float[Tensor, "v d"] = field(repr=False)
    positions_before: Float[Tensor, "l d"] | None = field(repr=False, default=None)
    positions_after: Float[Tensor, "l d"] | None = field(repr=False, default=None)

    @property
    def accuracy(self) -> float:
        """Word accuracy on the validation words."""
        return float(reported(self.record)["val_accuracy"])


def tables_of(model: nn.Module) -> dict[str, Tensor]:
    """A transformer's "embedding.weight" and, where positions are trained, "positions.table"."""
    return {
        name: tensor.detach()
        for name, tensor in model.state_dict().items()
        if name in ("embedding.weight", "positions.table")
    }


def collect_tables(runs: Sequence[Path], out: Path = TABLES) -> None:
    """Keep the tables of finished runs in `out` (.safetensors), and their records, shortened,
    beside it (.json).

    The tables before training are made again from the seed, as `nmt.runs.run` makes them.

    Args:
        runs: folders NAME-seedK or embeddings-NAME-seedK in which a run has left its model.
        out: the file of tables.

    Raises:
        CheckpointError: for a folder without a whole model.
    """
    tensors: dict[str, Tensor] = {}
    records = {}
    for folder in runs:
        name = folder.name.removeprefix("embeddings-")
        checkpoint = load_checkpoint(folder / "model")
        record = checkpoint.record
        torch.manual_seed(record["seed"])
        for when, model in (("before", build_model(record["model"])), ("after", checkpoint.model)):
            tensors |= {
                f"{name}/{when}/{table}": tensor.contiguous()
                for table, tensor in tables_of(model).items()
            }
        records[name] = {
            key: record[key]
            for key in ("model", "training", "seed", "parameters", "versions", "seconds", "last")
        }
    write_whole(out, save(tensors))
    write_json(out.with_suffix(".json"), {"runs": records})


def load_tables(path: Path = TABLES) -> dict[str, list[RunTables]]:
    """The kept tables: for each name, such as "width-8" or "positions-learned", its runs in the
    order of their seeds.
    """
    records = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["runs"]
    tensors, found = load(path.read_bytes()), defaultdict(list)
    for run, record in sorted(records.items(), key=lambda item: item[1]["seed"]):
        kept = [
            tensors.get(f"{run}/{when}/{name}")
            for name in ("embedding.weight", "positions.table")
            for when in ("before", "after")
        ]
        found[run.rpartition("-seed")[0]].append(RunTables(run, record, *kept))  # type: ignore[arg-type]
    return dict(found)


if __name__ == "__main__":
    collect_tables([Path(name) for name in sys.argv[1:]])
