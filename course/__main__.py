"""The classroom's command line: `python -m course experiments | speedrun | grade`. Every error is
one line, and exit status 2.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from course.grading.command import add_command
from course.lab.catalogue import EXPERIMENTS, choose
from course.lab.cluster import sweep_on_cluster
from course.lab.cost import in_words, seconds_of
from course.lab.grid import Run, runs_of
from course.lab.records import RECORDS, compact_json, find_records
from course.lab.speedrun import RECIPES, machine, speed_run
from course.lab.speedrun import RECORD as SPEEDRUN
from course.lab.sweep import FOLDER, sweep
from nmt.__main__ import OneLineParser, run_command
from nmt.checkpoints import SHIPPED, fingerprint, load_checkpoint, write_whole

BEST = ("transformer-small", "transformer-large", "mamba-small", "mamba-large")
BEYOND = RECORDS.parent / "beyond.json"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is that of `nmt.__main__.run_command`."""
    parser = OneLineParser(
        prog="python -m course",
        description="The lab report's experiments, the speed run, and grading.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=OneLineParser)
    add_commands(commands)
    add_command(commands)
    return run_command(parser, arguments)


def add_commands(commands: Any) -> None:
    """Hang the commands of this file into the parser of `python -m course`."""
    experiments = commands.add_parser(
        "experiments",
        help="the lab report's experiments",
        description="The experiments of the lab report.",
    )
    kinds = experiments.add_subparsers(required=True, metavar="list | run | report | beyond")

    listing = kinds.add_parser(
        "list", help="every experiment: its question, its runs, which of them are done"
    )
    listing.set_defaults(command=_list)

    running = kinds.add_parser(
        "run",
        help="train what is not trained yet",
        description="Train the runs that have no record yet.",
    )
    running.set_defaults(command=_run)
    running.add_argument("names", nargs="+", metavar="NAME", help="experiments by name, or all")
    running.add_argument(
        "--jobs",
        type=_at_least_one,
        metavar="N",
        default=os.cpu_count() or 1,
        help="runs side by side (default: one a core)",
    )
    running.add_argument(
        "--seeds",
        type=int,
        nargs="+",
        metavar="SEED",
        help="these seeds only (default: those of each experiment)",
    )
    running.add_argument(
        "--out",
        type=Path,
        default=FOLDER,
        metavar="DIR",
        help=f"where runs keep their weights (default {FOLDER})",
    )
    running.add_argument(
        "--records",
        type=Path,
        default=RECORDS,
        metavar="DIR",
        help="where records go (default assets/results/runs)",
    )
    running.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="train on a Dask cluster instead, such as tcp://10.0.0.1:8786",
    )
    running.add_argument(
        "--dry-run", action="store_true", help="print the estimate, and train nothing"
    )

    reporting = kinds.add_parser(
        "report", help="make assets/results/tables and figures from the records"
    )
    reporting.set_defaults(command=_report)
    reporting.add_argument(
        "--records",
        type=Path,
        default=RECORDS,
        metavar="DIR",
        help="where the records are (default assets/results/runs)",
    )
    reporting.add_argument(
        "--out",
        type=Path,
        default=RECORDS.parent,
        metavar="DIR",
        help="where to write (default assets/results)",
    )

    beyond = kinds.add_parser(
        "beyond", help="what the best models do beyond their data, to assets/results/beyond.json"
    )
    beyond.set_defaults(command=_beyond)
    beyond.add_argument(
        "checkpoints",
        nargs="*",
        metavar="CHECKPOINT",
        help="files or names (default: those of the best models that are there)",
    )
    beyond.add_argument(
        "--out",
        type=Path,
        default=BEYOND,
        metavar="FILE",
        help="the record (default assets/results/beyond.json)",
    )

    speed = commands.add_parser(
        "speedrun",
        help="the Pig Latin speed run",
        description="Seconds of training to 97 % and to 99 % of small's words.",
    )
    speed.set_defaults(command=_speedrun)
    speed.add_argument(
        "--goals",
        type=float,
        nargs="+",
        default=list(RECIPES),
        metavar="SHARE",
        help="of 0.97 and 0.99 (default: both)",
    )
    speed.add_argument(
        "--seeds", type=int, nargs="+", default=[0, 1, 2], metavar="SEED", help="default: 0 1 2"
    )
    speed.add_argument(
        "--threads", type=_at_least_one, metavar="N", help="CPU threads (default: all cores)"
    )
    speed.add_argument(
        "--out",
        type=Path,
        default=SPEEDRUN,
        metavar="FILE",
        help="the record (default assets/results/speedrun.json)",
    )


def _at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {number}")
    return number


