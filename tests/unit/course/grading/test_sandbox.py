"""Messages between processes that nobody can break; and reading a notebook without running it."""

import contextlib
import json
import os

import pytest
import torch
from class_of_notebooks import MASK, notebook
from hypothesis import given, settings
from hypothesis import strategies as st

from course.grading.names import names_of
from course.grading.reading import read_notebook
from course.grading.values import Malformed, decode, decode_outcome, encode, pack, unpack

NUMBERS = st.integers() | st.floats(allow_nan=False) | st.complex_numbers(allow_nan=False)
VALUES = st.recursive(
    st.none() | st.booleans() | st.text() | NUMBERS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner)
    ),
    max_leaves=12,
)


@given(VALUES)
@settings(max_examples=50)
def test_plain_values_arrive_as_they_left(value):
    form, tensors = encode(value)
    assert decode(json.loads(json.dumps(form)), tensors) == value


@given(st.binary(max_size=300))
@settings(max_examples=100)
def test_any_bytes_are_a_message_or_malformed(content):
    size = len(content).to_bytes(4, "big")
    for message in (content, pack({"value": None})[4:] + content, size + content):
        try:
            decode_outcome(*unpack(message))
        except Malformed as problem:
            assert "\n" not in str(problem)


KEYS = st.sampled_from(
    "value error args late place printed tensor object dict list set complex".split()
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner),
    max_leaves=8,
)


@given(JSON, JSON, JSON)
@settings(max_examples=150)
def test_any_forged_header_is_an_outcome_or_malformed(value, error, place):
    for header in (
        {"value": value},
        {"error": error, "args": value},
        {"error": "ValueError", "args": [value], "place": place},
        {"value": error},
    ):
        try:
            outcome = decode_outcome({"printed": "", **header}, {"0": torch.ones(2)})
        except Malformed:
            continue
        assert outcome.error is None or isinstance(outcome.error, BaseException)


CELLS = [f"@exercise('{MASK}')\ndef f(a, b): ...", "x = [", "%magic", "!ls", "?x", "a\x00b"]


@given(st.text(max_size=60) | st.sampled_from(CELLS))
@settings(max_examples=60)
def test_any_cell_can_be_read(text):
    sources = text, [text, "\n", text]
    cells = [{"cell_type": "code", "source": source} for source in sources]
    about = read_notebook(json.dumps({"cells": cells}).encode())
    assert about["error"] == "" and isinstance(about["answers"], dict)


@given(st.binary(max_size=80) | JSON.map(lambda data: json.dumps({"cells": data}).encode()))
@settings(max_examples=80)
def test_any_bytes_are_a_notebook_or_said_to_be_none(content):
    about = read_notebook(content)
    assert about["error"] == "" or "\n" not in about["error"]


def test_names_of_a_statement():
    names = names_of(
        "def f(a, b=size):\n    global g\n    g = a\n    return [h(x) for x in b] + np.ones(a)"
    )
    assert names.binds == {"f"} and {"size", "h", "np"} <= names.uses
    assert not {"a", "b", "x"} & names.uses
    for changes in ("table[0].x = 3", "table.append(y)"):
        assert names_of(changes).touches == {"table"}
    assert names_of("import a.b as c, d.e").modules == {"c": "a.b", "d": "d"}
    assert names_of("from m import *").star


def sources(cells, name=MASK):
    about = read_notebook(notebook(cells).encode())
    return about, [each["source"].strip() for each in about["answers"][name]["statements"]]


def test_reading_follows_names_and_leaves_the_rest():
    cells = [
        "import torch, os\nos.remove('x')",
        "used = {}\nunused = torch.ones(10**9)",
        "def helper(): return used\nused['a'] = 1",
        f"@exercise('{MASK}')\ndef causal(queries, keys):\n    return helper()",
        "torch.set_default_dtype(torch.float64)",
        "torch.nn.Linear.forward = None\ntorch.Tensor.__repr__ = torch.Tensor.tolist",
    ]
    about, found = sources(cells)
    helper = ["used = {}", "def helper(): return used", "used['a'] = 1"]
    assert found == [*helper, "def causal(queries, keys):\n    return helper()"]
    assert about["dtype"] == "float64"
    assert about["changes"] == ["cell 6 changes torch.nn.Linear.forward"]


MARKED = f"@exercise('{MASK}')\ndef causal(queries, keys):\n    return score(queries)"


def test_a_name_means_what_it_meant_at_the_check():
    cells = ["score = 1", "score = 2", MARKED, "check(causal)", "score = 3"]
    assert "score = 2" in sources(cells)[1] and "score = 3" not in sources(cells)[1]
    later = [MARKED, "check(causal)", "score = 4", "score = 5"]
    assert "score = 4" in sources(later)[1] and "score = 5" not in sources(later)[1]


@pytest.mark.parametrize("magic", ["%%time", "%%capture out", "%%prun -q"])
def test_magics_are_read_through(magic):
    assert sources([f"{magic}\n{MARKED}", "%time score = 1"])[1][-1] == "score = 1"
    about = read_notebook(notebook([f"if True:\n    {MARKED}".replace("\n", "\n    ")]).encode())
    assert MASK in about["answers"]


def test_an_exercise_answered_twice_is_said_and_a_star_serves_only_who_needs_it():
    about, found = sources(["from mine import *", "score = 1", MARKED, MARKED])
    assert "answered in cells 3 and 4" in about["remarks"][0]
    assert "from mine import *" not in found
    assert "from mine import *" in sources(["from mine import *", MARKED])[1]


def test_what_cannot_be_opened_or_is_nested_deeply_is_removed(tmp_path):
    from course.grading.fork_server import remove_all  # needs a system with fork

    inner = tmp_path / "scratch"
    (inner / "shut").mkdir(parents=True, mode=0)
    with contextlib.chdir(inner):
        for _ in range(3000):
            os.mkdir("d")
            os.chdir("d")
    remove_all(inner)
    assert not inner.exists()
