"""Tables of results and of words as a reader sees them: rounded, with a caption, in the colours of
the page, and the same as plain text.
"""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Any

from course.lab.grid import Experiment
from course.lab.mistakes import kind_of_mistake
from course.lab.nearest_words import look_alikes
from course.lab.tables import NOT_RUN, Outcome, table
from course.lab.verdicts import Verdict
from course.plots.intervals import MARKS, numbers_of
from course.plots.training import wilson_interval
from nmt.data import load_pairs, training_words
from nmt.pig_latin import rule_class

MOST = 12  # mistakes that are shown of one run


@dataclass(frozen=True)
class Table:
    """A table with its caption: the first cell of each row names the row, `numbers` are the columns
    that are set flush right.

    A cell that is a pair is a link: what it says, and where it leads. `strong` are rows to be set
    in bold type. `reading` says below the table what to see in it, a line for each sentence or two.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | tuple[str, str], ...], ...]
    numbers: frozenset[int] = frozenset()
    strong: frozenset[int] = frozenset()
    reading: str = ""

    def __repr__(self) -> str:
        cells = [self.columns, *([_text(cell) for cell in row] for row in self.rows)]
        widths = [max(len(row[place]) for row in cells) for place in range(len(self.columns))]
        sides = [">" if place in self.numbers else "<" for place in range(len(widths))]
        form = "  ".join(f"{{:{side}{width}}}" for side, width in zip(sides, widths))
        lines = [form.format(*row).rstrip() for row in cells]
        return "\n".join([f"Table. {self.caption}", *lines, *self.reading.splitlines()])

    def to_html(self) -> str:
        """The table; it takes its colours from the page, so that it reads in the light and the dark
        theme.
        """

        def cell(
            kind: str, content: str | tuple[str, str], place: int, scope: str = "", style: str = ""
        ) -> str:
            text = html.escape(_text(content))
            if not isinstance(content, str):
                text = f'<a href="{html.escape(content[1])}">{text}</a>'
            align = "right" if place in self.numbers else "left"
            scope = f' scope="{scope}"' if scope else ""
            style = f"text-align:{align};vertical-align:top;padding:4px 8px{style}"
            return f'<{kind}{scope} style="{style}">{text}</{kind}>'

        head = "".join(cell("th", name, place, "col") for place, name in enumerate(self.columns))
        body = []
        for number, row in enumerate(self.rows):
            weight = f";font-weight:{'bold' if number in self.strong else 'normal'}"
            name = cell("th", row[0], 0, "row", weight)
            others = (cell("td", each, p, style=weight) for p, each in enumerate(row[1:], 1))
            body.append(f"<tr>{name}{''.join(others)}</tr>")
        style = "caption-side:top;text-align:left;padding:4px 0"
        caption = f'<caption style="{style}">{html.escape(self.caption)}</caption>'
        said = "".join(f"<p>{html.escape(line)}</p>" for line in self.reading.splitlines())
        table = f"{caption}<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody>"
        return f'<div style="overflow-x:auto"><table>{table}</table></div>{said}'

    def _repr_html_(self) -> str:
        return self.to_html()


def _text(cell: str | tuple[str, str]) -> str:
    return cell if isinstance(cell, str) else cell[0]


COLUMNS = (
    "", "words right, ± spread", "against the bold row (95 %), p", "loss: validation, training",
    "training words right", "parameters", "seconds", "the student: right, loss", "runs",
)  # fmt: skip
_EPOCHS = {
    "last": " Figures of the last epoch.",
    "best": " Figures of the best epoch on these words.",
    "bestlast": " Figures of the last epoch, or where runs are older of the best.",
}


def experiment_table(experiment: Experiment, outcomes: Sequence[Outcome]) -> Table:
    """The experiment's table, from the same cells as its CSV file: means over seeds, ± their
    standard deviation.

    Each row is held against the bold one, its base, on the same words: points more or less, a 95 %
    interval, and p for the number of rows.
    """
    found = table(outcomes)
    rows = tuple(_row(cells) for cells in found)
    strong = frozenset(place for place, cells in enumerate(found) if cells["reference"])
    epochs = {cells["epoch"] for cells in found if cells["epoch"]}
    caption = f"{experiment.question} Bold: the row that the others are held against."
    caption += _EPOCHS.get("".join(sorted(epochs)), "")
    return Table(caption, COLUMNS, rows, frozenset(range(1, 8)), strong)


def _row(cells: Mapping[str, str]) -> tuple[str, ...]:
    if cells["seeds"] == "0":
        return (cells["row"], NOT_RUN, "", "", "", "", "", _student(cells), "none")
    losses = [cells[key] for key in ("val_loss", "train_loss")]
    return (
        cells["row"],
        _percent(cells["val_accuracy"], cells["val_accuracy_sd"]),
        "" if cells["reference"] else _against(cells),
        ", ".join(f"{float(loss):.3f}" if loss else "not finite" for loss in losses),
        _percent(cells["train_accuracy"]),
        f"{int(cells['parameters']):,}",
        f"{int(cells['cpu_seconds']):,}" if cells["cpu_seconds"] else "not measured",
        _student(cells),
        cells["runs"],
    )


def _against(cells: Mapping[str, str]) -> str:
    if not cells["p"]:
        return ""
    value, low, high = (f"{100 * float(cells[key]):+z.1f}" for key in ("difference", "low", "high"))
    return f"{value} ({low} to {high}), {cells['p']}"


def _student(cells: Mapping[str, str]) -> str:
    accuracy = cells["student_val_accuracy"]
    return f"{_percent(accuracy)}, {cells['student_val_loss']}" if accuracy else ""


def _percent(share: str, spread: str = "") -> str:
    """A cell of the CSV file in percent, with one digit behind the point."""
    if not share:
        return ""
    return f"{100 * float(share):.1f}" + (f" ± {100 * float(spread):.1f}" if spread else "") + "%"


def verdict_table(
    verdicts: Sequence[Verdict],
    *numbers: str,
    caption: str = "What the student claimed, and what our runs say.",
) -> Table:
    """Claims and their verdicts, each with its numbers and where the course looks at it.

    Args:
        numbers: which claims, such as "4a", or the beginning of a claim's words; all without any.

    Raises:
        ValueError: if a number names no claim.
    """
    chosen = []
    for number in numbers:
        found = [one for one in verdicts if one.number == number]
        found = found or [one for one in verdicts if one.claim.startswith(number)]
        if not found:
            known = ", ".join(dict.fromkeys(one.number for one in verdicts))
            raise ValueError(f"no claim {number!r}; there are {known}")
        chosen += found
    rows = tuple(
        (
            one.number,
            one.claim,
            f"{MARKS[one.verdict]} {one.verdict}" + f" ({one.beside})" * bool(one.beside),
            numbers_of(one),
            (one.place, f"{one.place.split(',')[0]}.ipynb"),
        )
        for one in (chosen if numbers else verdicts)
    )
    return Table(caption, ("claim", "what it says", "verdict", "numbers", "where"), rows)


def mistake_table(runs: Mapping[str, Mapping[str, Any]]) -> Table:
    """Every wrong validation word (the first 12) of each run's record, with the kind of mistake,
    the word's class, and its nearest training word.
    """
    near_label, rows = "nearest training word, letters to change", []
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
    columns = ("word", "right answer", "its answer", "kind of mistake", "class", near_label, "run")
    caption = "Wrong validation words, all of them up to a dozen a run."
    return Table(caption, columns, tuple(rows))


def shipped_table(shipped: Mapping[str, Mapping[str, Any]], best: Mapping[str, Outcome]) -> Table:
    """Each best model on validation words and, asked by each of its seeds, on the test words, which
    are read only here; and the weights that are shipped.

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
        cells: tuple[str, ...] = ("not shipped yet", "", "", "")
        if own is not None:
            counts = [one["wrong"] for one in own["seeds"].values()]
            wrong, words = map(sum, zip(*counts)) if counts else (0, 0)
            each = ", ".join(str(missed) for missed, _ in counts)
            asked = f"{1 - wrong / words:.2%} ({each} wrong)" if counts else "not asked yet"
            shipped_ones = (_right(own[part]["wrong"]) for part in ("validation", "test"))
            cells = (asked, *shipped_ones, str(own["seed"]))
        size = f"{outcome.records[0]['parameters']:,}" if outcome.records else ""
        student = f"{outcome.row.student.val_accuracy:.1%}" if outcome.row.student else ""
        rows.append((outcome.row.label, size, over_seeds, str(len(accuracies)), *cells, student))
    columns = (
        "", "parameters", "validation words right", "seeds", "test words right, all seeds",
        "shipped: validation", "shipped: test", "its seed", "the student: validation",
    )  # fmt: skip
    caption = (
        "The best models, and the only look at the test words. In brackets what each seed missed,"
        " or 95 %, by Wilson."
    )
    return Table(caption, columns, tuple(rows), frozenset(range(1, 9)))


def _right(found: Sequence[int]) -> str:
    wrong, asked = found
    low, high = wilson_interval(asked - wrong, asked)
    return f"{asked - wrong:,} of {asked:,}, {1 - wrong / asked:.2%} ({low:.2%} to {high:.2%})"
