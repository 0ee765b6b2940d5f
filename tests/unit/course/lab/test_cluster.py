import gc
import socket
import subprocess
import sys
import threading
import time

import pytest
import tiny_lab

from course.lab.records import find_records
from course.lab.sweep import sweep, train_run


@pytest.fixture
def cluster(tmp_path):
    """A scheduler and two workers, each a process of its own on this machine; the address, and how
    to add a worker.
    """
    processes = []
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"

    def add(*arguments, environment):
        command = [sys.executable, "-m", *arguments]
        log = (tmp_path / f"output-{len(processes)}").open("wb")
        streams = {"stdout": log, "stderr": log}
        processes.append(subprocess.Popen(command, cwd=tmp_path, env=environment, **streams))
        return processes[-1]

    def worker(kill=""):
        options = "--nthreads 1 --no-nanny --no-dashboard".split()
        environment = tiny_lab.environment(tmp_path, kill)
        return add("distributed.cli.dask_worker", address, *options, environment=environment)

    here = ["--host", "127.0.0.1", "--port", address.rpartition(":")[2]]
    environment = tiny_lab.environment(tmp_path) | {"TINY_LOG": ""}
    module = "distributed.cli.dask_scheduler"
    add(module, *here, "--no-dashboard", "--no-show", environment=environment)
    yield address, worker
    for process in processes:
        process.kill()
        process.wait()


def wait_for(address):
    host, port = address.removeprefix("tcp://").split(":")
    for _ in range(6000):
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise AssertionError("the scheduler did not start")


@pytest.mark.usefixtures("few_words")
def test_a_killed_worker_loses_nothing_and_nothing_runs_twice(tmp_path, cluster, monkeypatch):
    address, worker = cluster
    monkeypatch.setattr("course.lab.cluster.PATIENCE", 300)
    wait_for(address)
    workers = [worker(kill="process 2") for _ in range(2)]
    (tmp_path / "records").mkdir()
    done = []
    where = {"scheduler": address, "records": tmp_path / "records"}
    sweep(tiny_lab.RUNS, **where, on_record=lambda run, record: done.append(run.folder))
    assert sum(process.poll() is not None for process in workers) == 1, "one was to be killed"
    assert sorted(done) == sorted(run.folder for run in tiny_lab.RUNS)
    assert tiny_lab.saved(tmp_path) == tiny_lab.EVERY_EPOCH_ONCE
    found = find_records(tmp_path / "records")
    assert found.keys() == {run.key for run in tiny_lab.RUNS}
    here = train_run(tiny_lab.RUNS[0], tmp_path / "here")
    there, here = (tiny_lab.timeless(one)["rows"][0] for one in (found[tiny_lab.RUNS[0].key], here))
    assert there == pytest.approx(here, abs=1e-6)
    sweep(tiny_lab.RUNS, **where)
    assert tiny_lab.saved(tmp_path) == tiny_lab.EVERY_EPOCH_ONCE


def test_without_worker_it_is_one_line_and_when_the_only_one_dies_another_comes(
    tmp_path, cluster, monkeypatch, one_line_error
):
    address, worker = cluster
    monkeypatch.setattr("course.lab.cluster.PATIENCE", 1)
    wait_for(address)
    assert "has no worker" in one_line_error(address)
    monkeypatch.setattr("course.lab.cluster.PATIENCE", 300)
    monkeypatch.setattr("course.lab.cluster.LOOK", 0.2)
    worker(kill="process 2")
    said = threading.Event()

    def printed(text, **_):
        if "no worker is left" in text:
            assert f"dask worker {address}" in text and not said.is_set(), "one line, once"
            said.set()
            worker()

    monkeypatch.setattr("builtins.print", printed)
    sweep(tiny_lab.RUNS[:1], scheduler=address, records=tmp_path / "records")
    assert said.is_set() and len(find_records(tmp_path / "records")) == 1


@pytest.fixture
def one_line_error(refused, monkeypatch, tmp_path):
    """What a run at an address says that ends with one line, and leaves nothing open."""
    monkeypatch.setattr("course.lab.cluster.PATIENCE", 0.3)

    def at(address):
        options = "--scheduler", address, "--records", tmp_path
        errors = refused("experiments", "run", "kernel", *options)
        gc.collect()
        clients = [one for one in gc.get_objects() if type(one).__name__ == "Client"]
        assert all(one.status == "closed" for one in clients)
        assert "IO loop" not in {thread.name for thread in threading.enumerate()}
        return errors

    return at


SILENT, NONE = "no Dask scheduler answers", "no address of a scheduler"


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("tcp://127.0.0.1:1", SILENT),
        ("tcp://no-such-host.invalid:8786", SILENT),
        ("carrier-pigeon://8786", NONE),
        ("tcp://", NONE),
        ("tcp://127.0.0.1:port", NONE),
    ],
)
def test_a_silent_address_or_none_is_one_line_again_and_again(one_line_error, address, message):
    for _ in range(2):  # a user corrects an address, and runs the cell again
        said = one_line_error(address)
        assert f"{address}" in said and message in said


@pytest.mark.parametrize("greeting", [b"", b"SSH-2.0-OpenSSH_9.6"])
def test_someone_else_behind_the_address_is_one_line(one_line_error, greeting):
    """One who accepts and never says a word, and one who says something else."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"tcp://127.0.0.1:{other.getsockname()[1]}"
        if greeting:
            threading.Thread(target=lambda: other.accept()[0].sendall(greeting)).start()
        assert "no Dask scheduler answers" in one_line_error(address)


def test_without_the_extra_one_line_says_how_to_get_it(one_line_error, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert "pip install 'nmt[cluster]'" in one_line_error("tcp://127.0.0.1:1")
