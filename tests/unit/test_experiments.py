import json
import os
import signal
import subprocess
import sys
import time

import pytest
from safetensors.torch import load_file

from nmt.checkpoints import CheckpointError, load_checkpoint
from nmt.experiments import PRESETS, run
from nmt.training import TrainingConfig

TINY = {"kind": "transformer", "hidden_size": 8, "num_heads": 1, "encoder_layers": 1, "decoder_layers": 1, "mlp_size": 8, "dropout": 0.3}
FLAGS = "--hidden-size 8 --num-heads 1 --encoder-layers 1 --decoder-layers 1 --mlp-size 8 --dropout 0.3 --threads 1".split()
SCHEDULE = ["--schedule", "plateau", "--plateau-patience", "0", "--accumulate", "3"]


def train(out, epochs):
    command = [sys.executable, "-m", "nmt", "train", "small-transformer", *FLAGS, *SCHEDULE, "--epochs", str(epochs), "--out", str(out)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process):
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return output


def epochs_saved(out):
    record = out / "state.safetensors"
    if not record.exists():
        return 0
    from safetensors import safe_open

    with safe_open(record, "pt") as file:
        return len(json.loads(file.metadata()["progress"])["epochs"])


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_stopped_run_goes_on_and_ends_with_the_same_weights_bit_for_bit(tmp_path, how):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    whole_run, cut_run = train(whole, 6), train(cut, 6)
    deadline = time.monotonic() + 100
    while epochs_saved(cut) < 2:
        assert time.monotonic() < deadline and cut_run.poll() is None, cut_run.communicate()
        time.sleep(0.02)
    os.kill(cut_run.pid, how)
    output, errors = cut_run.communicate(timeout=60)
    if how == signal.SIGINT:
        assert cut_run.returncode == 130 and "goes on where" in errors and "Traceback" not in errors
    assert 2 <= epochs_saved(cut) < 6, "the run was over before it could be stopped"
    assert not (cut / "model.json").exists()
    finish(whole_run)
    finish(train(cut, 6))
    expected, got = load_file(whole / "state.safetensors"), load_file(cut / "state.safetensors")
    assert expected.keys() == got.keys()
    assert all((expected[name] == got[name]).all() for name in expected)
    assert (whole / "model.safetensors").read_bytes() == (cut / "model.safetensors").read_bytes()
    timeless = [
        [{key: value for key, value in row.items() if key != "seconds"} for row in json.loads((out / "record.json").read_text())["epochs"]]
        for out in (whole, cut)
    ]
    assert timeless[0] == timeless[1]


def test_a_run_leaves_a_whole_record_and_is_not_repeated(tmp_path):
    config = TrainingConfig(epochs=2, learning_rate=1e-2)
    record = run("tiny", TINY, config, tmp_path / "run")
    assert record is not None
    assert json.loads((tmp_path / "run" / "record.json").read_text()) == record
    assert len(record["epochs"]) == 2 and record["seed"] == 0 and record["best"]["epoch"] in (1, 2)
    checkpoint = load_checkpoint(tmp_path / "run" / "model")
    assert checkpoint.record == record
    assert record["parameters"] == sum(p.numel() for p in checkpoint.model.parameters())
    wrong = 1 - len(record["mistakes"]) / 308
    assert 0 <= wrong <= 1
    seen = []
    again = run("tiny", TINY, config, tmp_path / "run", on_epoch=seen.append)
    assert not seen and again == record


def test_other_settings_in_the_same_folder_are_refused(tmp_path):
    run("tiny", TINY, TrainingConfig(epochs=1), tmp_path)
    with pytest.raises(CheckpointError, match=r"a run with learning_rate 0\.003, not 0\.1"):
        run("tiny", TINY, TrainingConfig(epochs=1, learning_rate=0.1), tmp_path)
    with pytest.raises(CheckpointError, match="a run with hidden_size 8, not 16"):
        run("tiny", {**TINY, "hidden_size": 16}, TrainingConfig(epochs=1), tmp_path)


def test_presets_are_complete():
    assert set(PRESETS) == {"small-transformer", "large-transformer", "small-mamba", "large-mamba"}
    for name, preset in PRESETS.items():
        assert name == f"{preset.training['data']}-{preset.model['kind']}"
        TrainingConfig(**preset.training)
