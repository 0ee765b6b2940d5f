"""Runs: stopped in any way they go on to the same weights; records are whole; presets are runs."""

import json
import math
import signal
import subprocess
import sys
from pathlib import Path

import few_words
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from nmt.__main__ import main
from nmt.batches import LengthBuckets
from nmt.checkpoints import CheckpointError, build_model, load_checkpoint, load_state
from nmt.data import load_pairs, training_words
from nmt.evaluation import measure
from nmt.runs import PRESETS, choosing_words, record_divergence, reported, run, wide_words
from nmt.training import TrainingConfig

SIZES = {"hidden_size": 8, "num_heads": 1, "encoder_layers": 1, "decoder_layers": 1, "mlp_size": 8}
TINY = {"kind": "transformer", **SIZES, "dropout": 0.3}
TRAIN = "train small-transformer --hidden-size 8 --num-heads 1 --encoder-layers 1".split()
TRAIN += "--decoder-layers 1 --mlp-size 8 --dropout 0.3 --threads 1 --schedule plateau".split()
TRAIN += "--plateau-patience 0 --epochs 4 --accumulate 3 --batch-size 512 --out".split()

STOPS_ITSELF = """
import os, signal, sys
sys.path.insert(0, sys.argv.pop(1))
import few_words, nmt.training
from nmt.__main__ import main

few_words.know_few_words()
number, batches_left, real = int(sys.argv[1]), int(sys.argv[2]), nmt.training.token_loss

def counted(*arguments):
    global batches_left
    batches_left -= 1
    if batches_left == 0:
        os.killpg(0, number)
    return real(*arguments)

nmt.training.token_loss = counted
sys.exit(main(sys.argv[3:]))
"""


def train(out):
    return main([*TRAIN, str(out)])


