"""A class of submissions, honest, wrong and hostile, is graded in one go; and nothing outside is
harmed.
"""

import csv
import json
import os
import sys
import time
from pathlib import Path

import pytest

from course.__main__ import main
from course.exercises import exercises
from course.exercises.catalogue import chapter

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="grading needs fork")
ROOT = Path(__file__).resolve().parents[4]
MASK, ATTEND, HEADS = (
    "attention.causal-mask",
    "attention.scaled-dot-product",
    "attention.multi-head",
)

IMPORTS = (
    "import math\nimport torch\nfrom einops import rearrange\nfrom course.exercises import check,"
    " exercise, show_solution"
)
UNWRITTEN = "raise NotImplementedError"
STUBS = {
    MASK: (
        f'@exercise("{MASK}")\ndef causal(queries: int, keys: int) -> torch.Tensor:\n    """True:'
        f' may attend."""\n    {UNWRITTEN}'
    ),
    ATTEND: (
        f'@exercise("{ATTEND}")\ndef attend(query, key, value, mask):\n    """Output and'
        f' weights."""\n    {UNWRITTEN}'
    ),
    HEADS: (
        f'@exercise("{HEADS}")\ndef heads(inputs, memory, to_query, to_key, to_value, to_output,'
        f" num_heads):\n    {UNWRITTEN}"
    ),
}
SOLVED_MASK = STUBS[MASK].replace(
    UNWRITTEN, "return torch.arange(keys)[None] <= torch.arange(queries)[:, None] + keys - queries"
)
SOLVED_ATTEND = STUBS[ATTEND].replace(
    UNWRITTEN,
    """scores = query @ key.mT / math.sqrt(query.shape[-1])
    weights = (scores if mask is None else scores.masked_fill(~mask, -math.inf)).softmax(-1)
    return weights @ value, weights""",
)
SOLVED_HEADS = STUBS[HEADS].replace(
    UNWRITTEN,
    """pairs = (inputs, to_query), (memory, to_key), (memory, to_value)
    q, k, v = (rearrange(x @ w.T, "b l (h k) -> b h l k", h=num_heads) for x, w in pairs)
    return rearrange(attend(q, k, v, None)[0], "b h q k -> b q (h k)") @ to_output.T""",
)
SOLVED = {MASK: SOLVED_MASK, ATTEND: SOLVED_ATTEND, HEADS: SOLVED_HEADS}
FORGE = """import os, socket
for number in range(3, 64):
    try:
        forged = b'{"value": 1, "printed": "", "place": null, "ticket": ""}'.ljust(296)
        os.write(number, (300).to_bytes(4, "big") + (296).to_bytes(4, "big") + forged)
    except OSError: pass
"""


def mask_with(body, before=""):
    """A notebook in which the mask alone is tried, by this body; `before` is a cell above it."""
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    return [
        IMPORTS,
        before,
        STUBS[MASK].replace(f"    {UNWRITTEN}", lines),
        "check(causal)",
        STUBS[ATTEND],
        STUBS[HEADS],
    ]


def answers(**replaced):
    return [
        IMPORTS,
        *(
            replaced.get(name.partition(".")[2].replace("-", "_"), stub)
            for name, stub in STUBS.items()
        ),
    ]


def notebook(cells, **metadata):
    code = [
        {
            "cell_type": "code",
            "metadata": metadata,
            "source": text,
            "outputs": [],
            "execution_count": None,
        }
        for text in cells
    ]
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": code})


def noisy():
    data = json.loads(notebook([IMPORTS, *SOLVED.values()]))
    junk = [
        {
            "output_type": "display_data",
            "data": {
                "text/html": "<script>alert(1)</script>" * 2000,
                "application/vnd.x": {"a": [1] * 99},
            },
        }
    ]
    for cell in data["cells"]:
        cell["outputs"], cell["source"] = junk, cell["source"].splitlines(keepends=True)
    data["cells"][0:0] = [
        {"cell_type": "markdown", "source": "<b>@exercise</b>"},
        {"cell_type": "raw"},
        7,
        None,
        {"cell_type": "code"},
    ]
    data["metadata"] = {
        "widgets": {
            "application/vnd.jupyter.widget-state+json": {"state": {str(n): {} for n in range(500)}}
        }
    }
    return json.dumps(data)


OUTSIDE = ROOT / "tests" / "was-here.txt"  # a hostile answer wants to write it
LONELY = "431.0987"  # seconds that a forked child wants to sleep, to be found by

