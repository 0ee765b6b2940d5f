import hashlib
import json
import os

import pytest
import torch
from safetensors.torch import save_file

from nmt.checkpoints import (
    CheckpointError,
    build_model,
    load_checkpoint,
    save_checkpoint,
    write_whole,
)
from nmt.transformer import Transformer, TransformerConfig

TINY = {
    "kind": "transformer",
    "hidden_size": 16,
    "num_heads": 2,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "mlp_size": 16,
}


@pytest.fixture
def saved(tmp_path):
    model = build_model(TINY)
    save_checkpoint(tmp_path / "tiny.safetensors", model, {"name": "tiny", "seed": 3})
    return tmp_path / "tiny", model


def test_what_is_saved_is_loaded(saved):
    path, model = saved
    for name in (path, path.with_suffix(".safetensors"), str(path.with_suffix(".json"))):
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
    with pytest.raises(CheckpointError, match=r"tiny\.json: belongs to other weights"):
        load_checkpoint(saved[0])


def test_missing_files(saved, tmp_path):
    with pytest.raises(CheckpointError, match=r"nothing\.safetensors: no such file"):
        load_checkpoint(tmp_path / "nothing")
    saved[0].with_suffix(".json").unlink()
    with pytest.raises(CheckpointError, match=r"tiny\.json: no such file"):
        load_checkpoint(saved[0])


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"name": "x"}'])
def test_foreign_record(saved, text):
    saved[0].with_suffix(".json").write_text(text)
    with pytest.raises(CheckpointError, match=r"tiny\.json: not the record"):
        load_checkpoint(saved[0])


def rewrite(saved, metadata=None, **config):
    """Save the tiny model's weights under another config or other metadata, with a record that
    fits.
    """
    path, model = saved
    metadata = metadata or json.dumps(
        {"format": "nmt-1", "model": {**model.config_data(), **config}}
    )
    save_file(model.state_dict(), path.with_suffix(".safetensors"), {"nmt": metadata})
    checksum = hashlib.sha256(path.with_suffix(".safetensors").read_bytes()).hexdigest()
    path.with_suffix(".json").write_text(json.dumps({"weights_sha256": checksum}))
    return path


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"hidden_size": 32}, r"holds \(.*\) for .* asks for"),
        ({"decoder_layers": 2}, r"holds nothing for decoder\.1"),
        ({"kind": "oracle"}, "unknown kind of model 'oracle'"),
        ({"colour": "blue"}, "unknown key 'colour'"),
        ({"dropout": "much"}, "dropout must be of type float"),
        ({"num_heads": 3}, "does not divide"),
    ],
)
def test_config_that_does_not_fit(saved, change, reason):
    with pytest.raises(CheckpointError, match=rf"tiny\.safetensors: .*{reason}"):
        load_checkpoint(rewrite(saved, **change))


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ('{"format": "nmt-0"}', "of format 'nmt-0'"),
        ('{"something": "else"}', "of format 'unknown'"),
        ("{", "of format 'unknown'"),
        ("3", "of format 'unknown'"),
        ('{"format": "nmt-1"}', "no usable model config"),
        ('{"format": "nmt-1", "model": [1]}', "no usable model config"),
    ],
)
def test_foreign_file(saved, metadata, reason):
    with pytest.raises(CheckpointError, match=reason):
        load_checkpoint(rewrite(saved, metadata))


def test_a_failed_write_leaves_the_old_file_and_no_trace(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_whole(path, b"old")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["file"]
