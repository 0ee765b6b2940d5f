"""Tables of words: every mistake of a run with its kind and the nearest word of training, and what
shipped models make of test words.
"""

from collections.abc import Mapping
from statistics import mean, stdev
from typing import Any

from course.lab.mistakes import kind_of_mistake
from course.lab.nearest_words import look_alikes
from course.lab.tables import Outcome
from course.plots.tables import Table
from nmt.data import load_pairs, training_words
from nmt.pig_latin import rule_class

MOST = 12  # mistakes that are shown of one run


def mistake_table(runs: Mapping[str, Mapping[str, Any]]) -> Table:
    """Every wrong validation word of each run (the first 12), with the kind of mistake, the word's
    class, and its nearest training word.

    Args:
        runs: by the name to show, their records.
    """
    rows: list[tuple[str, ...]] = []
    for name, record in runs.items():
        mistakes = record["mistakes"]
        seen = load_pairs(record["training"]["data"], "train")
        training = training_words(seen, record["training"].get("words", 0))
        wrong = [source for source, _, _ in mistakes[:MOST]]
        near = look_alikes(wrong, [pair.source for pair in training])
        for (source, right, answer), found in zip(mistakes, near):
            kinds = kind_of_mistake(source, answer), rule_class(source)
            near_word = f"{found.nearest}, {found.distance}"
            rows.append((source, right, answer or "(nothing)", *kinds, near_word, name))
        if not mistakes:
            rows.append(("none", "", "", "", "", "", name))
        if len(mistakes) > MOST:
            rows.append((f"{len(mistakes) - MOST} more", "", "", "", "", "", name))
    columns = (
        "word",
        "right answer",
        "its answer",
        "kind of mistake",
        "class",
        "nearest training word, letters to change",
        "run",
    )
    caption = "Wrong validation words, all of them up to a dozen a run."
    return Table(caption, columns, tuple(rows))


def shipped_table(shipped: Mapping[str, Mapping[str, Any]], best: Mapping[str, Outcome]) -> Table:
    """Each best model on validation words, mean over seeds, and the shipped one of them on the test
    words, which are read only here.

    Args:
        shipped: for each model that is shipped, its part of assets/results/beyond.json.
        best: for each model, shipped or not, the outcome of its row.
    """
    rows = []
    for name, outcome in best.items():
        accuracies = outcome.values("val_accuracy")
        over_seeds = f"{mean(accuracies):.2%}" if accuracies else "not run yet"
        if len(accuracies) > 1:
            over_seeds += f" ± {stdev(accuracies):.2%}"
        own = shipped.get(name)
        cells = (
            ("not shipped yet", "", "")
            if own is None
            else (_right(own["validation"]), _right(own["test"]), str(own["seed"]))
        )
        size = f"{outcome.records[0]['parameters']:,}" if outcome.records else ""
        student = f"{outcome.row.student.val_accuracy:.1%}" if outcome.row.student else ""
        rows.append((outcome.row.label, size, over_seeds, str(len(accuracies)), *cells, student))
    columns = (
        "",
        "parameters",
        "validation words right",
        "seeds",
        "shipped: validation",
        "shipped: test",
        "its seed",
        "the student: validation",
    )
    caption = "The best models, and the only look at the test words."
    return Table(caption, columns, tuple(rows), frozenset(range(1, 8)))


def _right(found: Mapping[str, Any]) -> str:
    wrong, asked = found["wrong"]
    return f"{1 - wrong / asked:.2%} ({asked - wrong:,} of {asked:,})"
