"""The workers of a Dask cluster as a place for a sweep's runs. Needs the extra "cluster"."""

from __future__ import annotations

import socket
from collections.abc import Generator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from course.lab.grid import Run
from course.lab.sweep import Event, Record, told, train_run

PATIENCE = 15  # seconds until an address counts as silent
MOST_FRAMES = 1000  # of a greeting
LOOK = 2  # seconds between two looks at whether any worker is left
_MISSING = (
    "a cluster needs Dask: install it with `pip install 'nmt[cluster]'` (or `pip install"
    " distributed`), or leave --scheduler out"
)


def train_there(runs: Sequence[Run], address: str, folder: Path) -> Generator[Event, None, None]:
    """Train on the workers of a Dask cluster, and bring each record home as soon as it ends.

    A worker keeps weights and states below its own `folder`. When it dies its run is given to
    another one; where the workers share a disk, that one goes on after the last whole epoch and
    repeats nothing that is finished, otherwise it begins that run again. While no worker is left
    the sweep says so once, and goes on when one comes. When this generator is closed, its client
    is closed, and with it the runs are withdrawn.

    Args:
        runs: in the order in which to start them.
        address: of the scheduler, such as tcp://10.0.0.1:8786. Workers need this package and best
            `--nthreads 1`: one trains one run.
        folder: where workers keep weights and states.

    Raises:
        RuntimeError: if Dask is not installed.
        ConnectionError: if no scheduler answers at the address, it has no worker, or it is lost on
            the way.
    """
    start = f"Start one with `dask worker {address} --nthreads 1`"
    client = _connect(address, start)
    try:
        from distributed import CancelledError, wait

        going = {
            client.submit(
                _train, run, folder, key=f"nmt-{run.folder}", retries=0, priority=-place
            ): run
            for place, run in enumerate(runs)
        }
        said = False
        while going:
            try:
                done = wait(list(going), timeout=LOOK, return_when="FIRST_COMPLETED").done
            except TimeoutError:
                done = set()
            except CancelledError:
                raise _lost(address) from None
            for future in done:
                run = going.pop(future)
                if future.status == "finished":
                    yield "record", run, future.result(timeout=PATIENCE)
                else:
                    yield "error", run, told(future.exception(timeout=PATIENCE))
                future.release()
            alone = bool(going) and not _workers(client, address)
            if alone and not said:
                yield "note", None, f"{address}: no worker is left, so the sweep waits. {start}"
            said = alone
    finally:
        _close(client)


def _train(run: Run, folder: Path) -> Record:
    """On a worker: the record of the run, trained now or before."""
    record = train_run(run, folder)
    if record is None:
        raise RuntimeError("the run was interrupted on its worker; the same command goes on")
    return record


def _lost(address: str) -> ConnectionError:
    return ConnectionError(
        f"{address}: the scheduler was lost; records so far are written, and the same command"
        " goes on"
    )


def _workers(client: Any, address: str) -> int:
    """How many workers the scheduler has now. (`scheduler_info` may show none where there are some:
    the client's own look, every two seconds, leaves the workers out and may come between.)
    """
    try:
        return len(client.nthreads())
    except (OSError, AttributeError):  # it does not answer any more
        raise _lost(address) from None


def _connect(address: str, start: str) -> Any:
    """A client of the scheduler at `address`, which has at least one worker. Whatever fails, no
    client is left open: a forgotten one is closed by the garbage collector, which waits for a lock
    that the next client may hold, for ever.
    """
    try:
        from distributed import Client
    except ImportError:
        raise RuntimeError(_MISSING) from None
    silent = (
        f"{address}: no Dask scheduler answers there within {PATIENCE} seconds; start one with"
        " `dask scheduler`"
    )
    client = Client.__new__(Client)  # by hand, to have it where its own __init__ fails
    connected = False
    try:
        _greet(address)
        Client.__init__(client, address, timeout=PATIENCE)
        connected = True
        client.wait_for_workers(1, timeout=PATIENCE)
    except BaseException as error:
        _close(client)
        if isinstance(error, ValueError):
            raise ValueError(
                f"{address!r} is no address of a scheduler ({told(error)}); one looks like"
                " tcp://10.0.0.1:8786"
            ) from None
        if not isinstance(error, OSError):
            raise
        lonely = f"{address}: the scheduler has no worker. {start}"
        raise ConnectionError(lonely if connected else silent) from None
    return client


def _greet(address: str) -> None:
    """Does a Dask scheduler speak at a plain address? It begins with the number of its frames, in
    eight bytes. Dask's own client waits for ever for one who accepts and never says a word.

    Raises:
        ValueError: if this is no address.
        OSError: if nobody answers in time, or someone else.
    """
    parts = urlsplit(address if "://" in address else f"tcp://{address}")
    if parts.scheme != "tcp":
        return  # the client knows other ways, and which of them there are
    if not parts.hostname or not parts.port:
        raise ValueError("a host and a port are needed")
    with socket.create_connection((parts.hostname, parts.port), timeout=PATIENCE) as line:
        frames = line.recv(8, socket.MSG_WAITALL)
    if len(frames) < 8 or int.from_bytes(frames, "little") > MOST_FRAMES:
        raise ConnectionError("someone else answers")


def _close(client: Any) -> None:
    """Close a client, however far it came, and end its loop's thread: one that failed to connect
    counts itself as closed, and leaves the thread.
    """
    with suppress(OSError, AttributeError):
        client.close(timeout=PATIENCE)
    with suppress(AttributeError):
        client._loop_runner.stop()
