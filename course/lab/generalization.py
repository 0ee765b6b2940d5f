"""Beyond the data: invented words, words longer than any in training, words of one repeated letter,
and words unlike all of training.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from course.lab.catalogue import CATALOGUE
from course.lab.grid import runs_of
from course.lab.invented_words import WUG_CLASSES, make_long_wugs, make_wugs
from course.lab.mistakes import count_kinds, rates
from course.lab.nearest_words import edit_distances
from course.lab.records import compact_json
from course.lab.sweep import FOLDER
from nmt.checkpoints import fingerprint, load_checkpoint, write_whole
from nmt.data import WordPair, load_pairs, training_words
from nmt.decoding import Seq2Seq, greedy_decode
from nmt.pig_latin import LETTERS, to_pig_latin

WUGS = 100  # invented words a class
LONG_WUGS = 50  # invented words a length
LONGER_BY = (0, 2, 4, 6, 8, 12, 16)  # letters more than the longest training word
REPEATS = range(1, 13)
SHOWN = 8  # mistakes that are kept as examples
FARTHEST = 4  # words at least so many letters from any training word are counted together


def look_at_all(names: Sequence[str], out: Path, tell: Callable[[str], None]) -> None:
    """Ask several checkpoints, and write the record `out`; `tell` gets a line for each.

    Raises:
        CheckpointError: before the first is asked, for a name that is no checkpoint.
    """
    checkpoints = {name: load_checkpoint(name) for name in names}
    before = json.loads(out.read_text(encoding="utf-8")) if out.exists() else {}
    results = {}
    for name, checkpoint in checkpoints.items():
        training = checkpoint.record["training"]
        found = look_beyond(checkpoint.model, training["data"], training.get("words", 0))
        results[Path(name).stem] = {
            "weights": fingerprint(name),
            "seed": checkpoint.record["seed"],
            **found,
            "seeds": by_seed(Path(name).stem, before.get(Path(name).stem, {}).get("seeds", {})),
        }
        wrong, asked = map(sum, zip(*(group["wrong"] for group in found["wugs"].values())))
        tell(
            f"{name}: {found['validation']['wrong'][0]} validation words wrong, {wrong} of {asked}"
            " invented words"
        )
    write_whole(out, compact_json(results, levels=3).encode())


def look_beyond(model: Seq2Seq, data: str, words: int = 0) -> dict[str, Any]:
    """Everything of this file for one model, as plain data: for each group [wrong, asked], and some
    of the mistakes.

    Here, and nowhere else in the course, the test words are asked: once, of models whose settings
    were chosen on the validation words.

    Args:
        model: a trained model.
        data: the data set that it was trained on, "small" or "large".
        words: the number of its training words (0: all).
    """
    training = training_words(load_pairs(data, "train"), words)
    held_out = load_pairs(data, "val")
    mistakes = ask(model, [pair.source for pair in held_out], shown=None)["mistakes"]
    wrong = {source for source, _, _ in mistakes}
    longest = max(len(pair.source) for pair in training)
    most = model.longest_word
    return {
        "data": data,
        "validation": {
            "wrong": [len(wrong), len(held_out)],
            "kinds": count_kinds(mistakes),
            "by_length": _as_lists(rates(held_out, wrong, lambda pair: len(pair.source))),
            "by_class": _as_lists(rates(held_out, wrong, lambda pair: pair.rule_class)),
            "by_distance": distance_rates(held_out, wrong, training),
        },
        "test": ask(model, _test_words(data), shown=None),
        "wugs": {kind: ask(model, make_wugs(kind, WUGS)) for kind in WUG_CLASSES},
        "longest_in_training": longest,
        "long": {
            str(n): ask(model, make_long_wugs(n, LONG_WUGS))
            for by in LONGER_BY
            if (n := longest + by) <= most
        },
        "one_letter": {
            str(times): ask(model, [letter * times for letter in LETTERS]) for times in REPEATS
        },
    }


def by_seed(name: str, before: dict[str, Any]) -> dict[str, Any]:
    """The test words by every run of the row that ships `name`, by its seed: asked where the run
    has left its weights in `FOLDER`, else as the record had them `before`.
    """
    found = dict(before)
    for run in runs_of([CATALOGUE["best"]]):
        weights = FOLDER / run.folder / "model.safetensors"
        if run.name == name and weights.exists():
            model = load_checkpoint(weights).model
            asked = ask(model, _test_words(run.training.data), shown=None)
            found[str(run.seed)] = {"weights": fingerprint(weights), **asked}
    return dict(sorted(found.items()))


def _test_words(data: str) -> list[str]:
    return [pair.source for pair in load_pairs(data, "test")]


def ask(model: Seq2Seq, words: Sequence[str], shown: int | None = SHOWN) -> dict[str, Any]:
    """How many of `words` the model spells wrong, as [wrong, asked], and the first mistakes
    (`shown`; None: all), as [word, right, answer].
    """
    answers = greedy_decode(model, words)
    mistakes = [
        [word, to_pig_latin(word), answer]
        for word, answer in zip(words, answers, strict=True)
        if answer != to_pig_latin(word)
    ]
    return {"wrong": [len(mistakes), len(words)], "mistakes": mistakes[:shown]}


def distance_rates(
    held_out: Iterable[WordPair], wrong: set[str], training: Iterable[WordPair]
) -> dict[str, list[int]]:
    """[wrong, asked] by the distance to the nearest training word, in letters; the last group is "4
    or more".
    """
    known = [pair.source for pair in training]

    def group(pair: WordPair) -> str:
        letters = int(edit_distances(pair.source, known).min())
        return f"{FARTHEST} or more" if letters >= FARTHEST else str(letters)

    return _as_lists(rates(held_out, wrong, group))


def _as_lists(counted: dict[Any, Any]) -> dict[str, list[int]]:
    return {str(key): [rate.wrong, rate.words] for key, rate in counted.items()}
