"""How long will it take? An estimate before starting, from the seconds of finished runs."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from math import log
from statistics import median
from typing import Any

from course.lab.grid import Run
from course.lab.records import count_words

SIMILAR = 3  # settings that an estimate asks
Records = Mapping[tuple[str, int], Mapping[str, Any]]


def seconds_of(runs: Iterable[Run], records: Records) -> dict[tuple[str, int], float | None]:
    """Estimated processor seconds of each run: the least of finished seeds of the same settings,
    which take the same steps: other work on the machine only adds to them. If there is none,
    seconds a training word of the runs with the most similar settings, times the words that the
    run will see: within a factor of three for nine in ten. None without a run of that kind of
    model.
    """
    same: dict[str, list[float]] = defaultdict(list)
    alike: dict[str, dict[str, tuple[dict[str, Any], float]]] = defaultdict(dict)
    for (settings, _), record in records.items():
        if "cpu_seconds" in record:  # the clock's alone says too little: others may have worked
            same[settings].append(record["cpu_seconds"])
            a_word = record["cpu_seconds"] / words_seen(record["training"])
            alike[record["model"]["kind"]][settings] = _size(record), a_word

    def by_similar(run: Run) -> float:
        own = _size({"model": run.model, "training": vars(run.training)})
        known = alike[run.model["kind"]].values()
        nearest = sorted((_distance(own, size), a_word) for size, a_word in known)[:SIMILAR]
        return median(a_word for _, a_word in nearest) * words_seen(vars(run.training))

    return {
        run.key: min(same[run.settings])
        if run.settings in same
        else by_similar(run)
        if run.model["kind"] in alike
        else None
        for run in runs
    }


def _size(record: Mapping[str, Any]) -> dict[str, Any]:
    """What a run's seconds depend on: its model, and how many words go through it at once."""
    return {**record["model"], "batch_size": record["training"]["batch_size"]}


def _distance(one: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    """How far apart two sizes are: a factor of e in a number counts as one, another word, too."""
    pairs = [(one.get(key), other.get(key)) for key in one.keys() | other.keys()]
    return sum(
        abs(log((1 + a) / (1 + b)))
        if isinstance(a, int | float) and isinstance(b, int | float)
        else a != b
        for a, b in pairs
    )


def words_seen(training: Mapping[str, Any]) -> int:
    """How many training words a run goes through in all its epochs."""
    words = training.get("words", 0) or count_words(training["data"], "train")
    return words * training["epochs"] * training.get("passes", 1)


def in_words(seconds: float) -> str:
    """A time as one reads it: 40 seconds, 12 minutes, 2 hours 5 minutes."""
    minutes = round(seconds / 60)
    if minutes < 1:
        whole = max(1, round(seconds))
        return f"{whole} second{'s' * (whole > 1)}"
    hours, rest = divmod(minutes, 60)
    parts = [f"{hours} hour{'s' * (hours > 1)}"] if hours else []
    return " ".join([*parts, f"{rest} minute{'s' * (rest != 1)}"] if rest or not hours else parts)
