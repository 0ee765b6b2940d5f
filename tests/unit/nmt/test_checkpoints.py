import json

import pytest
import torch

from nmt.checkpoints import (
    CheckpointError,
    build_model,
    fingerprint,
    load_checkpoint,
    load_state,
    save_checkpoint,
    save_state,
)
from nmt.training import TrainingConfig, start_training
from nmt.transformer import Transformer, TransformerConfig

TINY = {"kind": "transformer", "hidden_size": 8, "num_heads": 1, "encoder_layers": 1}


@pytest.fixture
def saved(tmp_path):
    model = build_model(TINY)
    save_checkpoint(tmp_path / "tiny.safetensors", model, {"name": "tiny", "seed": 3})
    return tmp_path / "tiny", model


def test_what_is_saved_is_loaded(saved):
    path, model = saved
    for name in (path, path.with_suffix(".safetensors"), str(path)):
        checkpoint = load_checkpoint(name)
        assert checkpoint.record == {"name": "tiny", "seed": 3}
        assert checkpoint.model.config == model.config and not checkpoint.model.training
        for key, tensor in model.state_dict().items():
            assert torch.equal(tensor, checkpoint.model.state_dict()[key])


def test_every_config_comes_back():
    config = TransformerConfig(positions="learned", num_heads=8, decoder_layers=1, dropout=0.3)
    data = json.loads(json.dumps(Transformer(config).config_data()))
    assert build_model(data).config == config


@pytest.mark.parametrize("keep", [0, 4, 100, -1])
def test_truncated_weights(saved, keep):
    file = saved[0].with_suffix(".safetensors")
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match=r"tiny\.safetensors: not a whole safetensors file"):
        load_checkpoint(saved[0])


def test_changed_weights(saved):
    file = saved[0].with_suffix(".safetensors")
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"tiny\.safetensors: damaged"):
        load_checkpoint(saved[0])


def test_a_name_with_dots_is_a_name(saved, tmp_path):
    save_checkpoint(tmp_path / "rate-0.5", saved[1], {"name": "dots"})
    assert load_checkpoint(tmp_path / "rate-0.5").record == {"name": "dots"}


def test_a_fingerprint_names_the_weights_and_not_the_record(saved, tmp_path):
    path, model = saved
    save_checkpoint(tmp_path / "other", model, {"name": "another run"})
    assert fingerprint(path) == fingerprint(tmp_path / "other")
    with torch.no_grad():
        model.output.bias[0] += 1e-6
    save_checkpoint(tmp_path / "other", model, {"name": "another run"})
    assert fingerprint(path) != fingerprint(tmp_path / "other")


def test_missing_files(tmp_path):
    for name in (tmp_path / "nothing", "nothing", tmp_path / "no folder" / "nothing"):
        with pytest.raises(CheckpointError, match=r"nothing\.safetensors: no such file"):
            load_checkpoint(name)


def test_a_device_is_no_setting_of_a_run(tmp_path):
    model, config = build_model(TINY), TrainingConfig()
    save_state(tmp_path / "run.safetensors", start_training(model, config), config)
    elsewhere = TrainingConfig(device="cpu")
    load_state(tmp_path / "run.safetensors", elsewhere, model.config_data())
    with pytest.raises(CheckpointError, match="a run with seed 0, not 1; go on with its settings"):
        load_state(tmp_path / "run.safetensors", TrainingConfig(seed=1), model.config_data())
