"""The classroom's command line: `python -m course experiments | speedrun | grade`. Every error is
one line, and exit status 2.
"""

import argparse
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from course.grading.command import add_command
from course.lab.catalogue import CATALOGUE, choose
from course.lab.cost import in_words, seconds_of
from course.lab.grid import Run, runs_of
from course.lab.recipes import chosen
from course.lab.records import RECORDS, find_records
from course.lab.speedrun import RECIPES, speed_runs
from course.lab.speedrun import RECORD as SPEEDRUN
from course.lab.sweep import FOLDER, sweep
from nmt.__main__ import OneLineParser, run_command
from nmt.checkpoints import SHIPPED
from nmt.runs import reported

BEYOND = RECORDS.parent / "beyond.json"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is that of `nmt.__main__.run_command`."""
    parser = OneLineParser(
        prog="python -m course",
        description="The lab report's experiments, the speed run, and grading.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=OneLineParser)
    _add_experiments(commands)
    _add_speedrun(commands)
    add_command(commands)
    return run_command(parser, arguments)


def _add_experiments(commands: Any) -> None:
    experiments = commands.add_parser(
        "experiments",
        help="the lab report's experiments",
        description="The experiments of the lab report, and those that other notebooks rest on.",
    )
    kinds = experiments.add_subparsers(required=True, metavar="list | run | report | ship | beyond")

    def kind(name: str, command: Callable[[argparse.Namespace], int], help: str) -> OneLineParser:
        parser = kinds.add_parser(name, help=help, description=f"{help[:1].upper()}{help[1:]}.")
        parser.set_defaults(command=command)
        return parser

    kind("list", _list, "every experiment: its question, its runs, which of them are done")

    running = kind("run", _run, "train the runs that have no record yet")
    running.add_argument("names", nargs="+", metavar="NAME", help="experiments by name, or all")
    cores = os.cpu_count() or 1
    _option(running, "--jobs", "N", _at_least_one, cores, "runs side by side (default: one a core)")
    seeds = "these seeds only (default: those of each experiment)"
    _option(running, "--seeds", "SEED", int, None, seeds, nargs="+")
    _option(running, "--out", "DIR", Path, FOLDER, f"where runs keep their weights ({FOLDER})")
    _option(running, "--records", "DIR", Path, RECORDS, "where records go (assets/results/runs)")
    scheduler = "train on a Dask cluster instead, such as tcp://10.0.0.1:8786"
    _option(running, "--scheduler", "ADDRESS", str, None, scheduler)
    running.add_argument(
        "--again",
        action="store_true",
        help="also what has a record, unless its folder in --out is finished",
    )
    running.add_argument(
        "--dry-run", action="store_true", help="print the estimate, and train nothing"
    )

    reporting = kind("report", _report, "make the tables and figures of the report from records")
    where = "where the records are (assets/results/runs)"
    _option(reporting, "--records", "DIR", Path, RECORDS, where)
    _option(reporting, "--out", "DIR", Path, RECORDS.parent, "where to write (assets/results)")

    shipping = kind("ship", _ship, "copy the trained models that the course ships to their place")
    _option(shipping, "--out", "DIR", Path, FOLDER, f"where runs keep their weights ({FOLDER})")
    _option(shipping, "--to", "DIR", Path, SHIPPED, "where to (assets/checkpoints)")

    beyond = kind("beyond", _beyond, "what the best models do beyond their data")
    beyond.add_argument(
        "checkpoints",
        nargs="*",
        metavar="CHECKPOINT",
        help="files or names (default: those of the best models that are there)",
    )
    _option(beyond, "--out", "FILE", Path, BEYOND, "the record (assets/results/beyond.json)")


def _add_speedrun(commands: Any) -> None:
    speed = commands.add_parser(
        "speedrun",
        help="the Pig Latin speed run",
        description="Seconds of training to 97 % and to 99 % of small's words.",
    )
    speed.set_defaults(command=_speedrun)
    known = list(RECIPES)
    _option(speed, "--goals", "SHARE", float, known, "of 0.97 and 0.99 (default: both)", nargs="+")
    _option(speed, "--seeds", "SEED", int, [*range(5)], "default: 0 1 2 3 4", nargs="+")
    _option(speed, "--threads", "N", _at_least_one, None, "CPU threads (default: all cores)")
    _option(speed, "--out", "FILE", Path, SPEEDRUN, "the record (assets/results/speedrun.json)")


def _option(
    parser: argparse.ArgumentParser,
    flag: str,
    metavar: str,
    type: Callable[[str], Any],
    default: Any,
    help: str,
    **more: Any,
) -> None:
    parser.add_argument(flag, metavar=metavar, type=type, default=default, help=help, **more)


def _at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {number}")
    return number


def _list(_options: argparse.Namespace) -> int:
    records = find_records()
    for experiment in CATALOGUE.values():
        runs = runs_of([experiment])
        left = [run for run in runs if run.key not in records]
        state = "all done" if runs else "none yet"
        if left:
            told = _time(seconds_of(left, records)) or "unknown time"
            state = f"{len(runs) - len(left)} done, {told} to go"
        print(
            f"{experiment.name:<16} {experiment.question}\n{'':<16} {len(experiment.rows)} rows,"
            f" {len(runs)} runs: {state}"
        )
        if experiment.waiting:
            print(f"{'':<16} {len(experiment.waiting)} more rows wait for the recipe of their size")
        if experiment.name.startswith("grid-") and not left:
            recipe = chosen([records[run.key] for run in runs])
            told = ", ".join(f"{name} {value:g}" for name, value in recipe.items())
            print(f"{'':<16} the rule takes {told}")
    return 0


def _time(estimated: Mapping[tuple[str, int], float | None], jobs: int = 1) -> str:
    """How long runs take, by their estimated seconds; "" where one has none."""
    known = [seconds for seconds in estimated.values() if seconds]
    if len(known) < len(estimated):
        return ""
    return in_words(sum(known) / min(jobs, len(known))) + (" of one core" if jobs == 1 else "")


def _run(options: argparse.Namespace) -> int:
    runs = [
        run
        for run in runs_of(choose(options.names))
        if options.seeds is None or run.seed in options.seeds
    ]
    if not runs:
        raise ValueError(f"no run of {', '.join(options.names)} has a seed of {options.seeds}")
    records = {} if options.again else find_records(options.records)
    left = [run for run in runs if run.key not in records]
    if not left:
        print(f"{len(runs)} runs, all done.")
        return 0
    done = f"{len(runs)} runs, {len(runs) - len(left)} of them done."
    seconds = seconds_of(left, find_records())  # by the records that came with the course
    alone, shared = _time(seconds), "to be shared by the cluster's workers"
    if not options.scheduler:
        shared = f"{_time(seconds, options.jobs)} with {options.jobs} side by side"
    unknown = "No record tells how long the rest takes."
    print(done, f"The rest: about {alone}, {shared}." if alone else unknown, flush=True)
    if options.dry_run:
        return 0
    display = _Display(seconds)
    with display.bar:
        sweep(
            left,
            jobs=options.jobs,
            scheduler=options.scheduler,
            again=options.again,
            folder=options.out,
            records=options.records,
            on_epoch=display.epoch,
            on_record=display.record,
        )
    return 0


def _report(options: argparse.Namespace) -> int:
    # Here, so that training does not load matplotlib.
    from course.plots.report_files import write_report

    changed = write_report(options.records, options.out)
    for path in changed:
        print(path)
    told = f"{len(changed)} files written; the others were as the records say"
    print(told if changed else "everything is as the records say")
    return 0


def _ship(options: argparse.Namespace) -> int:
    """Copy whole sets or nothing: all models must be there first."""
    copies = [
        (options.out / run.folder, name)
        for experiment in CATALOGUE.values()
        for row in experiment.rows
        for name, run in zip(row.ships, experiment.runs(row), strict=False)
    ]
    for folder, name in copies:
        if not (folder / "model.safetensors").is_file():
            raise FileNotFoundError(f"{folder}: no trained model for {name}; `make train` makes it")
    for folder, name in copies:
        for file in sorted(folder.glob("model.*")):
            shutil.copyfile(file, options.to / f"{name}{file.suffix}")
            print(options.to / f"{name}{file.suffix}")
    return 0


def _beyond(options: argparse.Namespace) -> int:
    from course.lab.generalization import look_at_all

    best = [row.ships[0] for row in CATALOGUE["best"].rows]
    names = options.checkpoints or [
        name for name in best if (SHIPPED / f"{name}.safetensors").exists()
    ]
    look_at_all(names, options.out, print)
    return 0


def _speedrun(options: argparse.Namespace) -> int:
    if options.threads:
        torch.set_num_threads(options.threads)

    def tell(run: dict[str, Any]) -> None:
        reached = "" if run["reached"] else "not reached, "
        print(
            f"{run['goal']:.0%}, seed {run['seed']}: {reached}{run['seconds']:.1f} s,"
            f" {run['epochs']} epochs",
            flush=True,
        )

    speed_runs(options.goals, options.seeds, options.out, tell)
    return 0


class _Display:
    """A bar that counts estimated seconds of work, and a line for each finished run."""

    def __init__(self, estimated: Mapping[tuple[str, int], float | None]) -> None:
        self.seconds = {key: seconds or 1.0 for key, seconds in estimated.items()}
        self.number, self.done, self.began = len(estimated), 0, time.monotonic()
        self.shown: dict[tuple[str, int], float] = {}
        total = sum(self.seconds.values())
        form = "{percentage:3.0f}% |{bar}| {elapsed} gone, {remaining} to go"
        self.bar = tqdm(total=max(1, round(total)), disable=None, bar_format=form, smoothing=0)

    def _show(self, run: Run, share: float) -> None:
        now = share * self.seconds[run.key]
        self.bar.update(max(0.0, now - self.shown.get(run.key, 0.0)))
        self.shown[run.key] = max(now, self.shown.get(run.key, 0.0))

    def epoch(self, run: Run, epochs: int) -> None:
        """Some epochs of a run are done."""
        self._show(run, epochs / run.training.epochs)

    def record(self, run: Run, record: dict[str, Any]) -> None:
        """A run is finished."""
        self._show(run, 1.0)
        self.done += 1
        reached = reported(record)
        line = (
            f"{self.done}/{self.number} {run.name}, seed {run.seed}: {reached['val_accuracy']:.1%}"
            f" of the validation words, loss {reached['val_loss']:.3f}, {record['seconds']:.0f} s;"
            f" {in_words(time.monotonic() - self.began)} gone"
        )
        tqdm.write(line, file=sys.stdout)
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
