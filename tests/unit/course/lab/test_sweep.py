import json
import multiprocessing
import os
import signal
import subprocess
import sys
from multiprocessing import resource_tracker

import pytest
import tiny_lab
from few_words import few_words_only

from course.lab.records import find_records, read_record, write_record
from course.lab.sweep import sweep, train_run

pytestmark = pytest.mark.usefixtures("few_words")


def swept(folder, kill=""):
    """A sweep of its own process: its exit status, and what it printed."""
    (folder / "records").mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, tiny_lab.__file__, str(folder)],
        env=tiny_lab.environment(folder, kill),
        start_new_session=True,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    with few_words_only():
        for run in tiny_lab.RUNS:
            write_record(train_run(run, folder / "runs"), folder)
    found = find_records(folder)
    assert found.keys() == {run.key for run in tiny_lab.RUNS}
    for run in tiny_lab.RUNS:
        record = found[run.key]
        assert record["name"] == run.name and len(record["epochs"]) == tiny_lab.EPOCHS
    return found


@pytest.mark.parametrize("kill", ["process 2", "parent 2"])
def test_a_killed_sweep_loses_nothing_and_repeats_nothing(tmp_path, undisturbed, kill):
    """One worker dies, and the sweep goes on by itself. Or the sweep dies: then its workers end,
    and the same command goes on.
    """
    status, out, err = swept(tmp_path, kill)
    if kill.startswith("parent"):  # its pipes closed when the last worker, who has them, was gone
        assert status == -signal.SIGKILL
        status, out, err = swept(tmp_path)
    else:
        assert sorted(json.loads(out)) == sorted(run.folder for run in tiny_lab.RUNS)
    assert status == 0, err
    assert tiny_lab.saved(tmp_path) == tiny_lab.EVERY_EPOCH_ONCE
    here, there = (
        {key: tiny_lab.timeless(record) for key, record in records.items()}
        for records in (find_records(tmp_path / "records"), undisturbed)
    )
    assert here == there
    for left in ("*/state.safetensors", "*/.*"):
        assert not list((tmp_path / "runs").glob(left))


def test_a_damaged_state_is_trained_anew_and_a_record_that_is_there_is_not_made_again(tmp_path):
    run, epochs = tiny_lab.RUNS[0], []
    (tmp_path / run.folder).mkdir(parents=True)
    (tmp_path / run.folder / "state.safetensors").write_bytes(b"half a file")
    first = train_run(run, tmp_path)
    assert len(first["epochs"]) == tiny_lab.EPOCHS
    assert train_run(run, tmp_path, epochs.append) == first and not epochs
    assert not (tmp_path / run.folder / "state.safetensors").exists()
    assert (tmp_path / run.folder / "model.safetensors").exists()


def test_nothing_to_do_starts_no_process(tmp_path, undisturbed, monkeypatch):
    monkeypatch.setattr("course.lab.sweep._Worker", None)
    monkeypatch.setattr("course.lab.sweep.find_files", lambda folder: undisturbed)
    sweep(tiny_lab.RUNS, folder=tmp_path, records=tmp_path)


def test_a_process_that_cannot_start_leaves_nothing_open(tmp_path, monkeypatch):
    started = []
    real = multiprocessing.get_context("spawn").Process.start

    def second_fails(process):
        if started:
            raise OSError("no more processes")
        started.append(process)
        real(process)

    monkeypatch.setattr("multiprocessing.context.SpawnProcess.start", second_fails)
    resource_tracker.ensure_running()  # it stays, by design
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(OSError, match="no more processes"):
        sweep(tiny_lab.RUNS, jobs=2, folder=tmp_path, records=tmp_path)
    assert not multiprocessing.active_children() and len(os.listdir("/proc/self/fd")) <= before


def test_again_trains_what_has_a_record_and_writes_it_in_its_place(tmp_path, undisturbed):
    run = tiny_lab.RUNS[0]
    elsewhere = write_record({**undisturbed[run.key], "name": "other", "seconds": -1}, tmp_path)
    sweep([run], jobs=1, folder=tmp_path / "runs", records=tmp_path)
    assert not (tmp_path / "runs").exists()
    sweep([run], jobs=1, again=True, folder=tmp_path / "runs", records=tmp_path)
    assert read_record(elsewhere)["seconds"] >= 0 and len(list(tmp_path.glob("*.json"))) == 1
