"""Whatever people type or hand in: an answer or one sentence; nothing is run elsewhere."""

import contextlib
import io
import os
import sys
from pathlib import Path

from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from course.widgets.translator import show_spelling
from nmt.__main__ import main
from nmt.decoding import translate

ODD = ["", "\x00", "\udcff", "İ", "ſt", "A\u0301", "-" * 200, "a" * 500, "\x1b[2J", "${HOME}"]
ODD += ["$(touch x)", "__import__('os').system('touch x')"]
quick = settings(
    max_examples=30,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
text = st.text(max_size=30) | st.sampled_from(ODD)
watched: list[str] | None = None
allowed = ""


PROGRAMS = {"os.system", "subprocess.Popen", "os.exec", "os.posix_spawn", "os.fork"}
FORBIDDEN = PROGRAMS | {"pickle.find_class", "socket.connect"}


def _hook(event, arguments):
    """Note what no input may cause: programs, unpickling, writing outside the test's folder."""
    if watched is None:
        return
    if event in FORBIDDEN:
        watched.append(f"{event} {arguments}")
    elif event == "open" and isinstance(arguments[2], int) and not isinstance(arguments[0], int):
        path = os.path.abspath(os.fsdecode(arguments[0]))
        writes = arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        fine = path == os.devnull or "__pycache__" in path or path.startswith(allowed)
        if writes and not fine:
            watched.append(f"open {path}")


sys.addaudithook(_hook)


@contextlib.contextmanager
def watching(folder):
    """Inside the block the hook notes; at its end nothing may be noted."""
    global watched, allowed
    watched, allowed = [], str(folder)
    try:
        yield
        assert not watched
    finally:
        watched = None


def run(folder, *arguments, stdin=""):
    """The command line as from a shell: its status, what it wrote to each stream, in bytes."""
    out, err = (
        io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors=errors, write_through=True)
        for errors in ("strict", "backslashreplace")
    )
    before = sys.stdin
    sys.stdin = io.StringIO(stdin)
    try:
        with (
            watching(folder),
            contextlib.chdir(folder),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            try:
                status = main(list(arguments))
            except SystemExit as stop:
                status = stop.code
    finally:
        sys.stdin = before
    errors = err.buffer.getvalue().decode()
    assert status in (0, 2), (status, errors)
    assert "Traceback" not in errors
    assert status == 0 or (errors.count("\n") == 1 and len(errors) > 10), errors
    return status, out.buffer.getvalue().decode(), errors


@given(text)
@settings(quick, max_examples=15)
def test_the_translator_takes_any_text(transformer, words):
    result = translate(transformer, words)
    assert isinstance(result.text, str) and all(reason for _, reason in result.untranslated)
    try:
        show_spelling(transformer, words)
    except ValueError as error:
        assert str(error)


@given(text, st.booleans())
@settings(quick, max_examples=8)
def test_translate_on_the_command_line(checkpoint, tmp_path, words, from_stdin):
    arguments = ["-"] if from_stdin else ["--", words]
    status, _, _ = run(tmp_path, "translate", str(checkpoint), *arguments, stdin=words)
    assert status == 0 or "\udcff" in words


PLACES = ["../../../etc/passwd", "/etc/passwd", "/dev/null", "/", ".", "~", "transformer-small/.."]
PLACES += ["a/b", "x.safetensors", "x.json", "*", "x" * 300]


@given(text | st.sampled_from(PLACES), st.sampled_from(["evaluate", "translate", "grade"]))
@quick
def test_any_path_as_a_checkpoint_or_submission(tmp_path, path, command):
    (tmp_path / "x.safetensors").write_text("no")
    if command == "grade" and "\0" not in path and os.path.exists(tmp_path / path):
        return  # folders are gone through: tests/unit/course/grading/test_grader.py
    status, _, _ = run(tmp_path, command, "--", path, *(["team"] if command == "translate" else []))
    assert status == 2


NAMES = "epochs hidden-size learning-rate schedule seed data config out threads words x"
FLAGS = [f"--{name}" for name in NAMES.split()]
NUMBERS = ["1e999", "nan", "-1", "0", "99999999999999999999", "0x10", "١"]
VALUES = st.sampled_from([*NUMBERS, "small", "constant", "C", *PLACES]) | text


@given(st.lists(st.tuples(st.sampled_from(FLAGS), VALUES), max_size=3))
@example([("--x", "two\nlines")])
@quick
def test_any_flags(tmp_path, flags):
    words = [part for pair in flags for part in pair]
    status, _, _ = run(tmp_path, "train", "small-transformer", *words, "--epochs", "0")
    assert status == 2 and not list(tmp_path.iterdir())


COMMANDS = "help train small-mamba experiments list --json -x -- grade -"
WORDS = st.sampled_from(["", *COMMANDS.split(), *ODD])
WORK = ["train", "small-mamba"], ["experiments", "list"]  # these would be done


@given(st.lists(WORDS, max_size=4).filter(lambda words: words[:2] not in WORK))
@quick
def test_any_words(tmp_path, words):
    run(tmp_path, *words)


PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | text
KEYS = "epochs hidden_size kind seed data schedule learning_rate model nonsense __class__".split()
TABLE = st.dictionaries(st.sampled_from(KEYS), PLAIN | st.lists(PLAIN), max_size=3)
TABLES = st.dictionaries(st.sampled_from(["model", "training", "x"]), TABLE, max_size=3)
BROKEN = ["a=" + "[" * 5000, "model = 3", "[[training]]", "training.epochs = {}"]
BROKEN += ["[model]\nkind = []", "\ufeff[model]"]


def as_toml(data):
    """Tables as TOML, near enough: some of it is none, which is part of the test."""
    return "".join(
        f"[{name}]\n" + "".join(f"{key} = {value!r}\n" for key, value in inner.items())
        for name, inner in data.items()
    )


@given(TABLES.map(as_toml) | text | st.sampled_from(BROKEN))
@quick
def test_any_config_file(tmp_path, content):
    (tmp_path / "c.toml").write_bytes(content.encode("utf-8", "surrogateescape"))
    status, _, _ = run(tmp_path, "train", "small-mamba", "--config", "c.toml", "--epochs", "0")
    assert status == 2 and [path.name for path in tmp_path.iterdir()] == ["c.toml"]
    assert not Path("x").exists()