def _list(_options: argparse.Namespace) -> int:
    records = find_records()
    for experiment in EXPERIMENTS.values():
        runs = runs_of([experiment])
        seconds = seconds_of(runs, records)
        done = sum(run.key in records for run in runs)
        left = sum(seconds[run.key] for run in runs if run.key not in records)
        state = (
            "all done" if done == len(runs) else f"{done} done, {in_words(left)} of one core to go"
        )
        print(
            f"{experiment.name:<16} {experiment.question}\n{'':<16} {len(experiment.rows)} rows,"
            f" {len(runs)} runs: {state}"
        )
    return 0


def _run(options: argparse.Namespace) -> int:
    runs = [
        run
        for run in runs_of(choose(options.names))
        if options.seeds is None or run.seed in options.seeds
    ]
    records = find_records(options.records)
    seconds = seconds_of(runs, records)
    left = [run for run in runs if run.key not in records]
    if not left:
        print(f"{len(runs)} runs, all done.")
        return 0
    total = sum(seconds[run.key] for run in left)
    print(
        f"{len(runs)} runs, {len(runs) - len(left)} of them done. The rest: about {total / 60:.0f}"
        " minutes of one core, ",
        end="",
    )
    if options.scheduler:
        print("to be shared by the cluster's workers.", flush=True)
    else:
        print(
            f"{in_words(total / min(options.jobs, len(left)))} with {options.jobs} side by side.",
            flush=True,
        )
    if options.dry_run:
        return 0
    with _Display(left, seconds) as display:
        if options.scheduler:
            sweep_on_cluster(
                left,
                options.scheduler,
                folder=options.out,
                records=options.records,
                on_record=display.record,
            )
            return 0
        sweep(
            left,
            jobs=options.jobs,
            folder=options.out,
            records=options.records,
            on_epoch=display.epoch,
            on_record=display.record,
        )
    return 0


def _report(options: argparse.Namespace) -> int:
    from course.plots.report_files import (
        write_report,  # here, so that training does not load matplotlib
    )

    changed = write_report(options.records, options.out)
    for path in changed:
        print(path)
    print(
        f"{len(changed)} files written; the others were as the records say"
        if changed
        else "everything is as the records say"
    )
    return 0


def _beyond(options: argparse.Namespace) -> int:
    from course.lab.generalization import look_beyond

    names = options.checkpoints or [
        name for name in BEST if (SHIPPED / f"{name}.safetensors").exists()
    ]
    results = {}
    for name in names:
        checkpoint = load_checkpoint(name)
        training = checkpoint.record["training"]
        found = look_beyond(checkpoint.model, training["data"], training.get("words", 0))
        results[Path(name).stem] = {
            "weights": fingerprint(name),
            "seed": checkpoint.record["seed"],
            **found,
        }
        wrong, asked = (
            sum(group["wrong"][place] for group in found["wugs"].values()) for place in (0, 1)
        )
        print(
            f"{name}: {found['validation']['wrong'][0]} validation words wrong, {wrong} of {asked}"
            " invented words",
            flush=True,
        )
    write_whole(options.out, compact_json(results, levels=3).encode())
    return 0


def _speedrun(options: argparse.Namespace) -> int:
    if options.threads:
        torch.set_num_threads(options.threads)
    runs = []
    for goal in options.goals:
        for seed in options.seeds:
            run = speed_run(goal, seed)
            told = f"{run['seconds']:.1f} s, {run['epochs']} epochs"
            print(
                (
                    f"{goal:.0%}, seed {seed}: {told}"
                    if run["reached"]
                    else f"{goal:.0%}, seed {seed}: not reached, {told}"
                ),
                flush=True,
            )
            runs.append(run)
    rows = {f"{run['goal']:g}, seed {run['seed']}": run for run in runs}
    write_whole(options.out, compact_json({"machine": machine(), "runs": rows}, levels=2).encode())
    return 0


class _Display:
    """A bar that counts estimated seconds of work, and a line for each finished run."""

    def __init__(self, runs: list[Run], seconds: dict[tuple[str, int], float]) -> None:
        self.seconds, self.number, self.done, self.began = seconds, len(runs), 0, time.monotonic()
        self.shown: dict[tuple[str, int], float] = {}
        total = sum(seconds[run.key] for run in runs)
        form = "{percentage:3.0f}% |{bar}| {elapsed} gone, {remaining} to go"
        self.bar = tqdm(total=max(1, round(total)), disable=None, bar_format=form, smoothing=0)

    def __enter__(self) -> "_Display":
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()

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
        best = record["best"]
        line = (
            f"{self.done}/{self.number} {run.name}, seed {run.seed}: {best['val_accuracy']:.1%} of"
            f" the validation words, loss {best['val_loss']:.3f}, {record['seconds']:.0f} s;"
            f" {in_words(time.monotonic() - self.began)} gone"
        )
        tqdm.write(line, file=sys.stdout)
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
