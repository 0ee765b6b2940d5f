import io
import json

import pytest

from nmt.__main__ import main
from nmt.data import load_pairs


def run(capsys, *arguments):
    try:
        status = main([str(a) for a in arguments])
    except SystemExit as stop:
        status = stop.code
    output = capsys.readouterr()
    return status, output.out, output.err


@pytest.mark.usefixtures("few_words")
def test_evaluate(capsys, checkpoint):
    options = "--data small --split val --json".split()
    status, out, _ = run(capsys, "evaluate", checkpoint, *options)
    result = json.loads(out)
    assert status == 0
    assert set(result) == {"loss", "word_accuracy", "words"}
    assert result["words"] == len(load_pairs("small", "val")) > 20
    status, out, _ = run(capsys, "evaluate", checkpoint)
    assert status == 0 and f"loss {result['loss']:.4f}" in out and "right: " in out


def test_translate_a_text_and_standard_input_line_by_line(capsys, checkpoint, monkeypatch):
    status, single, errors = run(capsys, "translate", checkpoint, "the air, 3 of it")
    assert status == 0 and single.count("\n") == 1 and ", 3 " in single
    assert "'3' stays as it is" in errors
    monkeypatch.setattr("sys.stdin", io.StringIO("the air\n\nthe air, 3 of it\n"))
    status, out, _ = run(capsys, "translate", checkpoint, "-")
    lines = out.split("\n")
    assert status == 0 and len(lines) == 4 and lines[1] == "" and lines[2] == single.strip("\n")


@pytest.mark.usefixtures("few_words")
def test_output_in_an_encoding_without_arrows(checkpoint, monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="cp1252", write_through=True)
    monkeypatch.setattr("sys.stdout", stream)
    assert main(["evaluate", str(checkpoint)]) == 0 and b" ? " in stream.buffer.getvalue()


def test_bytes_that_are_no_text_are_named_by_their_line(capsys, checkpoint, monkeypatch):
    typed = io.BytesIO(b"\xef\xbb\xbfox\ncaf\xe9\nox\n")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(typed, encoding="utf-8"))
    status, out, errors = run(capsys, "translate", checkpoint, "-")
    assert status == 2 and out.count("\n") == 1 and "\ufeff" not in out
    assert errors == "nmt: standard input, line 2: not text in utf-8\n"


@pytest.mark.usefixtures("few_words")
def test_train_reads_a_config_file_and_flags_win(capsys, tmp_path):
    config = tmp_path / "tiny.toml"
    sizes = "hidden_size = 8\nnum_heads = 1\nencoder_layers = 1\ndecoder_layers = 1"
    text = f"[model]\n{sizes}\n[training]\nepochs = 7\n"
    config.write_text(text, encoding="utf-8-sig")  # with a byte-order mark, as Notepad saves it
    options = ["--config", config, "--epochs", 1, "--words", 40, "--out", tmp_path / "run"]
    status, out, _ = run(capsys, "train", "small-transformer", *options)
    record = json.loads((tmp_path / "run" / "record.json").read_text())
    assert status == 0 and "word accuracy" in out
    assert record["model"]["hidden_size"] == 8 and record["training"]["epochs"] == 1


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("train small-transformer --colour blue", "--colour"),
        ("train small-oracle", "small-oracle"),
        ("train small-transformer --epochs many", "--epochs"),
        ("train small-transformer --epochs 0", "epochs must be at least 1"),
        ("train small-mamba --state-size 1000000000", "state_size must be at most 1,024"),
        ("train small-transformer --num-heads 3", "does not divide"),
        ("train small-transformer --threads 0", "--threads"),
        ("train small-transformer --device abacus", "abacus"),
        ("train small-transformer --config nowhere.toml", "nowhere.toml"),
        ("evaluate nowhere", "nowhere.safetensors: no such file"),
        ("translate nowhere word", "no such file"),
        ("evaluate", "CHECKPOINT"),
        ("", "COMMAND"),
    ],
)
def test_mistakes_get_one_line_and_status_2(capsys, command, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, _, errors = run(capsys, *command.split())
    assert status == 2 and message in errors and errors.count("\n") == 1
    assert list(tmp_path.iterdir()) == [], "nothing may be left behind"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[model]\ncolour = 3\n", "unknown key 'colour'"),
        ("[models]\n", "unknown key 'models'"),
        ("epochs = 3\n", "unknown key 'epochs'"),
        ("[training]\nepochs = 2.5\n", "epochs must be of type int"),
        ("[training]\nepochs = true\n", "epochs must be of type int"),
        ("[model]\nkind = 'mamba'\n", "of kind 'mamba'"),
        ("[model\n", "not TOML"),
        ("\udcff", "not TOML"),
    ],
)
def test_bad_config_files(capsys, tmp_path, text, message):
    config = tmp_path / "bad.toml"
    config.write_bytes(text.encode("utf-8", "surrogateescape"))
    options = "--config", config, "--out", tmp_path / "run"
    status, _, errors = run(capsys, "train", "small-transformer", *options)
    assert status == 2 and message in errors and errors.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "command", [[], ["train"], ["train", "small-mamba"], ["evaluate"], ["translate"]]
)
def test_help_everywhere(capsys, command):
    status, out, _ = run(capsys, *command, "--help")
    assert status == 0 and "usage:" in out
