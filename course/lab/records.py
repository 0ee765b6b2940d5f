"""What a run leaves behind: one small JSON file with everything that a table or a figure needs, and
never the weights.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from nmt import ROOT
from nmt.checkpoints import read_config, read_model_config, write_whole
from nmt.data import Split, load_pairs
from nmt.training import TrainingConfig

RECORDS = ROOT / "assets" / "results" / "runs"
MOST_ANSWERS = 100  # so many wrong answers are kept in full; of the others only the English words
_DIGITS = 5  # significant ones, in curves


def settings_key(model: Mapping[str, Any], training: Mapping[str, Any]) -> str:
    """Twelve hexadecimal digits that two runs share exactly if they differ in nothing but seed and
    device.

    Settings left out count as their defaults, so that a record made before a setting existed keeps
    its key.

    Raises:
        ValueError: for an unknown kind or key, or a value of the wrong type.
    """
    full_model = asdict(read_model_config(model))
    full_training = asdict(read_config(TrainingConfig, training))
    del full_training["seed"], full_training["device"]
    text = json.dumps([model["kind"], full_model, full_training], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def record_key(record: Mapping[str, Any]) -> tuple[str, int]:
    """What a record is found by: its settings and its seed."""
    return settings_key(record["model"], record["training"]), record["seed"]


def pack_record(record: Mapping[str, Any]) -> dict[str, Any]:
    """The record as it is kept in the repository: curves as columns of five digits, at most 100
    wrong answers in full.

    Where there are more, every n-th is kept, evenly over the alphabet, and "also_wrong" names
    the other words.
    """
    rows, mistakes = record["epochs"], record["mistakes"]
    curves = {key: [_short(row.get(key)) for row in rows] for key in (rows[0] if rows else ())}
    kept = set(range(len(mistakes)))
    if len(mistakes) > MOST_ANSWERS:
        kept = {place * len(mistakes) // MOST_ANSWERS for place in range(MOST_ANSWERS)}
    packed = {key: value for key, value in record.items() if key not in ("epochs", "mistakes")}
    packed["mistakes"] = [mistake for place, mistake in enumerate(mistakes) if place in kept]
    packed["also_wrong"] = " ".join(
        mistake[0] for place, mistake in enumerate(mistakes) if place not in kept
    )
    return {**packed, "curves": curves}


def _short(value: Any) -> Any:
    return float(f"{value:.{_DIGITS}g}") if isinstance(value, float) else value


def write_record(
    record: Mapping[str, Any], folder: Path = RECORDS, path: Path | None = None
) -> Path:
    """Write a record, packed, as NAME-seedK.json (or to `path`), whole or not at all: one line for
    each of its keys.
    """
    path = path or folder / f"{record['name']}-seed{record['seed']}.json"
    write_whole(path, compact_json(pack_record(record)).encode())
    return path


def compact_json(data: Mapping[str, Any], levels: int = 1) -> str:
    """JSON with a line for each key of the outer `levels`, all that is inside on that line: small,
    and still to be compared by lines.
    """
    return _lines(data, levels, "") + "\n"


def _lines(value: Any, levels: int, margin: str) -> str:
    if not levels or not isinstance(value, Mapping) or not value:
        return json.dumps(value, ensure_ascii=False)
    inner = margin + " "
    rows = [
        f"{inner}{json.dumps(key)}: {_lines(content, levels - 1, inner)}"
        for key, content in value.items()
    ]
    return "{\n" + ",\n".join(rows) + f"\n{margin}}}"


def read_record(path: Path) -> dict[str, Any]:
    """One record from its file, its curves as one row an epoch again ("epochs")."""
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if "curves" in record:
        curves = record.pop("curves")
        record["epochs"] = [dict(zip(curves, row)) for row in zip(*curves.values(), strict=True)]
    return record


def load_records(name: str, folder: Path = RECORDS) -> list[dict[str, Any]]:
    """The records of one named experiment that came with the course, NAME-seedK.json, in the order
    of their seeds.

    Args:
        name: such as "positions-rotary".
        folder: where the records lie.
    """
    records = [read_record(path) for path in folder.glob(f"{name}-seed[0-9]*.json")]
    return sorted(records, key=lambda record: record["seed"])


def find_records(folder: Path = RECORDS) -> dict[tuple[str, int], dict[str, Any]]:
    """Every record of the folder by its settings and seed, whatever its name. Of two with the same,
    the first by file name counts.

    A record whose settings this version does not know is left out.
    """
    return {key: record for key, (_, record) in find_files(folder).items()}


def find_files(folder: Path = RECORDS) -> dict[tuple[str, int], tuple[Path, dict[str, Any]]]:
    """The same, each with its file."""
    found: dict[tuple[str, int], tuple[Path, dict[str, Any]]] = {}
    for path in sorted(folder.glob("*-seed[0-9]*.json")):
        record = read_record(path)
        try:
            found.setdefault(record_key(record), (path, record))
        except (KeyError, ValueError):
            continue
    return found


@cache
def count_words(data: str, split: Split) -> int:
    """How many words a split of a data set has."""
    return len(load_pairs(data, split))


def wrong_words(record: Mapping[str, Any]) -> set[str]:
    """The validation words that the run spelled wrong."""
    return {mistake[0] for mistake in record["mistakes"]} | set(
        record.get("also_wrong", "").split()
    )


def epoch_reported(records: Iterable[Mapping[str, Any]]) -> str:
    """Of which epoch `nmt.runs.reported` tells: "last", "best", or "" for no record."""
    kinds = {"last" if "last" in record else "best" for record in records}
    return "best" if "best" in kinds else "".join(kinds)