# File → its text, and for the mask (or all three) what must be reported: status and a part of the
# mistake or message.
CLASS = {
    "all right": (
        notebook([IMPORTS, *SOLVED.values()]),
        {MASK: "correct", ATTEND: "correct", HEADS: "correct"},
    ),
    "untouched": (notebook([IMPORTS, *STUBS.values()]), dict.fromkeys(STUBS, "not attempted")),
    "noisy": (noisy(), dict.fromkeys(STUBS, "correct")),
    "magics": (
        notebook(["%matplotlib inline\n!rm -rf /\n" + IMPORTS, *SOLVED.values()]),
        dict.fromkeys(STUBS, "correct"),
    ),
    "known mistakes": (
        notebook(
            answers(
                causal_mask=STUBS[MASK].replace(
                    UNWRITTEN, "return torch.ones(queries, keys).tril().bool()"
                ),
                scaled_dot_product=SOLVED_ATTEND.replace(
                    "query @ key.mT / math.sqrt(query.shape[-1])", "query @ key.mT"
                ),
                multi_head=SOLVED_HEADS.replace('"b h q k -> b q (h k)"', '"b h q k -> b q (k h)"'),
            )
        ),
        {
            MASK: ("wrong", "more keys than queries forgotten"),
            ATTEND: ("wrong", "√k forgotten"),
            HEADS: ("wrong", ""),
        },
    ),
    "gradient lost": (
        notebook(
            answers(
                scaled_dot_product=SOLVED_ATTEND.replace(
                    "return weights @ value", "return (weights @ value).detach()"
                )
            )
        ),
        {MASK: "not attempted", ATTEND: ("wrong", "gradient lost")},
    ),
    "helper elsewhere": (
        notebook(
            [
                IMPORTS,
                SOLVED_MASK.split("def ")[0]
                + "def causal(queries, keys):\n    return before(queries, keys, shift=SHIFT['by'])",
                "SHIFT = {}\nSHIFT['by'] = 0\nwhile False: pass",
                (
                    "def before(queries, keys, shift):\n    rows = torch.arange(queries)[:, None]\n"
                    "    return torch.arange(keys) <= rows + keys - queries + shift"
                ),
                "def unused(): 1 / 0\nunused()\nraise SystemExit('a cell that nobody needs')",
                "while True: pass",
            ]
        ),
        {MASK: "correct", ATTEND: "missing"},
    ),
    "raises": (
        notebook(mask_with("size = keys\nreturn torch.ones(size) @ torch.ones(size + 1)")),
        {MASK: ("error", "cell 3, line 5: return")},
    ),
    "syntax": (notebook(mask_with("return (")), {MASK: ("error", "cell 3 is not Python")}),
    "helper raises": (
        notebook(mask_with("return table", "table = torch.ones(3) / missing")),
        {MASK: ("error", "name 'missing'")},
    ),
    "loops": (notebook(mask_with("while True: pass")), {MASK: ("timeout", "while True")}),
    "loops and catches": (
        notebook(
            mask_with(
                "while True:\n    try:\n        while True: pass\n    except BaseException: pass"
            )
        ),
        {MASK: "timeout"},
    ),
    "needed cell loops": (
        notebook(mask_with("return table", "table = [0]\nwhile True: table[0] += 1")),
        {MASK: ("timeout", "cells")},
    ),
    "segfault": (
        notebook(mask_with("import ctypes\nctypes.string_at(0)")),
        {MASK: ("crashed", "segmentation fault")},
    ),
    "os exit": (notebook(mask_with("import os\nos._exit(0)")), {MASK: ("crashed", "status 0")}),
    "sys exit": (notebook(mask_with("import sys\nsys.exit('bye')")), {MASK: ("error", "exit")}),
    "interrupt": (
        notebook(mask_with("raise KeyboardInterrupt")),
        {MASK: ("error", "KeyboardInterrupt")},
    ),
    "recursion": (
        notebook(mask_with("return causal(queries, keys)")),
        {MASK: ("error", "RecursionError")},
    ),
    "eats memory": (
        notebook(
            mask_with("import numpy\nhoard = []\nwhile True: hoard.append(numpy.empty(10**7))")
        ),
        {MASK: ("error", "Unable to allocate")},
    ),
    "eats memory in torch": (
        notebook(mask_with("return torch.ones(10**12)")),
        {MASK: ("error", "allocate memory")},
    ),
    "prints a gigabyte": (
        notebook(
            mask_with(
                "import os\nfor _ in range(1000):\n    print('x' * 10**6)\n    os.write(1, b'x' *"
                " 10**6)\nreturn torch.ones(2)"
            )
        ),
        {MASK: ("wrong", "wrong shape")},
    ),
    "a huge result": (
        notebook(mask_with("return torch.ones(1).expand(10**9)")),
        {MASK: ("wrong", "")},
    ),
    "a lying object": (
        notebook(
            mask_with(
                "return Liar()",
                "class Liar:\n    def __eq__(self, other): return True\n    def __repr__(self):"
                " raise ValueError('no')",
            )
        ),
        {MASK: ("error", "no")},
    ),
    "cells deleted": (
        notebook([IMPORTS, SOLVED_MASK]),
        {MASK: "correct", ATTEND: "missing", HEADS: "missing"},
    ),
    "stub renamed": (
        notebook(answers(causal_mask=SOLVED_MASK.replace("causal(", "my_own_mask("))),
        {MASK: "correct"},
    ),
    "mark renamed": (
        notebook(answers(causal_mask=SOLVED_MASK.replace(MASK, "attention.mask"))),
        {MASK: "missing"},
    ),
    "mark removed": (
        notebook(answers(causal_mask=SOLVED_MASK.partition("\n")[2])),
        {MASK: "missing"},
    ),
    "patches the checker": (
        notebook(
            mask_with(
                "import course.checking.judging as judging, course.checking.compare,"
                " builtins\njudging.first_difference = course.checking.compare.first_difference ="
                " lambda *a, **k: None\ntorch.equal = torch.isclose = lambda *a, **k:"
                " torch.tensor(True)\nreturn ~torch.ones(queries, keys, dtype=torch.bool).tril(keys"
                " - queries)"
            )
        ),
        {MASK: ("wrong", "True where it is forbidden")},
    ),
    "an odd character": (
        notebook(mask_with("raise RuntimeError(chr(0xDCFF))")),
        {MASK: ("error", "RuntimeError")},
    ),
    "nested folders": (
        notebook(
            mask_with(
                "import os\nfor _ in range(3000):\n    os.mkdir('d')\n    os.chdir('d')\nreturn 1"
            )
        ),
        {MASK: ("error|wrong", "")},
    ),
    "patches everything": (
        notebook(
            mask_with(
                "import builtins\nfor name in ('isinstance', 'len', 'type'): setattr(builtins,"
                " name, lambda *a: True)\nreturn 1"
            )
        ),
        {MASK: ("crashed", "status 70")},
    ),
    "patches and is right": (
        notebook(
            [
                IMPORTS,
                "import course.checking.judging\ncourse.checking.judging.verdict_of = None",
                *SOLVED.values(),
            ]
        ),
        {MASK: ("tampered", "cell 2 changes course.checking.judging.verdict_of")},
    ),
    "borrows": (
        notebook(
            mask_with("return causal_mask(queries, keys)", "from nmt.attention import causal_mask")
        ),
        {MASK: "correct"},
    ),
    "writes the protocol": (notebook(mask_with(FORGE + "return 1")), {MASK: ("tampered", "")}),
    "writes the protocol above": (
        notebook(
            mask_with(
                "return 1 if forged else 0",
                "def forge():\n"
                + "".join(f"    {line}\n" for line in FORGE.splitlines())
                + "forged = forge()",
            )
        ),
        {MASK: ("tampered", "")},
    ),
    "returns twice": (
        notebook(mask_with("import os\nos.fork()\nreturn 1")),
        {MASK: ("tampered|wrong|error", "")},
    ),
    "leaves a child": (
        notebook(
            mask_with(
                "import os, subprocess\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:"
                " os.execvp('sleep', ['sleep', '" + LONELY + "'])\n    os._exit(0)\nreturn queries"
            )
        ),
        {MASK: ("wrong", "")},
    ),
    "kills its parent": (  # and nobody else, should the cage be open
        notebook(mask_with("import os\nos.kill(os.getppid() or 99_999_999, 9)\nreturn 1")),
        {MASK: ("error", "No such process|not permitted")},
    ),
    "network": (
        notebook(
            mask_with(
                "import socket\nsocket.create_connection(('127.0.0.1', PORT), 1)\nreturn 1",
                "PORT = 0",
            )
        ),
        {MASK: ("error", "")},
    ),
    "writes outside": (
        notebook(mask_with(f"open({str(OUTSIDE)!r}, 'w').write('x')\nreturn 1")),
        {MASK: ("error", "Permission denied|Read-only|No such file")},
    ),
    "writes in its scratch": (
        notebook(
            mask_with(
                "from pathlib import"
                " Path\nPath('a').write_text('x')\nPath.home().joinpath('b').touch()\nreturn 1"
            )
        ),
        {MASK: ("wrong", "")},
    ),
    "fills the disk": (
        notebook(
            mask_with("with open('big', 'wb') as file:\n    while True: file.write(b'x' * 10**6)")
        ),
        {MASK: ("error|crashed", "")},
    ),
}
UNREADABLE = {
    "empty": (b"", "JSON"),
    "truncated": (notebook([IMPORTS, *SOLVED.values()])[:-40].encode(), "JSON"),
    "binary": (bytes(range(256)) * 40, "JSON"),
    "nested": (b"[" * 200_000, "JSON"),
    "a list": (b"[1, 2]", "no list of cells"),
    "another course": (notebook(["x = 1"]).encode(), "no exercise"),
    "of another time": (
        json.dumps({"nbformat": 3, "worksheets": [{"cells": []}]}).encode(),
        "no list of cells",
    ),
    "huge": (b'{"cells": [' + b" " * 52_000_000 + b"]}", "50 MB, more than the 48 MB"),
}


