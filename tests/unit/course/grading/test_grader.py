"""A class of submissions, honest, wrong and hostile, is graded in one go; and nothing outside is
harmed.
"""

import csv
import json
import os
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from course.__main__ import main
from course.exercises import exercises
from course.exercises.catalogue import chapter

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="grading needs fork")
ROOT = Path(__file__).resolve().parents[4]
MASK, ATTEND, HEADS = (
    f"attention.{name}" for name in ("causal-mask", "scaled-dot-product", "multi-head")
)

IMPORTS = """import math
import torch
from einops import rearrange
from course.exercises import check, exercise, show_solution"""
UNWRITTEN = "raise NotImplementedError"
STUBS = {
    MASK: f"""@exercise("{MASK}")
def causal(queries: int, keys: int) -> torch.Tensor:
    \"""True: may attend.\"""
    {UNWRITTEN}""",
    ATTEND: f"""@exercise("{ATTEND}")
def attend(query, key, value, mask):
    \"""Output and weights.\"""
    {UNWRITTEN}""",
    HEADS: f"""@exercise("{HEADS}")
def heads(inputs, memory, to_query, to_key, to_value, to_output, num_heads):
    {UNWRITTEN}""",
}
BODIES = {
    MASK: "return torch.arange(keys)[None] <= torch.arange(queries)[:, None] + keys - queries",
    ATTEND: """scores = query @ key.mT / math.sqrt(query.shape[-1])
    weights = (scores if mask is None else scores.masked_fill(~mask, -math.inf)).softmax(-1)
    return weights @ value, weights""",
    HEADS: """pairs = (inputs, to_query), (memory, to_key), (memory, to_value)
    q, k, v = (rearrange(x @ w.T, "b l (h k) -> b h l k", h=num_heads) for x, w in pairs)
    return rearrange(attend(q, k, v, None)[0], "b h q k -> b q (h k)") @ to_output.T""",
}
SOLVED = {name: stub.replace(UNWRITTEN, BODIES[name]) for name, stub in STUBS.items()}
FORGE = """import os, socket
for number in range(3, 64):
    try:
        forged = b'{"value": 1, "printed": "", "place": null, "ticket": ""}'.ljust(296)
        os.write(number, (300).to_bytes(4, "big") + (296).to_bytes(4, "big") + forged)
    except OSError: pass
"""


def indented(text):
    return "\n".join(f"    {line}" for line in text.splitlines())


def mask_with(body, before=""):
    """A notebook in which the mask alone is tried, by this body; `before` is a cell above it."""
    marked = STUBS[MASK].replace(f"    {UNWRITTEN}", indented(body))
    return [IMPORTS, before, marked, "check(causal)", STUBS[ATTEND], STUBS[HEADS]]


def answers(**replaced):
    short = {name.partition(".")[2].replace("-", "_"): stub for name, stub in STUBS.items()}
    return [IMPORTS, *{**short, **replaced}.values()]


def notebook(cells):
    empty = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    code = [{**empty, "source": text} for text in cells]
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": code})


def noisy():
    data = json.loads(notebook([IMPORTS, *SOLVED.values()]))
    shown = {
        "text/html": "<script>alert(1)</script>" * 2000,
        "application/vnd.x": {"a": [1] * 99},
    }
    for cell in data["cells"]:
        cell["outputs"] = [{"output_type": "display_data", "data": shown}]
        cell["source"] = cell["source"].splitlines(keepends=True)
    marked = {"cell_type": "markdown", "source": "<b>@exercise</b>"}
    data["cells"][0:0] = [marked, {"cell_type": "raw"}, 7, None, {"cell_type": "code"}]
    state = {"state": {str(n): {} for n in range(500)}}
    data["metadata"] = {"widgets": {"application/vnd.jupyter.widget-state+json": state}}
    return json.dumps(data)


