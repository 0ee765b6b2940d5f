"""How long will it take? An estimate before starting: from finished runs of the same settings, or
else from the model's size.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from statistics import mean
from typing import Any

from course.lab.grid import Run
from nmt.data import load_pairs, training_words

# Processor seconds a batch, measured on one busy core: a fixed part a layer, and one that grows
# with the numbers that are moved.
_TRANSFORMER = (4.8e-3, 1.75e-9)  # a layer; a layer, word and parameter
_MAMBA = (
    1.0e-3,
    3.3e-4,
    4.0e-9,
)  # a layer; a layer and letter; a layer, letter, word, channel and state
_RULES = {"mixed": 1.0, "zoh": 3.0}  # rules that change the input too take so many times as long,
_OTHER_RULE = 1.7  # or else so many,
_STORED = 3.5  # and scans that store Ā and B̄ so many
_PADDED = 1.6  # and padded batches, with their masks
_LETTERS = 21  # of source and target together, on average


def estimate(run: Run) -> float:
    """The processor seconds that a run will take, from its settings alone: right within a factor of
    two on the machine it was fitted on.
    """
    config = run.training
    piles, held_out = piles_of(config.data, config.words)
    words = sum(piles)
    batches = sum(
        math.ceil(pile / config.batch_size)
        for pile in (piles if config.batching == "length" else (words,))
    )
    measured = 2 * held_out
    in_batch = words / batches
    padded = _PADDED if config.batching == "random" else 1.0
    steps = config.epochs * (
        padded * config.passes * batches + measured / 200
    )  # measuring takes batches of some 200 words
    return steps * _batch_seconds(run.model, in_batch)


@cache
def piles_of(data: str, words: int) -> tuple[tuple[int, ...], int]:
    """How many training words there are of each pair of lengths, and how many validation words in
    all.
    """
    pairs = training_words(load_pairs(data, "train"), words)
    return tuple(Counter((len(pair.source), len(pair.target)) for pair in pairs).values()), len(
        load_pairs(data, "val")
    )


def _batch_seconds(model: Mapping[str, Any], words: float) -> float:
    if model["kind"] == "transformer":
        layers = model["encoder_layers"] + model["decoder_layers"]
        fixed, moved = _TRANSFORMER
        return fixed * layers + moved * words * layers * model["hidden_size"] ** 2 * 12
    layers, channels = model["num_layers"], model["expansion"] * model["hidden_size"]
    fixed, letter, moved = _MAMBA
    slower = (
        _RULES.get(model["discretization"], _OTHER_RULE) if model["scan"] == "fused" else _STORED
    )
    per_letter = letter + moved * words * channels * (model["state_size"] + 8) * slower
    return layers * (fixed + _LETTERS * per_letter)


def seconds_of(
    runs: Iterable[Run], records: Mapping[tuple[str, int], Mapping[str, Any]]
) -> dict[tuple[str, int], float]:
    """Estimated processor seconds of each run: the mean of finished seeds of the same settings
    where there are some, else `estimate`.

    Estimates are scaled by what the finished runs took against their own estimates, so that they
    fit the machine as records come in.
    """
    runs = list(runs)
    finished = defaultdict(list)
    for (settings, _), record in records.items():
        if (
            "cpu_seconds" in record
        ):  # older records know the clock's time only, which other work may have stretched
            finished[settings].append(record["cpu_seconds"])
    guesses: dict[str, float] = {}
    for run in runs:
        if run.settings not in guesses:
            guesses[run.settings] = estimate(run)
    known = [settings for settings in guesses if settings in finished]
    scale = sum(mean(finished[s]) for s in known) / sum(guesses[s] for s in known) if known else 1.0
    return {
        run.key: (
            mean(finished[run.settings])
            if run.settings in finished
            else scale * guesses[run.settings]
        )
        for run in runs
    }


def in_words(seconds: float) -> str:
    """A time as one reads it: 40 seconds, 12 minutes, 2 hours 5 minutes."""
    minutes = round(seconds / 60)
    if minutes < 1:
        whole = max(1, round(seconds))
        return f"{whole} second{'s' * (whole > 1)}"
    hours, rest = divmod(minutes, 60)
    parts = [f"{hours} hour{'s' * (hours > 1)}"] if hours else []
    return " ".join([*parts, f"{rest} minute{'s' * (rest != 1)}"] if rest or not hours else parts)
