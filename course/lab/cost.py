"""How long will it take? An estimate before starting, from the seconds of finished runs."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from statistics import mean, median
from typing import Any

from course.lab.grid import Run
from nmt.data import load_pairs

Records = Mapping[tuple[str, int], Mapping[str, Any]]


def seconds_of(runs: Iterable[Run], records: Records) -> dict[tuple[str, int], float | None]:
    """Estimated processor seconds of each run: the mean of finished seeds of the same settings. If
    there is none, seconds a training word in the middle of all finished runs of that kind of model,
    times the words that the run will see: right within a factor of three. None without such a run.
    """
    same, alike = defaultdict(list), defaultdict(list)
    for (settings, _), record in records.items():
        if "cpu_seconds" in record:  # the clock's alone says too little: others may have worked
            same[settings].append(record["cpu_seconds"])
            seen = words_seen(record["training"])
            alike[record["model"]["kind"]].append(record["cpu_seconds"] / seen)
    return {
        run.key: mean(same[run.settings])
        if run.settings in same
        else median(alike[run.model["kind"]]) * words_seen(vars(run.training))
        if run.model["kind"] in alike
        else None
        for run in runs
    }


def words_seen(training: Mapping[str, Any]) -> int:
    """How many training words a run goes through in all its epochs."""
    words = training.get("words", 0) or _all_words(training["data"])
    return words * training["epochs"] * training.get("passes", 1)


@cache
def _all_words(data: str) -> int:
    return len(load_pairs(data, "train"))


def in_words(seconds: float) -> str:
    """A time as one reads it: 40 seconds, 12 minutes, 2 hours 5 minutes."""
    minutes = round(seconds / 60)
    if minutes < 1:
        whole = max(1, round(seconds))
        return f"{whole} second{'s' * (whole > 1)}"
    hours, rest = divmod(minutes, 60)
    parts = [f"{hours} hour{'s' * (hours > 1)}"] if hours else []
    return " ".join([*parts, f"{rest} minute{'s' * (rest != 1)}"] if rest or not hours else parts)