OUTSIDE = ROOT / "tests" / "was-here.txt"  # a hostile answer wants to write it
LONELY = "431.0987"  # seconds that a forked child wants to sleep, to be found by
ALL_RIGHT = dict.fromkeys(STUBS, "correct")

# File → its cells, and what must be reported of which exercise: the status, and a part of the
# mistake or the message.
WHOLE = {
    "all right": ([IMPORTS, *SOLVED.values()], ALL_RIGHT),
    "untouched": ([IMPORTS, *STUBS.values()], dict.fromkeys(STUBS, "not attempted")),
    "magics": (["%matplotlib inline\n!rm -rf /\n" + IMPORTS, *SOLVED.values()], ALL_RIGHT),
    "known mistakes": (
        answers(
            causal_mask=STUBS[MASK].replace(
                UNWRITTEN, "return torch.ones(queries, keys).tril().bool()"
            ),
            scaled_dot_product=SOLVED[ATTEND].replace(" / math.sqrt(query.shape[-1])", ""),
            multi_head=SOLVED[HEADS].replace('"b h q k -> b q (h k)"', '"b h q k -> b q (k h)"'),
        ),
        {
            MASK: "wrong: more keys than queries forgotten",
            ATTEND: "wrong: √k forgotten",
            HEADS: "wrong",
        },
    ),
    "gradient lost": (
        answers(
            scaled_dot_product=SOLVED[ATTEND].replace(
                "return weights @ value", "return (weights @ value).detach()"
            )
        ),
        {MASK: "not attempted", ATTEND: "wrong: gradient lost"},
    ),
    "helper elsewhere": (
        [
            IMPORTS,
            SOLVED[MASK].split("def ")[0]
            + "def causal(queries, keys):\n    return before(queries, keys, shift=SHIFT['by'])",
            "SHIFT = {}\nSHIFT['by'] = 0\nwhile False: pass",
            "def before(queries, keys, shift):\n    rows = torch.arange(queries)[:, None]\n"
            "    return torch.arange(keys) <= rows + keys - queries + shift",
            "def unused(): 1 / 0\nunused()\nraise SystemExit('a cell that nobody needs')",
            "while True: pass",
        ],
        {MASK: "correct", ATTEND: "missing"},
    ),
    "cells deleted": (
        [IMPORTS, SOLVED[MASK]],
        {MASK: "correct", ATTEND: "missing", HEADS: "missing"},
    ),
    "stub renamed": (
        answers(causal_mask=SOLVED[MASK].replace("causal(", "my_own_mask(")),
        {MASK: "correct"},
    ),
    "mark renamed": (
        answers(causal_mask=SOLVED[MASK].replace(MASK, "attention.mask")),
        {MASK: "missing"},
    ),
    "mark removed": (answers(causal_mask=SOLVED[MASK].partition("\n")[2]), {MASK: "missing"}),
    "patches and is right": (
        [
            IMPORTS,
            "import course.checking.judging\ncourse.checking.judging.verdict_of = None",
            *SOLVED.values(),
        ],
        {MASK: "tampered: cell 2 changes course.checking.judging.verdict_of"},
    ),
}
# The same for notebooks that try the mask alone: the body of the answer, what must be reported of
# it, and a cell above it where it needs one.
BODY_OF = {
    "raises": (
        "size = keys\nreturn torch.ones(size) @ torch.ones(size + 1)",
        "error: cell 3, line 5: return",
    ),
    "syntax": ("return (", "error: cell 3 is not Python"),
    "helper raises": (
        "return table",
        "error: name 'missing'",
        "table = torch.ones(3) / missing",
    ),
    "loops": ("while True: pass", "timeout: while True"),
    "loops and catches": (
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
        "timeout",
    ),
    "needed cell loops": (
        "return table",
        "timeout: cells",
        "table = [0]\nwhile True: table[0] += 1",
    ),
    "segfault": ("import ctypes\nctypes.string_at(0)", "crashed: segmentation fault"),
    "os exit": ("import os\nos._exit(0)", "crashed: status 0"),
    "sys exit": ("import sys\nsys.exit('bye')", "error: exit"),
    "interrupt": ("raise KeyboardInterrupt", "error: KeyboardInterrupt"),
    "recursion": ("return causal(queries, keys)", "error: RecursionError"),
    "eats memory": (
        "import numpy\nhoard = []\nwhile True: hoard.append(numpy.empty(10**7))",
        "error: Unable to allocate",
    ),
    "eats memory in torch": ("return torch.ones(10**12)", "error: allocate memory"),
    "prints a gigabyte": (
        "import os\nfor _ in range(1000):\n    print('x' * 10**6)\n    os.write(1, b'x' * 10**6)\n"
        "return torch.ones(2)",
        "wrong: wrong shape",
    ),
    "a huge result": ("return torch.ones(1).expand(10**9)", "wrong"),
    "a lying object": (
        "return Liar()",
        "error: no",
        "class Liar:\n    def __eq__(self, other): return True\n"
        "    def __repr__(self): raise ValueError('no')",
    ),
    "patches the checker": (
        "import course.checking.judging as judging, course.checking.compare, builtins\n"
        "judging.first_difference = course.checking.compare.first_difference = (\n"
        "    lambda *a, **k: None)\n"
        "torch.equal = torch.isclose = lambda *a, **k: torch.tensor(True)\n"
        "return ~torch.ones(queries, keys, dtype=torch.bool).tril(keys - queries)",
        "wrong: True where it is forbidden",
    ),
    "an odd character": ("raise RuntimeError(chr(0xDCFF))", "error: RuntimeError"),
    "nested folders": (
        "import os\nfor _ in range(3000):\n    os.mkdir('d')\n    os.chdir('d')\nreturn 1",
        "error|wrong",
    ),
    "patches everything": (
        "import builtins\nfor name in ('isinstance', 'len', 'type'):\n"
        "    setattr(builtins, name, lambda *a: True)\nreturn 1",
        "crashed: status 70",
    ),
    "borrows": (
        "return causal_mask(queries, keys)",
        "correct",
        "from nmt.attention import causal_mask",
    ),
    "writes the protocol": (FORGE + "return 1", "tampered"),
    "writes the protocol above": (
        "return 1 if forged else 0",
        "tampered",
        f"def forge():\n{indented(FORGE)}\nforged = forge()",
    ),
    "returns twice": ("import os\nos.fork()\nreturn 1", "tampered|wrong|error"),
    "leaves a child": (
        "import os, subprocess\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
        f"        os.execvp('sleep', ['sleep', '{LONELY}'])\n    os._exit(0)\nreturn queries",
        "wrong",
    ),
    "kills its parent": (  # and nobody else, should the cage be open
        "import os\nos.kill(os.getppid() or 99_999_999, 9)\nreturn 1",
        "error: No such process|not permitted",
    ),
    "network": (
        "import socket\nsocket.create_connection(('127.0.0.1', PORT), 1)\nreturn 1",
        "error",
        "PORT = 0",
    ),
    "writes outside": (
        f"open({str(OUTSIDE)!r}, 'w').write('x')\nreturn 1",
        "error: Permission denied|Read-only|No such file",
    ),
    "writes in its scratch": (
        "from pathlib import Path\nPath('a').write_text('x')\nPath.home().joinpath('b').touch()\n"
        "return 1",
        "wrong",
    ),
    "fills the disk": (
        "with open('big', 'wb') as file:\n    while True: file.write(b'x' * 10**6)",
        "error|crashed",
    ),
}
CLASS = {
    "noisy": (noisy(), ALL_RIGHT),
    **{name: (notebook(cells), wanted) for name, (cells, wanted) in WHOLE.items()},
    **{
        name: (notebook(mask_with(body, *before)), {MASK: wanted})
        for name, (body, wanted, *before) in BODY_OF.items()
    },
}
UNREADABLE = {
    "empty": (b"", "JSON"),
    "truncated": (notebook([IMPORTS, *SOLVED.values()])[:-40].encode(), "JSON"),
    "binary": (bytes(range(256)) * 40, "JSON"),
    "nested": (b"[" * 200_000, "JSON"),
    "a list": (b"[1, 2]", "no list of cells"),
    "another course": (notebook(["x = 1"]).encode(), "no exercise"),
    "of another time": (b'{"nbformat": 3, "worksheets": [{"cells": []}]}', "no list of cells"),
    "huge": (b'{"cells": [' + b" " * 52_000_000 + b"]}", "50 MB, more than the 48 MB"),
}


