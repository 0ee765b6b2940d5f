"""Full disks, files that are cut, damaged or made up: one sentence, nothing half-written."""

import json
import subprocess
import sys
from contextlib import contextmanager

import pytest
import torch
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from safetensors.torch import load, save

from nmt import ROOT
from nmt.checkpoints import (
    FORMAT,
    CheckpointError,
    _digest,
    build_model,
    load_checkpoint,
    load_state,
    save_checkpoint,
    save_state,
)
from nmt.files import write_whole
from nmt.training import TrainingConfig, start_training

TINY = {"kind": "transformer", "hidden_size": 8, "num_heads": 1, "encoder_layers": 1}
quick = settings(
    max_examples=20,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A checkpoint and a run to go on with, both of a tiny model."""
    folder = tmp_path_factory.mktemp("tiny")
    model = build_model(TINY)
    save_checkpoint(folder / "tiny", model, {"name": "tiny"})
    state = start_training(model, TrainingConfig())
    sum(parameter.sum() for parameter in model.parameters()).backward()
    state.optimizer.step()
    row = {"epoch": 1, "val_loss": 1.0, "val_accuracy": 0.5}
    state.progress.epochs, state.progress.steps = [row], 3
    save_state(folder / "state.safetensors", state, TrainingConfig())
    assert go_on(folder / "state.safetensors").progress.steps == 3
    return folder


def go_on(path):
    """Read the state of the tiny run from this file."""
    return load_state(path, TrainingConfig(), build_model(TINY).config_data())


@contextmanager
def one_sentence(*parts, must=False):
    """An error in the block is one sentence with these parts; with `must` there is one."""
    try:
        yield
    except (CheckpointError, OSError) as error:
        text = str(error)
        assert text and "\n" not in text and len(text) < 1000, text
        assert all(part in text for part in parts), text
    else:
        assert not must


SMALL = "--epochs 1 --words 64 --hidden-size 16 --num-heads 2 --out".split()


def no_large_files():
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))


@pytest.mark.skipif(sys.platform == "win32", reason="no limits on files")
def test_a_disk_that_fills_up_while_training(tmp_path):
    out = tmp_path / "Läufe mit Platz"
    command = [sys.executable, "-m", "nmt", "train", "small-transformer", *SMALL, str(out)]
    options = {"cwd": ROOT, "preexec_fn": no_large_files}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, **options)
    said = [line for line in done.stderr.splitlines() if line.startswith("nmt: ")]
    assert done.returncode == 2 and len(said) == 1 and "Traceback" not in done.stderr, done.stderr
    assert "File too large" in said[0] and "state.safetensors" in said[0]
    assert list(out.iterdir()) == []


@pytest.mark.parametrize("obstacle", ["file", "long name", "folder"])
def test_a_place_that_can_not_be_written(tmp_path, obstacle):
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    places = {"file": "file/inside.json", "long name": "n" * 300, "folder": "folder"}
    path = tmp_path / places[obstacle]
    with one_sentence(must=True):
        write_whole(path, b"x")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "folder"]


def packed(tensors, header):
    """A safetensors file with any header, and with the checksum that fits its tensors."""
    if isinstance(header, dict):
        header = json.dumps({**header, "sha256": _digest(tensors)})
    return save(tensors, {"nmt": header})


def opened(file):
    """Tensors and header of a file."""
    content = file.read_bytes()
    size = int.from_bytes(content[:8], "little")
    return load(content), json.loads(json.loads(content[8 : 8 + size])["__metadata__"]["nmt"])


def forged(folder, tmp_path, change):
    """A copy of the tiny checkpoint whose config, or whole header, or tensors are others."""
    tensors, header = change(*opened(folder / "tiny.safetensors"))
    (tmp_path / "forged.safetensors").write_bytes(packed(tensors, header))
    return tmp_path / "forged"


def with_config(options):
    """A change for `forged`: other settings of the model."""
    return lambda tensors, header: (tensors, {**header, "model": {**header["model"], **options}})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"hidden_size": 32}, r"size mismatch for embedding\.weight.*\[29, 8\].*\[29, 32\]"),
        ({"decoder_layers": 3}, r"Missing key\(s\).*decoder\.2"),
        ({"hidden_size": 1024, "decoder_layers": 32}, "far more numbers than it holds"),
        ({"kind": "oracle"}, "unknown kind of model 'oracle'"),
        ({"colour": "blue"}, "unknown key 'colour'"),
        ({"dropout": "much"}, "dropout must be of type float"),
        ({"num_heads": 3}, "does not divide"),
    ],
)
def test_config_that_does_not_fit(tiny, tmp_path, change, reason):
    path = forged(tiny, tmp_path, with_config(change))
    with pytest.raises(CheckpointError, match=rf"forged\.safetensors: .*{reason}"):
        load_checkpoint(path)


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ('{"format": "nmt-1"}', "of format 'nmt-1', while this version reads 'nmt-2'"),
        ('{"something": "else"}', "of format 'unknown'"),
        ("{", "of format 'unknown'"),
        ("3", "of format 'unknown'"),
        ('{"format": "nmt-2"}', "damaged"),
        ('{"format": "nmt-2", "sha256": "SUM"}', "no record of the run"),
        ('{"format": "nmt-2", "sha256": "SUM", "record": {}}', "no usable model"),
        ('{"format": "nmt-2", "sha256": "SUM", "record": {}, "model": [1]}', "no usable model"),
    ],
)
def test_foreign_file(tiny, tmp_path, header, reason):
    def change(tensors, _):
        return tensors, header.replace("SUM", _digest(tensors))

    with pytest.raises(CheckpointError, match=reason):
        load_checkpoint(forged(tiny, tmp_path, change))


KEYS = [*TINY, *"positions dropout rotary_base max_length state_size num_layers expand".split()]
SIMPLE = st.none() | st.integers() | st.floats() | st.text(max_size=5)
ODD = st.sampled_from([10**9, 10**40, -1, 0, 3, True, [1], {}])
CONFIG = st.dictionaries(st.sampled_from(KEYS), SIMPLE | ODD, max_size=4)


@given(config=CONFIG)
@example(config={"hidden_size": 10**9})
@example(config={"encoder_layers": 10**9})  # costs no memory, either
@quick
def test_any_config_in_a_checkpoint(tiny, tmp_path, config):
    path = forged(tiny, tmp_path, with_config(config))
    with one_sentence("forged.safetensors"):
        load_checkpoint(path)


NAMES = st.text(max_size=5)
JSON = st.recursive(
    SIMPLE, lambda own: st.lists(own, max_size=3) | st.dictionaries(NAMES, own), max_leaves=5
)
HEADERS = st.sampled_from(["[" * 100_000, "9" * 5000, f'{{"format": "{FORMAT}"}}'])


@given(text=JSON.map(json.dumps) | st.text(max_size=40) | HEADERS)
@quick
def test_any_text_as_a_header(tiny, tmp_path, text):
    text = text.encode("utf-8", "replace").decode()
    path = forged(tiny, tmp_path, lambda tensors, _: (tensors, text))
    with one_sentence("forged", must=True):
        load_checkpoint(path)


@given(record=JSON)
@quick
def test_a_record_is_a_table(tiny, tmp_path, record):
    path = forged(tiny, tmp_path, lambda tensors, h: (tensors, {**h, "record": record}))
    if isinstance(record, dict):
        assert set(load_checkpoint(path).record) == set(record)
    else:
        with pytest.raises(CheckpointError, match="holds no record"):
            load_checkpoint(path)


@given(place=st.integers(0, 4000), bits=st.integers(1, 255), keep=st.integers(0, 5000) | st.none())
@quick
def test_any_damage_to_the_files(tiny, tmp_path, place, bits, keep):
    for name in ("tiny.safetensors", "state.safetensors"):
        content = bytearray((tiny / name).read_bytes())
        content[place % len(content)] ^= bits
        (tmp_path / name).write_bytes(content[:keep])
    with one_sentence():
        load_checkpoint(tmp_path / "tiny")
    with one_sentence():
        go_on(tmp_path / "state.safetensors")


PARTS = st.sampled_from(["model", "training", "progress"])
ENTRIES = st.sampled_from("epochs steps plateau_best plateau_waited kind seed".split())


@given(part=PARTS, data=JSON, key=ENTRIES)
@quick
def test_any_header_in_a_run_to_go_on_with(tiny, tmp_path, part, data, key):
    tensors, header = opened(tiny / "state.safetensors")
    for changed in (
        {**header, part: data},
        {**header, part: {**header[part], key: data}},
        {name: header[name] for name in header if name != part},
    ):
        path = tmp_path / "state.safetensors"
        path.write_bytes(packed(tensors, changed))
        with one_sentence("state.safetensors"):
            go_on(path)


@given(
    lost=st.integers(0, 40),
    kind=st.sampled_from([torch.int64, torch.bool, torch.float64, torch.bfloat16]),
    shape=st.sampled_from([(), (0,), (3,), (2, 2)]),
)
@settings(quick, max_examples=8)
def test_any_tensors_in_the_files(tiny, tmp_path, lost, kind, shape):
    def change(tensors, header):
        names = sorted(tensors)
        return {**tensors, names[lost % len(names)]: torch.ones(shape).to(kind)}, header

    with one_sentence("forged.safetensors", must=True):
        load_checkpoint(forged(tiny, tmp_path, change))
    tensors, header = opened(tiny / "state.safetensors")
    others = f"random_state optimizer/{lost}/exp_avg optimizer/x optimizer/1/2/3".split()
    for name in (sorted(tensors)[lost % len(tensors)], *others):
        content = packed({**tensors, name: torch.ones(shape).to(kind)}, header)
        (tmp_path / "state.safetensors").write_bytes(content)
        with one_sentence("state.safetensors"):
            go_on(tmp_path / "state.safetensors")


def test_loading_leaves_random_numbers_as_before(tiny):
    torch.manual_seed(0)
    build_model(TINY)
    expected = torch.rand(2)
    torch.manual_seed(0)
    load_checkpoint(tiny / "tiny")
    assert torch.equal(torch.rand(2), expected)
