"""How long each model of the lab report takes to spell a word: one clock, the same words and as
many letters for all, in turns. `python -m course.lab.latency` measures them again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from functools import cache, partial
from typing import Any

import torch

from course.lab.catalogue import CATALOGUE
from course.lab.grid import Experiment
from course.lab.records import RECORDS, compact_json
from course.lab.timing import take_turns
from nmt.checkpoints import build_model, read_model_config
from nmt.data import VOCABULARY, load_pairs
from nmt.decoding import Seq2Seq, greedy_decode
from nmt.files import write_whole

RECORD = RECORDS.parent / "latency.json"
SHOWN = [one for one in CATALOGUE.values() if not one.aside or one.name.startswith("short-")]
LETTERS = 11  # that are written: about the mean of our answers, with `<EOS>`
ALONE, TOGETHER = 16, 256  # words that are spelled one by one, and in one batch


def architecture(model: Mapping[str, Any]) -> str:
    """What two models share exactly if they do the same work for a word: all settings but dropout,
    those left out as their defaults.
    """
    config = {"kind": model["kind"], **asdict(read_model_config(model))}
    return json.dumps({key: config[key] for key in sorted(config) if key != "dropout"})


def architectures(experiments: Iterable[Experiment]) -> list[str]:
    """Those of all rows, each once."""
    models = (one.runs(row)[0].model for one in experiments for row in one.rows)
    return list(dict.fromkeys(architecture(model) for model in models))


def spell(model: Seq2Seq, words: list[str], size: int) -> None:
    """Spell the words in batches of `size`, `LETTERS` letters each whatever they are."""
    for begin in range(0, len(words), size):
        greedy_decode(model, words[begin : begin + size], max_steps=LETTERS)


def measure(
    models: Iterable[str], words: list[str], rounds: int = 2
) -> dict[str, dict[str, float]]:
    """For each architecture the processor's milliseconds a word, the fastest of several rounds: "1"
    for `ALONE` words one by one, "256" for `TOGETHER` in one batch.

    Weights are fresh ones, which no more than the letters change the work; `<EOS>` is never chosen.
    """
    actions: dict[str, Callable[[], object]] = {}
    for name in models:
        torch.manual_seed(0)
        model = build_model(json.loads(name))
        torch.nn.init.constant_(model.output.bias[VOCABULARY.eos : VOCABULARY.eos + 1], -1e9)
        actions[f"1 {name}"] = partial(spell, model, words[:ALONE], 1)
        actions[f"{TOGETHER} {name}"] = partial(spell, model, words[:TOGETHER], TOGETHER)
    turns = take_turns(actions, rounds, time.process_time)
    found: dict[str, dict[str, float]] = {}
    for told, seconds in turns.items():
        size, _, name = told.partition(" ")
        asked = ALONE if size == "1" else TOGETHER
        found.setdefault(name, {})[size] = round(1000 * seconds.fastest / asked, 3)
    return found


@cache
def _recorded() -> dict[str, dict[str, float]]:
    return dict(json.loads(RECORD.read_text(encoding="utf-8")))


def latency(model: Mapping[str, Any]) -> dict[str, float]:
    """The recorded milliseconds a word, by the number of words in a batch, "1" and "256"; empty for
    an architecture that no experiment of the catalogue has.
    """
    return _recorded().get(architecture(model), {})


def main() -> None:
    """Measure all architectures that the report shows, and write the record."""
    torch.set_num_threads(1)
    words = [pair.source for pair in load_pairs("small", "val")]
    found = measure(architectures(SHOWN), words)
    write_whole(RECORD, compact_json(found, levels=1).encode())
    print(f"{len(found)} architectures measured")


if __name__ == "__main__":
    main()
