import socket
import subprocess
import sys
import time

import pytest
import tiny_lab

from course.__main__ import main
from course.lab.cluster import sweep_on_cluster
from course.lab.records import find_records
from course.lab.sweep import train_run


@pytest.fixture
def cluster(tmp_path):
    """A scheduler and two workers, each a process of its own on this machine; the address, and how
    to add a worker.
    """
    processes = []
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"

    def add(*arguments, kill=""):
        command = [sys.executable, "-m", *arguments]
        log = (tmp_path / f"output-{len(processes)}").open("wb")
        processes.append(
            subprocess.Popen(
                command,
                cwd=tmp_path,
                env=tiny_lab.environment(tmp_path, kill),
                stdout=log,
                stderr=log,
            )
        )
        return processes[-1]

    def worker(**options):
        return add(
            "distributed.cli.dask_worker",
            address,
            "--nthreads",
            "1",
            "--no-nanny",
            "--no-dashboard",
            **options,
        )

    add(
        "distributed.cli.dask_scheduler",
        "--host",
        "127.0.0.1",
        "--port",
        address.rpartition(":")[2],
        "--no-dashboard",
        "--no-show",
    )
    yield address, worker
    for process in processes:
        process.kill()
        process.wait()


def wait_for(address):
    host, port = address.removeprefix("tcp://").split(":")
    for _ in range(1200):
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the scheduler did not start")


def test_a_killed_worker_loses_nothing_and_nothing_runs_twice(tmp_path, cluster, monkeypatch):
    address, worker = cluster
    monkeypatch.setattr("course.lab.cluster.PATIENCE", 300)
    wait_for(address)
    workers = [worker(kill="process 2") for _ in range(2)]
    (tmp_path / "records").mkdir()
    done = []
    sweep_on_cluster(
        tiny_lab.RUNS,
        address,
        records=tmp_path / "records",
        on_record=lambda run, record: done.append(run.folder),
    )
    assert sum(process.poll() is not None for process in workers) == 1, (
        "exactly one worker was to be killed midway"
    )
    assert sorted(done) == sorted(run.folder for run in tiny_lab.RUNS)
    assert tiny_lab.saved(tmp_path) == tiny_lab.EVERY_EPOCH_ONCE
    found = find_records(tmp_path / "records")
    assert found.keys() == {run.key for run in tiny_lab.RUNS}
    here = train_run(tiny_lab.RUNS[0], tmp_path / "here")
    assert tiny_lab.timeless(found[tiny_lab.RUNS[0].key])["rows"][0] == pytest.approx(
        tiny_lab.timeless(here)["rows"][0], abs=1e-6
    )
    sweep_on_cluster(tiny_lab.RUNS, address, records=tmp_path / "records")
    assert tiny_lab.saved(tmp_path) == tiny_lab.EVERY_EPOCH_ONCE


def one_line_error(capsys, *arguments):
    assert main(["experiments", "run", "kernel", *arguments]) == 2
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1 and "Traceback" not in errors
    return errors


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "tcp://no-such-host.invalid:8786"])
def test_a_silent_address_is_one_line(capsys, monkeypatch, tmp_path, address):
    monkeypatch.setattr("course.lab.cluster.PATIENCE", 1)
    errors = one_line_error(capsys, "--scheduler", address, "--records", str(tmp_path))
    assert f"{address}: no Dask scheduler answers" in errors


def test_no_address_at_all_is_one_line(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("course.lab.cluster.PATIENCE", 1)
    assert "no address of a scheduler" in one_line_error(
        capsys, "--scheduler", "carrier-pigeon://8786", "--records", str(tmp_path)
    )


def test_without_the_extra_one_line_says_how_to_get_it(capsys, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert "pip install 'nmt[cluster]'" in one_line_error(
        capsys, "--scheduler", "tcp://127.0.0.1:1", "--records", str(tmp_path)
    )


def test_a_scheduler_without_workers_is_one_line(capsys, monkeypatch, tmp_path, cluster):
    address, _ = cluster
    wait_for(address)
    monkeypatch.setattr("course.lab.cluster.PATIENCE", 2)
    assert "has no worker" in one_line_error(
        capsys, "--scheduler", address, "--records", str(tmp_path)
    )
