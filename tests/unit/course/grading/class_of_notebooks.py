"""A class's notebooks, honest, wrong and hostile, and what must be reported of each."""

import json
from pathlib import Path

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


def answers(replaced):
    """A notebook in which some stubs are replaced: by exercise."""
    return [IMPORTS, *{**STUBS, **replaced}.values()]


def solved_but(name, old, new):
    """A right answer in which some text is another, by exercise."""
    assert old in SOLVED[name]
    return {name: SOLVED[name].replace(old, new)}


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
            solved_but(MASK, BODIES[MASK], "return torch.ones(queries, keys).tril().bool()")
            | solved_but(ATTEND, " / math.sqrt(query.shape[-1])", "")
            | solved_but(HEADS, '-> b q (h k)"', '-> b q (k h)"')
        ),
        {
            MASK: "wrong: more keys than queries forgotten",
            ATTEND: "wrong: √k forgotten",
            HEADS: "wrong",
        },
    ),
    "gradient lost": (
        answers(solved_but(ATTEND, "weights @ value,", "(weights @ value).detach(),")),
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
    "stub renamed": (answers(solved_but(MASK, "causal(", "my_own_mask(")), {MASK: "correct"}),
    "mark renamed": (answers(solved_but(MASK, MASK, "attention.mask")), {MASK: "missing"}),
    "mark removed": (answers({MASK: SOLVED[MASK].partition("\n")[2]}), {MASK: "missing"}),
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
        "import time\nwhile True:\n    try:\n        while True: time.sleep(1)\n"
        "    except BaseException: pass",
        "timeout",
    ),
    "needed cell loops": (
        "return table",
        "timeout: cells",
        "import time\ntable = [0]\nwhile True: table[0] += time.sleep(0.1) or 1",
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
