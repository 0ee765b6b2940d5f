"""The same runs on an existing Dask cluster: each finished once, wherever there is a free worker,
its record brought home.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from course.lab.grid import Run
from course.lab.records import RECORDS, find_records, write_record
from course.lab.sweep import FOLDER, Failures, Record, train_run

PATIENCE = 15  # seconds until an address counts as silent
_MISSING = (
    "a cluster needs Dask: install it with `pip install 'nmt[cluster]'` (or `pip install"
    " distributed`), or leave --scheduler out"
)


def sweep_on_cluster(
    runs: Sequence[Run],
    address: str,
    *,
    folder: Path = FOLDER,
    records: Path = RECORDS,
    on_record: Callable[[Run, Record], None] | None = None,
) -> None:
    """Train all runs that have no record yet on the workers of a Dask cluster, and write each one's
    record here as soon as it ends.

    A worker keeps weights and states below its own `folder`. When it dies its run is given to
    another one; where the workers share a disk, that one goes on after the last whole epoch and
    repeats nothing that is finished, otherwise it begins that run again. Records come back one by
    one and are written at once, so that stopping this process or losing the scheduler loses none of
    them.

    Args:
        runs: in the order in which to start them.
        address: of the scheduler, such as tcp://10.0.0.1:8786. Workers need this package and best
            `--nthreads 1`: one trains one run.
        folder: where workers keep weights and states.
        records: where records go, on this machine.
        on_record: called after a record is written.

    Raises:
        RuntimeError: if Dask is not installed, or runs failed; all others are finished first. The
            message names them.
        ConnectionError: if no scheduler answers at the address, it has no worker, or it is lost on
            the way.
    """
    client = _connect(address)
    known = find_records(records)
    waiting = {run.folder: run for run in runs if run.key not in known}
    failures = Failures()
    try:
        from distributed import as_completed

        priority = {name: -place for place, name in enumerate(waiting)}
        futures = [
            client.submit(
                _train,
                run,
                folder,
                key=f"nmt-{name}",
                pure=True,
                retries=0,
                priority=priority[name],
            )
            for name, run in waiting.items()
        ]
        for future in as_completed(futures):
            run = waiting[future.key.removeprefix("nmt-")]
            if future.status == "finished":
                record = future.result(timeout=PATIENCE)
                write_record(record, records)
                if on_record:
                    on_record(run, record)
            elif future.status == "error":
                error = future.exception(timeout=PATIENCE)
                failures.failed(run, " ".join(str(error).split()) or type(error).__name__)
            else:
                raise ConnectionError(
                    f"{address}: the scheduler was lost; records so far are written, and the same"
                    " command goes on"
                )
            future.release()
    finally:
        client.close(timeout=PATIENCE)
    failures.report()


def _train(run: Run, folder: Path) -> Record:
    """On a worker: the record of the run, trained now or before."""
    record = train_run(run, folder)
    if record is None:
        raise RuntimeError("the run was interrupted on its worker; the same command goes on")
    return record


def _connect(address: str) -> Any:
    """A client of the scheduler at `address`, which has at least one worker."""
    try:
        from distributed import Client
    except ImportError:
        raise RuntimeError(_MISSING) from None
    try:
        client = Client(address, timeout=PATIENCE)
    except ValueError as error:
        raise ValueError(
            f"{address!r} is no address of a scheduler ({error}); one looks like"
            " tcp://10.0.0.1:8786"
        ) from None
    except (OSError, TimeoutError):
        raise ConnectionError(
            f"{address}: no Dask scheduler answers there within {PATIENCE} seconds; start one with"
            " `dask scheduler`"
        ) from None
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
    except (OSError, TimeoutError):
        client.close(timeout=PATIENCE)
        raise ConnectionError(
            f"{address}: the scheduler has no worker; start some with `dask worker {address}"
            " --nthreads 1`"
        ) from None
    return client
