"""Many runs, on the cores of this machine or on a cluster: each finished once, each interrupted one
gone on with, one record each.
"""

import json
import multiprocessing
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import torch

from course.lab.grid import Run
from course.lab.records import RECORDS, find_files, record_key, write_record
from nmt.checkpoints import CheckpointError
from nmt.runs import record_divergence
from nmt.runs import run as train_one
from nmt.training import TrainingState

FOLDER = Path("runs") / "experiments"
TRIES = 3  # a run whose process died is started so many times
Record = dict[str, Any]
# What a place of training reports: "epoch" with how many are done, "record" with the record,
# "error" with the reason, "note" with a sentence for the reader (and no run).
Event = tuple[str, Run | None, Any]
# torch's random numbers belong to the process: two runs in one would mix them up.
_one_at_a_time = threading.Lock()


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
        settings = run.name, dict(run.model), run.training, out
        try:
            record = train_one(*settings, on_epoch)
        except CheckpointError:  # a damaged state: begin again
            (out / "state.safetensors").unlink(missing_ok=True)
            record = train_one(*settings, on_epoch)
        except ArithmeticError as error:  # a result, too: the epoch before it counts
            record = record_divergence(*settings, str(error))
        finally:
            torch.set_num_threads(threads)
        if record is not None:  # the state is three quarters of the folder, and of no more use
            (out / "state.safetensors").unlink(missing_ok=True)
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
    scheduler: str | None = None,
    again: bool = False,
    folder: Path = FOLDER,
    records: Path = RECORDS,
    on_epoch: Callable[[Run, int], None] | None = None,
    on_record: Callable[[Run, Record], None] | None = None,
) -> None:
    """Train all runs that have no record yet, and write each one's record as soon as it ends.

    Killed at any moment, it loses nothing: started again, it repeats no finished run and goes on
    with those half done. Other runs go on when one fails, or when its process dies.

    Args:
        runs: in the order in which to start them.
        jobs: how many side by side on this machine (0: one a core).
        scheduler: address of a Dask scheduler, whose workers train instead.
        again: train runs that have a record, too, and write it anew.
        folder: where runs keep their weights and states; on a cluster, below each worker's folder.
        records: where records go, on this machine.
        on_epoch: called with a run and the number of its epochs that are done; not on a cluster.
        on_record: called after a record is written.

    Raises:
        RuntimeError: at the end, if runs failed; the message names them and says why.
        ConnectionError: if the scheduler does not answer, has no worker, or is lost on the way.
    """
    known = find_files(records)
    waiting = [run for run in runs if again or run.key not in known]
    if not waiting:
        return
    if scheduler is None:
        events = train_here(waiting, jobs or os.cpu_count() or 1, folder)
    else:
        from course.lab.cluster import train_there  # needs Dask, which is optional

        events = train_there(waiting, scheduler, folder)
    failed = []
    with closing(events):
        for kind, run, content in events:
            if run is None:
                print(content, file=sys.stderr, flush=True)
            elif kind == "epoch" and on_epoch:
                on_epoch(run, content)
            elif kind == "error":
                failed.append(f"{run.name}, seed {run.seed}: {content}")
            elif kind == "record":
                write_record(content, records, known[run.key][0] if run.key in known else None)
                if on_record:
                    on_record(run, content)
    if failed:
        raise RuntimeError(f"{len(failed)} runs failed; the others are done. {'; '.join(failed)}")


def train_here(runs: Sequence[Run], jobs: int, folder: Path) -> Generator[Event, None, None]:
    """Train in `jobs` processes of this machine. A run whose process dies is started anew, three
    times at most. When this generator is closed, its processes end.
    """
    waiting, deaths = list(runs), Counter[tuple[str, int]]()
    workers: list[_Worker] = []
    try:
        for _ in range(min(jobs, len(runs))):
            workers.append(_Worker(folder))
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
                    workers[workers.index(worker)] = _Worker(folder)
                    worker.end()
                    deaths[run.key] += 1
                    if deaths[run.key] < TRIES:
                        waiting.insert(0, run)
                    else:
                        yield "error", run, f"its process died {TRIES} times"
                    continue
                if kind != "epoch":
                    worker.run = None
                yield kind, run, content
    finally:
        for worker in workers:
            worker.end()


class _Worker:
    """A process that trains one run after another, with a line to it that breaks when either side
    dies.
    """

    def __init__(self, folder: Path) -> None:
        context = multiprocessing.get_context("spawn")  # a forked torch may hang
        self.run: Run | None = None
        self.connection, theirs = context.Pipe()
        with theirs:
            self.process = context.Process(target=_work, args=(theirs, folder), daemon=True)
            try:
                self.process.start()
            except BaseException:
                self.connection.close()
                raise

    def give(self, run: Run) -> None:
        """Let it train `run`."""
        self.run = run
        with suppress(OSError):  # dead already: whoever listens to the line will notice
            self.connection.send(run)

    def end(self) -> None:
        """End the process; the state after its last whole epoch is on the disk."""
        self.process.terminate()
        self.process.join()
        self.process.close()
        self.connection.close()


def _work(connection: Connection, folder: Path) -> None:
    """What a worker does until its line breaks. An interrupt is the parent's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(EOFError, OSError):  # the parent is gone; the state is saved
        while True:
            run = connection.recv()
            connection.send(_answer(run, folder, connection))


def _answer(run: Run, folder: Path, connection: Connection) -> tuple[str, Any]:
    try:
        record = train_run(
            run, folder, lambda state: connection.send(("epoch", len(state.progress.epochs)))
        )
        return ("record", record) if record else ("error", "the run was interrupted")
    except BrokenPipeError:
        raise
    except Exception as error:
        return "error", told(error)


def told(error: BaseException | None) -> str:
    """An error in one line."""
    return " ".join(str(error).split()) or type(error).__name__