def _real_notebooks(folder):
    data = json.loads((ROOT / "notebooks/02_attention.ipynb").read_text(encoding="utf-8"))
    (folder / "02_attention untouched.ipynb").write_text(json.dumps(data))
    for cell in data["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "code" and f'@exercise("{MASK}")' in text:
            cell["source"] = text.replace(
                UNWRITTEN,
                "return torch.ones(queries, keys, dtype=torch.bool).tril(keys - queries)",
            )
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
    arguments = [
        "grade",
        folder,
        "--json",
        results / "c.json",
        "--csv",
        results / "c.csv",
        "--answer-seconds",
        3,
        "--seconds",
        20,
        "--memory",
        700,
    ]
    assert main([str(each) for each in arguments]) == 0
    data = json.loads((results / "c.json").read_text(encoding="utf-8"))
    rows = list(csv.reader((results / "c.csv").read_text(encoding="utf-8").splitlines()))
    assert data["mistakes"][0]["students"] >= data["mistakes"][-1]["students"] > 0
    print(
        f"{len(data['submissions'])} submissions in {time.monotonic() - began:.1f} s",
        file=sys.stderr,
    )
    return {Path(each["submission"]).stem: each for each in data["submissions"]}, rows, data


@pytest.mark.parametrize("name", CLASS)
def test_each_submission_is_reported_as_what_it_is(graded, name):
    results = {each["exercise"]: each for each in graded[0][name]["results"]}
    assert set(results) == set(chapter("attention"))
    for exercise, wanted in CLASS[name][1].items():
        statuses, part = (wanted, "") if isinstance(wanted, str) else wanted
        result = results[exercise]
        assert result["status"] in statuses.split("|"), result
        assert any(
            each in result["mistake"] + " " + result["message"] for each in part.split("|")
        ), result


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_is_no_notebook_is_said_in_one_sentence(graded, name):
    (result,) = graded[0][name]["results"]
    assert result["status"] == "unreadable" and any(
        part in result["message"] for part in UNREADABLE[name][1].split("|")
    ), result
    assert "\n" not in result["message"]


def test_nothing_outside_is_harmed(graded):
    assert not OUTSIDE.exists()
    commands = [
        path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if _readable(path)
    ]
    assert not any(LONELY.encode() in command for command in commands), "a child lives on"


def _readable(path):
    try:
        return bool(path.read_bytes())
    except OSError:
        return False


def test_remarks_name_patches_and_borrowed_solutions(graded):
    assert any(
        "course.checking.judging.verdict_of" in remark
        for remark in graded[0]["patches and is right"]["remarks"]
    )
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
    for name, wanted in (
        ("02_attention untouched", "not attempted"),
        ("02_attention solved", "correct"),
    ):
        statuses = {each["exercise"]: each["status"] for each in graded[0][name]["results"]}
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
            assert (
                outcome.error is None and first_difference(outcome.value, arrived.value) is None
            ), exercise.name
