"""Many runs side by side on the cores of this machine: each finished once, each interrupted one
gone on with, one record each.
"""

import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import torch

from course.lab.grid import Run
from course.lab.records import RECORDS, find_records, record_key, write_record
from nmt.checkpoints import CheckpointError
from nmt.runs import record_divergence
from nmt.runs import run as train_one
from nmt.training import TrainingState

FOLDER = Path("runs") / "experiments"
TRIES = 3  # a run whose process died is started so many times
Record = dict[str, Any]
_one_at_a_time = (
    threading.Lock()
)  # torch's random numbers belong to the process: two runs in one would mix them up


def train_run(
    run: Run, folder: Path = FOLDER, on_epoch: Callable[[TrainingState], None] | None = None
) -> Record | None:
    """Train one run in its folder below `folder`, with one thread, or return the record that is
    there already.

    While it trains nobody else can: a second process that is asked for the same run waits, and gets
    the first one's record.

    Returns:
        The record, or None if the run was interrupted.
    """
    out = folder / run.folder
    with _one_at_a_time, _locked(out):
        finished = _finished(run, out)
        if finished is not None:
            return finished
        for leftover in out.glob(".*"):  # what a killed process was writing
            leftover.unlink()
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            try:
                record = train_one(run.name, dict(run.model), run.training, out, on_epoch)
            except CheckpointError:  # a damaged state: begin again
                (out / "state.safetensors").unlink(missing_ok=True)
                record = train_one(run.name, dict(run.model), run.training, out, on_epoch)
            except ArithmeticError as error:  # a result, too: the best epoch before it counts
                record = record_divergence(run.name, dict(run.model), run.training, out, str(error))
        finally:
            torch.set_num_threads(threads)
        if record is not None:
            (out / "state.safetensors").unlink(
                missing_ok=True
            )  # three quarters of the folder, and of no more use
        return record


def _finished(run: Run, out: Path) -> Record | None:
    try:
        record = json.loads((out / "record.json").read_text(encoding="utf-8"))
        return record if record_key(record) == run.key else None
    except (FileNotFoundError, ValueError, KeyError):
        return None


@contextmanager
def _locked(out: Path) -> Iterator[None]:
    """Hold the folder alone; the system lets go of it when the process ends, however it ends.
    Windows has no such lock: nothing is held.
    """
    out.mkdir(parents=True, exist_ok=True)
    try:
        import fcntl
    except ImportError:
        yield
        return
    with (out / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def sweep(
    runs: Sequence[Run],
    *,
    jobs: int = 0,
    folder: Path = FOLDER,
    records: Path = RECORDS,
    on_epoch: Callable[[Run, int], None] | None = None,
    on_record: Callable[[Run, Record], None] | None = None,
) -> None:
    """Train all runs that have no record yet, `jobs` side by side (0: one a core), and write each
    one's record as soon as it ends.

    Killed at any moment, it loses nothing: started again, it repeats no finished run and goes on
    with those half done. Other runs go on when one fails, or when its process dies; one whose
    process dies is started anew, three times at most.

    Args:
        runs: in the order in which to start them.
        folder: where runs keep their weights and states.
        records: where records go.
        on_epoch: called with a run and the number of its epochs that are done.
        on_record: called after a record is written.

    Raises:
        RuntimeError: at the end, if runs failed; the message names them and says why.
    """
    known = find_records(records)
    waiting = [run for run in runs if run.key not in known]
    failures = Failures()
    workers = [_Worker(folder) for _ in range(min(jobs or os.cpu_count() or 1, len(waiting)))]
    try:
        while waiting or any(worker.run for worker in workers):
            for worker in workers:
                if worker.run is None and waiting:
                    worker.give(waiting.pop(0))
            busy = {worker.connection: worker for worker in workers if worker.run}
            for connection in wait(list(busy)):
                worker = busy[connection]  # type: ignore[index]
                run = worker.run
                assert run is not None
                try:
                    kind, content = worker.connection.recv()
                except (EOFError, OSError):  # the process died
                    if failures.died(run):
                        waiting.insert(0, run)
                    workers[workers.index(worker)] = _Worker(folder)
                    continue
                if kind == "epoch":
                    if on_epoch:
                        on_epoch(run, content)
                    continue
                worker.run = None
                if kind == "error":
                    failures.failed(run, content)
                    continue
                write_record(content, records)
                if on_record:
                    on_record(run, content)
    finally:
        for worker in workers:
            worker.process.terminate()  # the state after the last whole epoch is on the disk
    failures.report()


class Failures:
    """Which runs failed, and why."""

    def __init__(self) -> None:
        self.tries: dict[tuple[str, int], int] = {}
        self.reasons: list[str] = []

    def died(self, run: Run) -> bool:
        """Note that a run's process died; whether to try once more."""
        self.tries[run.key] = self.tries.get(run.key, 0) + 1
        if self.tries[run.key] < TRIES:
            return True
        self.failed(run, f"its process died {TRIES} times")
        return False

    def failed(self, run: Run, reason: str) -> None:
        """Note that a run can't be finished."""
        self.reasons.append(f"{run.name}, seed {run.seed}: {reason}")

    def report(self) -> None:
        """Raise a RuntimeError if anything failed."""
        if self.reasons:
            raise RuntimeError(
                f"{len(self.reasons)} runs failed; the others are done. {'; '.join(self.reasons)}"
            )


class _Worker:
    """A process that trains one run after another, with a line to it that breaks when either side
    dies.
    """

    def __init__(self, folder: Path) -> None:
        context = multiprocessing.get_context("spawn")  # a forked torch may hang
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs, folder), daemon=True)
        self.process.start()
        theirs.close()
        self.run: Run | None = None

    def give(self, run: Run) -> None:
        """Let it train `run`."""
        self.run = run
        with suppress(OSError):  # dead already: whoever listens to the line will notice
            self.connection.send(run)


def _work(connection: Connection, folder: Path) -> None:
    """What a worker does until its line breaks. An interrupt is the parent's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        try:
            run = connection.recv()
        except (EOFError, OSError):
            return
        answer: tuple[str, Any]
        try:
            answer = (
                "record",
                train_run(
                    run,
                    folder,
                    lambda state: connection.send(("epoch", len(state.progress.epochs))),
                ),
            )
        except BrokenPipeError:  # the parent is gone; the state is saved
            return
        except Exception as error:
            answer = ("error", " ".join(str(error).split()) or type(error).__name__)
        connection.send(answer)