def _real_notebooks(folder):
    data = json.loads((ROOT / "notebooks/02_attention.ipynb").read_text(encoding="utf-8"))
    (folder / "02_attention untouched.ipynb").write_text(json.dumps(data))
    for cell in data["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "code" and f'@exercise("{MASK}")' in text:
            cell["source"] = text.replace(UNWRITTEN, BODIES[MASK])
    (folder / "02_attention solved.ipynb").write_text(json.dumps(data))


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """The whole class, graded once: by file name, and the CSV's rows."""
    folder = tmp_path_factory.mktemp("class ä ö")
    for name, (text, _) in CLASS.items():
        (folder / f"{name}.ipynb").write_text(text, encoding="utf-8")
    for name, (content, _) in UNREADABLE.items():
        (folder / f"{name}.ipynb").write_bytes(content)
    _real_notebooks(folder)
    (folder / os.fsdecode(b"not utf-8 \xfc.ipynb")).write_text(CLASS["untouched"][0])
    latin = json.dumps(json.loads(CLASS["all right"][0]), ensure_ascii=False)
    latin = latin.replace("True: may attend.", "wahr: darf auf späteres hören")
    (folder / "latin-1.ipynb.txt").write_bytes(latin.encode("latin-1"))
    (folder / "renamed.json").write_text(CLASS["all right"][0])
    (folder / "=HYPERLINK(1).ipynb").write_text(notebook([IMPORTS, *STUBS.values()]))
    (folder / ".ipynb_checkpoints").mkdir()
    (folder / ".ipynb_checkpoints" / "old.ipynb").write_text("{}")
    results = tmp_path_factory.mktemp("results")
    began = time.monotonic()
    files = ["--json", str(results / "c.json"), "--csv", str(results / "c.csv")]
    limits = "--answer-seconds 3 --seconds 20 --memory 700".split()
    assert main(["grade", str(folder), *files, *limits]) == 0
    data = json.loads((results / "c.json").read_text(encoding="utf-8"))
    rows = list(csv.reader((results / "c.csv").read_text(encoding="utf-8").splitlines()))
    assert data["mistakes"][0]["students"] >= data["mistakes"][-1]["students"] > 0
    taken = time.monotonic() - began
    print(f"{len(data['submissions'])} submissions in {taken:.1f} s", file=sys.stderr)
    return {Path(each["submission"]).stem: each for each in data["submissions"]}, rows, data


@pytest.mark.parametrize("name", CLASS)
def test_each_submission_is_reported_as_what_it_is(graded, name):
    results = {each["exercise"]: each for each in graded[0][name]["results"]}
    assert set(results) == set(chapter("attention"))
    for exercise, wanted in CLASS[name][1].items():
        statuses, _, parts = wanted.partition(": ")
        result = results[exercise]
        assert result["status"] in statuses.split("|"), result
        said = f"{result['mistake']} {result['message']}"
        assert any(part in said for part in parts.split("|")), result


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_is_no_notebook_is_said_in_one_sentence(graded, name):
    (result,) = graded[0][name]["results"]
    assert result["status"] == "unreadable" and UNREADABLE[name][1] in result["message"], result
    assert "\n" not in result["message"]


def test_nothing_outside_is_harmed(graded):
    assert not OUTSIDE.exists()
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            assert LONELY.encode() not in file.read_bytes(), "a child lives on"


def test_remarks_name_patches_and_borrowed_solutions(graded):
    patched = " ".join(graded[0]["patches and is right"]["remarks"])
    assert "course.checking.judging.verdict_of" in patched
    borrowed = {each["exercise"]: each for each in graded[0]["borrows"]["results"]}[MASK]
    assert borrowed["remarks"] == ["uses nmt.attention.causal_mask, which is the solution"]
    assert graded[0]["mark renamed"]["remarks"] == ["there is no exercise 'attention.mask'"]
    assert not graded[0]["all right"]["remarks"]


def test_csv_has_a_row_for_each_and_no_formulas(graded):
    header, *rows = graded[1]
    assert header[:3] == ["student_id", "score", "max_score"]
    assert set(header[3:-2]) == set(chapter("attention"))
    assert header[-2:] == ["remarks", "submissions"]
    assert len(rows) == len(CLASS) + len(UNREADABLE) + 5 == len(graded[2]["submissions"])
    assert all(
        len(row) == len(header) and not any(cell[:1] in tuple("=+-@") for cell in row)
        for row in rows
    )
    known = next(row for row in rows if row[0] == "known mistakes")
    assert "wrong: more keys than queries forgotten" in known
    assert known[1:3] == ["0", str(len(chapter("attention")))]


def test_the_real_notebook_untouched_and_solved(graded):
    for name, wanted in (("untouched", "not attempted"), ("solved", "correct")):
        results = graded[0][f"02_attention {name}"]["results"]
        statuses = {each["exercise"]: each["status"] for each in results}
        assert set(statuses) == set(chapter("attention")) and statuses.pop(MASK) == wanted
        assert set(statuses.values()) == {"not attempted"}


def test_names_and_alphabets_of_other_systems(graded):
    results = {each["exercise"]: each["status"] for each in graded[0]["latin-1.ipynb"]["results"]}
    assert results[MASK] == results[HEADS] == "correct"
    assert any(name.startswith("not utf-8 ") for name in graded[0])


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["nowhere.ipynb"], "no such file"),
        (["."], "no notebook"),
        (["a.ipynb", "--seconds", "0"], "more than 0"),
        ([], "required"),
    ],
)
def test_a_mistake_in_what_was_asked_is_one_line(arguments, reason, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    try:
        status = main(["grade", *arguments])
    except SystemExit as stop:
        status = stop.code
    error = capsys.readouterr().err
    assert status == 2 and reason in error and error.count("\n") == 1


def test_no_result_file_is_half_written(tmp_path, capsys):
    (tmp_path / "a.ipynb").write_text(notebook([IMPORTS, *STUBS.values()]))
    (tmp_path / "folder.csv").mkdir()
    assert main(["grade", str(tmp_path / "a.ipynb"), "--csv", str(tmp_path / "folder.csv")]) == 2
    assert main(["grade", str(tmp_path / "a.ipynb"), "--csv", str(tmp_path / "a.ipynb")]) == 2
    assert "choose another name" in capsys.readouterr().err
    assert json.loads((tmp_path / "a.ipynb").read_text())["cells"]


def test_every_exercise_has_results_that_can_travel():
    """What a reference returns on each input is the same after a journey between processes."""
    from course.checking.compare import first_difference
    from course.checking.judging import attempts
    from course.grading.values import decode_outcome, encode_outcome, pack, unpack

    for exercise in exercises().values():
        attempt = attempts(exercise, exercise.answer)
        for gradients in (False, True) if exercise.trains else (False,):
            outcome = attempt(0, gradients, 60.0)
            arrived = decode_outcome(*unpack(pack(*encode_outcome(outcome))[4:]))
            assert outcome.error is None, exercise.name
            assert first_difference(outcome.value, arrived.value) is None, exercise.name
