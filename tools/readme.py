"""Write the tables of README.md from what is in the repository: `make readme`. A test fails where
they differ.

Three blocks, each between a pair of comments: the map of the course, from the notebooks that are
there, the results, from the run records in assets/results/runs/, and the speed run, from its
record.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path
from statistics import mean, median
from typing import Any

from course.lab.records import epoch_reported
from nmt import ROOT
from nmt.runs import reported

RECORDS = ROOT / "assets" / "results" / "runs"
SPEEDRUN = ROOT / "assets" / "results" / "speedrun.json"
# The main runs; ablations stand in the notebooks.
SHOWN = re.compile(r"((?:transformer|mamba)-(?:small|large)(?:-as-published)?)-seed\d+")
COURSE = {
    "00_start_here": "Is everything installed? Translate a word of your own; the map of the course",
    "01_data": "Pig Latin, its rule and its alignment; two sets of words; batches of equal lengths",
    "02_attention": "From “which letter do I need next?” to multi-head causal attention",
    "03_transformer": "Build one, train it live, see its mistakes; positions; what a loss means",
    "04_discretization": "From a differential equation to a recurrence: Euler, bilinear,"
    " zero-order hold, Mamba's mixture",
    "05_scans": "One recurrence, many ways to compute it; which is fast, which is exact",
    "06_mamba": "The selective state-space model, its block, and a model that spells with a memory"
    " of fixed size",
    "07_interpretability": "Which head finds which letter? Attention and states against the known"
    " truth",
    "08_embeddings_and_memory": "Vowels in an embedding, places in a table, the past in Mamba's"
    " state",
    "09_lab_report": "The claims of one student's report, each held against our runs",
}


def course_map() -> str:
    """One row a notebook: a link and the minutes that its opening names."""
    rows = ["| notebook | what it is about | minutes |", "| --- | --- | ---: |"]
    for name, topic in COURSE.items():
        path = ROOT / "notebooks" / f"{name}.ipynb"
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        opening = "".join(line for cell in cells[:4] for line in cell["source"])
        minutes = re.search(r"(\d+)\s*minutes", opening)
        rows.append(
            f"| [`{name}`](notebooks/{name}.ipynb) | {topic} | {minutes[1] if minutes else ''} |"
        )
    return "\n".join(rows)


def load_records(folder: Path = RECORDS) -> dict[str, list[dict[str, Any]]]:
    """The records of the main runs, by the name that their files have before the seed, each name's
    by seed.
    """
    found = defaultdict(list)
    for path in folder.glob("*.json"):
        if match := SHOWN.fullmatch(path.stem):
            found[match[1]].append(json.loads(path.read_text(encoding="utf-8")))
    names = sorted(found, reverse=True)
    return {name: sorted(found[name], key=lambda record: record["seed"]) for name in names}


def results_table(records: dict[str, list[dict[str, Any]]]) -> str:
    """One row a run: its size, and the mean over its seeds of what it reached on the validation
    words, at which epoch. Minutes are those of the machine of all others, so that runs made
    elsewhere ("ran_on") have none.
    """
    rows = [
        "| run | seeds | parameters | epoch | validation words right | validation loss, nats a"
        " letter | training words right | minutes to train |",
        "| --- | ---: | ---: | --- | ---: | ---: | ---: | ---: |",
    ]
    for name, runs in records.items():
        sizes = {run["parameters"] for run in runs}
        if len(sizes) > 1:
            raise ValueError(f"the seeds of {name} have models of different sizes: {sorted(sizes)}")
        right = [reported(run)["val_accuracy"] for run in runs]
        minutes = mean(run["seconds"] for run in runs) / 60
        spread = f" ({min(right):.2%} to {max(right):.2%})" if len(runs) > 1 else ""
        cells = (
            f"`{name}`",
            str(len(runs)),
            f"{sizes.pop():,}",
            epoch_reported(runs),
            f"{mean(right):.2%}{spread}",
            f"{mean(reported(run)['val_loss'] for run in runs):.3f}",
            f"{mean(reported(run)['train_accuracy'] for run in runs):.2%}",
            "–" if any("ran_on" in run for run in runs) else f"{minutes:.1f}",
        )
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def speed_table(path: Path = SPEEDRUN) -> str:
    """One row a goal of the speed run: how many seeds reached it, and their seconds; below it what
    they were measured on.
    """
    record = json.loads(path.read_text(encoding="utf-8"))
    goals: dict[float, list[dict[str, Any]]] = defaultdict(list)
    for run in record["runs"].values():
        goals[run["goal"]].append(run)
    rows = [
        "| goal | seconds, one for each seed | median | epochs | parameters |",
        "| ---: | --- | ---: | --- | ---: |",
    ]
    for goal, runs in sorted(goals.items()):
        seconds = [run["seconds"] for run in runs if run["reached"]]
        told = [f"{run['seconds']:.0f}" if run["reached"] else "not reached" for run in runs]
        middle = f"{median(seconds):.0f}" if len(seconds) == len(runs) else ""
        epochs = ", ".join(str(run["epochs"]) for run in runs)
        cells = f"{goal:.0%}", ", ".join(told), middle, epochs, f"{runs[0]['parameters']:,}"
        rows.append(f"| {' | '.join(cells)} |")
    on = record["machine"]
    where = f"On {on['processor']}, {on['cores']} cores, threads: {on['threads']}, torch"
    return "\n".join([*rows, "", f"{where} {on['versions']['torch']}."])


def with_block(text: str, name: str, content: str) -> str:
    """`text` with the block called `name` replaced by `content`; raises `ValueError` where there is
    no such block.
    """
    pattern = re.compile(
        rf"(<!-- {name}: written by make readme -->\n).*?(<!-- end of {name} -->)", re.DOTALL
    )
    new, count = pattern.subn(lambda match: f"{match[1]}\n{content}\n\n{match[2]}", text)
    if count != 1:
        raise ValueError(f"the page needs exactly one block {name!r}, and has {count}")
    return new


def updated(text: str) -> str:
    """README.md as it should be."""
    text = with_block(text, "course", course_map())
    text = with_block(text, "results", results_table(load_records()))
    return with_block(text, "speed run", speed_table())


def main() -> None:
    """Write README.md."""
    path = ROOT / "README.md"
    path.write_text(updated(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
