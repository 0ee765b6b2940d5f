import json
import math
import signal
import subprocess
import sys

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from course.lab.records import load_records
from nmt.batches import LengthBuckets
from nmt.checkpoints import CheckpointError, build_model, load_checkpoint, load_state
from nmt.data import load_pairs
from nmt.runs import PRESETS, record_divergence, run
from nmt.training import TrainingConfig

TINY = {
    "kind": "transformer",
    "hidden_size": 8,
    "num_heads": 1,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "mlp_size": 8,
    "dropout": 0.3,
}
FLAGS = (
    "--hidden-size 8 --num-heads 1 --encoder-layers 1 --decoder-layers 1 --mlp-size 8 --dropout 0.3"
    " --threads 1".split()
)
SCHEDULE = [
    "--schedule",
    "plateau",
    "--plateau-patience",
    "0",
    "--accumulate",
    "3",
    "--batch-size",
    "512",
]


STOPS_ITSELF = """
import os, signal as signals, sys
# A test run in the background may have it ignored.
signals.signal(signals.SIGINT, signals.default_int_handler)
import nmt.training
from nmt.__main__ import main

signal, batches_left, real = int(sys.argv[1]), int(sys.argv[2]), nmt.training.token_loss

def counted(*arguments):
    global batches_left
    batches_left -= 1
    if batches_left == 0:
        os.kill(os.getpid(), signal)
    return real(*arguments)

nmt.training.token_loss = counted
sys.exit(main(sys.argv[3:]))
"""


def train(out, signal_number=0, batches=0):
    """Train in a process of its own, which sends itself a signal in the middle of an epoch, if
    asked to.
    """
    command = ["train", "small-transformer", *FLAGS, *SCHEDULE, "--epochs", "4", "--out", str(out)]
    return subprocess.run(
        [sys.executable, "-c", STOPS_ITSELF, str(int(signal_number)), str(batches), *command],
        capture_output=True,
        text=True,
        timeout=600,
    )


def epochs_saved(out):
    with safe_open(out / "state.safetensors", "pt") as file:
        return len(json.loads(file.metadata()["nmt"])["progress"]["epochs"])


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    out = tmp_path_factory.mktemp("whole")
    result = train(out)
    assert result.returncode == 0, result.stderr
    return out


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_stopped_run_goes_on_and_ends_with_the_same_weights_bit_for_bit(tmp_path, whole, how):
    in_epoch = len(LengthBuckets(load_pairs("small", "train"), 512))
    stopped = train(tmp_path, how, 2 * in_epoch + in_epoch // 2)
    if how == signal.SIGKILL:
        assert stopped.returncode == -signal.SIGKILL
    else:
        assert (
            stopped.returncode == 130
            and "goes on where" in stopped.stderr
            and "Traceback" not in stopped.stderr
        )
    assert epochs_saved(tmp_path) == 2 and not (tmp_path / "model.json").exists()
    assert train(tmp_path).returncode == 0
    expected, got = (
        load_file(whole / "state.safetensors"),
        load_file(tmp_path / "state.safetensors"),
    )
    assert expected.keys() == got.keys()
    assert all(torch.equal(expected[name], got[name]) for name in expected)
    assert (whole / "model.safetensors").read_bytes() == (
        tmp_path / "model.safetensors"
    ).read_bytes()
    timeless = [
        [
            {key: value for key, value in row.items() if "seconds" not in key}
            for row in json.loads((out / "record.json").read_text())["epochs"]
        ]
        for out in (whole, tmp_path)
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
    held_out = load_pairs("small", "val")
    assert record["best"]["val_accuracy"] == round(1 - len(record["mistakes"]) / len(held_out), 6)
    seen = []
    again = run("tiny", TINY, config, tmp_path / "run", on_epoch=seen.append)
    assert not seen and again == record


def test_other_settings_in_the_same_folder_are_refused(tmp_path):
    run("tiny", TINY, TrainingConfig(epochs=1), tmp_path)
    with pytest.raises(CheckpointError, match=r"a run with learning_rate 0\.003, not 0\.1"):
        run("tiny", TINY, TrainingConfig(epochs=1, learning_rate=0.1), tmp_path)
    with pytest.raises(CheckpointError, match="a run with hidden_size 8, not 16"):
        run("tiny", {**TINY, "hidden_size": 16}, TrainingConfig(epochs=1), tmp_path)


def test_a_run_from_before_a_setting_existed_goes_on_with_its_default(tmp_path):
    run("tiny", TINY, TrainingConfig(epochs=1), tmp_path)
    state = tmp_path / "state.safetensors"
    with safe_open(state, "pt") as file:
        header = json.loads(file.metadata()["nmt"])
    for name in ("words", "passes", "batching"):
        del header["training"][name]
    save_file(load_file(state), state, {"nmt": json.dumps(header)})
    assert (
        len(
            load_state(
                state, TrainingConfig(epochs=1), build_model(TINY).config_data()
            ).progress.epochs
        )
        == 1
    )
    with pytest.raises(CheckpointError, match="a run with words 0, not 5"):
        load_state(state, TrainingConfig(epochs=1, words=5), build_model(TINY).config_data())


def test_a_run_that_diverges_is_recorded_as_it_was_before(tmp_path):
    config = TrainingConfig(
        epochs=3, learning_rate=1e30, gradient_clip=0.0, warmup_epochs=0.0, batch_size=512
    )
    with pytest.raises(ArithmeticError) as error:
        run("tiny", TINY, config, tmp_path)
    record = record_divergence("tiny", TINY, config, tmp_path, str(error.value))
    assert (
        "the loss became" in record["diverged"]
        and record["best"]["epoch"] == 0
        and record["epochs"] == []
    )
    assert record["best"]["val_accuracy"] == 0 and record["best"]["val_loss"] == pytest.approx(
        math.log(29), abs=0.5
    )
    assert json.loads((tmp_path / "record.json").read_text()) == record
    run("tiny", TINY, TrainingConfig(epochs=2, learning_rate=1e-2), tmp_path / "later")
    later = record_divergence(
        "tiny",
        TINY,
        TrainingConfig(epochs=2, learning_rate=1e-2),
        tmp_path / "later",
        "the loss became inf",
    )
    assert later["best"]["epoch"] in (1, 2) and len(later["epochs"]) == 2


def test_presets_are_complete():
    assert set(PRESETS) == {"small-transformer", "large-transformer", "small-mamba", "large-mamba"}
    for name, preset in PRESETS.items():
        assert name == f"{preset.training['data']}-{preset.model['kind']}"
        TrainingConfig(**preset.training)


def test_records_come_in_the_order_of_their_seeds_and_of_one_name(tmp_path):
    for name, seed in (("a", 10), ("a", 2), ("a-b", 0)):
        (tmp_path / f"{name}-seed{seed}.json").write_text(json.dumps({"seed": seed}))
    assert [record["seed"] for record in load_records("a", tmp_path)] == [2, 10]
    with pytest.raises(FileNotFoundError, match=r"c-seed\*\.json: no such record"):
        load_records("c", tmp_path)