def stop(out, number, batches):
    """Train in a process of its own, whose group gets a signal in one of its batches: as from a
    terminal, where Ctrl-C reaches the group as a whole. Its status, and what it said.
    """
    program = [sys.executable, "-c", STOPS_ITSELF, str(Path(few_words.__file__).parent)]
    done = subprocess.run(
        [*program, str(int(number)), str(batches), *TRAIN, str(out)],
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    return done.returncode, done.stderr


def header_of(state):
    with safe_open(state, "pt") as file:
        return json.loads(file.metadata()["nmt"])


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    out = tmp_path_factory.mktemp("whole")
    with few_words.few_words_only():
        assert train(out) == 0
    return out


def check_goes_on_as(whole, out):
    """A stopped run goes on, and ends with the same weights and record bit for bit."""
    assert train(out) == 0
    for file in ("state.safetensors", "model.safetensors"):
        expected, got = (load_file(each / file) for each in (whole, out))
        assert expected.keys() == got.keys()
        assert all(torch.equal(expected[name], got[name]) for name in expected)
    rows = [json.loads((each / "record.json").read_text())["epochs"] for each in (whole, out)]
    clocks = "seconds", "cpu_seconds"
    for row in rows[0] + rows[1]:
        assert all(row.pop(clock) >= 0 for clock in clocks)
    assert rows[0] == rows[1]


@pytest.mark.usefixtures("few_words")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGKILL, -9), (signal.SIGINT, 130)])
def test_a_stopped_run_goes_on(tmp_path, whole, number, status):
    in_epoch = len(LengthBuckets(load_pairs("small", "train"), 512))
    found, said = stop(tmp_path, number, 2 * in_epoch + in_epoch // 2)
    assert found == status and "Traceback" not in said
    assert ("goes on where" in said) == (number == signal.SIGINT)
    assert len(header_of(tmp_path / "state.safetensors")["progress"]["epochs"]) == 2
    assert not (tmp_path / "model.safetensors").exists()
    check_goes_on_as(whole, tmp_path)


@pytest.mark.usefixtures("few_words")
def test_a_run_leaves_a_whole_record_and_is_not_repeated(tmp_path):
    config = TrainingConfig(epochs=2, learning_rate=1e-2)
    record = run("tiny", TINY, config, tmp_path / "run")
    assert record is not None
    assert json.loads((tmp_path / "run" / "record.json").read_text()) == record
    assert len(record["epochs"]) == 2 and record["seed"] == 0 and record["last"]["epoch"] == 2
    checkpoint = load_checkpoint(tmp_path / "run" / "model")
    assert checkpoint.record == record
    assert record["parameters"] == sum(p.numel() for p in checkpoint.model.parameters())
    held_out = load_pairs("small", "val")
    assert record["last"]["val_accuracy"] == round(1 - len(record["mistakes"]) / len(held_out), 6)
    assert record["last"]["val_loss"] == record["epochs"][-1]["val_loss"]
    train, wide = load_pairs("small", "train"), wide_words()
    assert record["last"]["train_loss"] == pytest.approx(measure(checkpoint.model, train)[0], 1e-4)
    assert record["wide"]["val_loss"] == pytest.approx(measure(checkpoint.model, wide)[0], 1e-4)
    batches = len(LengthBuckets(train, config.batch_size))
    assert record["steps"] == 2 * batches and record["words_seen"] == 2 * len(train)
    assert set(record["latency"]) == {"1", "256"} and min(record["latency"].values()) > 0
    seen = []
    again = run("tiny", TINY, config, tmp_path / "run", on_epoch=seen.append)
    assert not seen and again == record


@pytest.mark.usefixtures("few_words")
def test_other_settings_in_the_same_folder_are_refused(tmp_path):
    run("tiny", TINY, TrainingConfig(epochs=1), tmp_path)
    with pytest.raises(CheckpointError, match=r"a run with learning_rate 0\.003, not 0\.1"):
        run("tiny", TINY, TrainingConfig(epochs=1, learning_rate=0.1), tmp_path)
    with pytest.raises(CheckpointError, match="a run with hidden_size 8, not 16"):
        run("tiny", {**TINY, "hidden_size": 16}, TrainingConfig(epochs=1), tmp_path)


@pytest.mark.usefixtures("few_words")
def test_a_run_from_before_a_setting_existed_goes_on_with_its_default(tmp_path):
    run("tiny", TINY, TrainingConfig(epochs=1), tmp_path)
    state = tmp_path / "state.safetensors"
    header = header_of(state)
    for name in ("words", "passes", "batching"):
        del header["training"][name]
    save_file(load_file(state), state, {"nmt": json.dumps(header)})
    loaded = load_state(state, TrainingConfig(epochs=1), build_model(TINY).config_data())
    assert len(loaded.progress.epochs) == 1
    with pytest.raises(CheckpointError, match="a run with words 0, not 5"):
        load_state(state, TrainingConfig(epochs=1, words=5), build_model(TINY).config_data())


@pytest.mark.usefixtures("few_words")
def test_a_run_that_diverges_is_recorded_as_it_was_before(tmp_path):
    settings = {"learning_rate": 1e30, "gradient_clip": 0.0, "warmup_epochs": 0.0}
    config = TrainingConfig(epochs=3, batch_size=512, **settings)
    with pytest.raises(ArithmeticError) as error:
        run("tiny", TINY, config, tmp_path)
    record = record_divergence("tiny", TINY, config, tmp_path, str(error.value))
    assert "the loss became" in record["diverged"]
    assert record["last"]["epoch"] == 0 and record["epochs"] == []
    assert record["last"]["val_accuracy"] == 0
    assert record["last"]["val_loss"] == pytest.approx(math.log(29), abs=0.5)
    assert json.loads((tmp_path / "record.json").read_text()) == record
    config, out = TrainingConfig(epochs=2, learning_rate=1e-2), tmp_path / "later"
    run("tiny", TINY, config, out)
    later = record_divergence("tiny", TINY, config, out, "the loss became inf")
    assert later["last"]["epoch"] == 2 and len(later["epochs"]) == 2


def test_wide_words_are_none_of_smalls_and_of_its_kind():
    words, small = wide_words(), {pair.source for pair in load_pairs("small")}
    assert len(words) == len(set(words)) == 1_726
    assert {pair.split for pair in words} == {"val"} and not small & {p.source for p in words}
    assert all(len(p.source) >= 4 and set(p.source) & set("aeiou") for p in words)


def test_what_chooses_was_not_learned_and_is_not_reported():
    assert choosing_words(TrainingConfig(data="small")) == wide_words()
    part = set(choosing_words(TrainingConfig(data="large", words=9_000)))
    learned = training_words(load_pairs("large", "train"), 9_000)
    assert len(part) == 17_824 - 9_000 and not part & set(learned)
    assert {pair.split for pair in part} == {"train"}
    assert not choosing_words(TrainingConfig(data="large"))


def test_figures_are_the_last_epochs_or_in_old_records_the_best():
    assert reported({"last": {"val_loss": 1}, "best": {"val_loss": 0}}) == {"val_loss": 1}
    assert reported({"best": {"val_loss": 0}}) == {"val_loss": 0}


def test_presets_are_complete():
    assert set(PRESETS) == {"small-transformer", "large-transformer", "small-mamba", "large-mamba"}
    for name, preset in PRESETS.items():
        assert name == f"{preset.training['data']}-{preset.model['kind']}"
        TrainingConfig(**preset.training)
