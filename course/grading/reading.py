"""What a notebook answers, read without running any of it: the marked functions, and for each the
statements that it needs.

An answer's process runs the marked function and what the function needs, found by following names:
imports, other functions, classes, assignments, and statements that fill what was assigned. A name
means what it meant where the answer was checked; later cells count only for names that were not
bound before.

Everything else in the notebook (figures, explorers, training, checks) stays unrun, so a notebook
that trains for a minute is graded in a second, and a cell that never ends hurts only the answers
that need it.
"""

from __future__ import annotations
import __future__

import ast
import builtins
import hashlib
import re
from typing import Any

from course.checking.exercise import CHAPTERS
from course.exercises.catalogue import chapter
from course.grading.names import targets_of
from course.grading.sheet import Sheet, Statement, code_cells, sheet_of

LONG = 60  # parts of a syntax tree: shorter answers are often the same by chance
_ROOTS = set("nmt course torch builtins __builtins__ einops numpy sys math copy operator".split())
_HARMLESS = {"__repr__", "__str__", "_repr_html_", "__format__"}


def read_notebook(content: bytes) -> dict[str, Any]:
    """Everything that grading has to know of a notebook, as plain data.

    Returns:
        `error`: why it is no notebook, or empty; else `answers` by exercise, `expected` (the names
            of its notebook's exercises), `dtype`, `changes` (to what is not the student's
            to change) and `remarks`.
    """
    try:
        cells, version = code_cells(content)
    except (ValueError, RecursionError, MemoryError) as error:
        broken = "it is no whole notebook: its JSON can't be read"
        return {"error": str(error) if type(error) is ValueError else broken}
    sheet = sheet_of(cells, version)
    answers: dict[str, Any] = {}
    places: dict[str, list[int]] = {}
    for place, statement in enumerate(sheet.statements):
        if statement.marks:
            answers[statement.marks] = _answer(sheet, place)
            places.setdefault(statement.marks, []).append(statement.cell)
    for cell, (text, reason) in sheet.broken.items():
        for name in re.findall(r"""exercise\(\s*["']([\w.-]+)["']""", text):
            answers.setdefault(name, {"error": f"cell {cell} {reason}"})
    chapters = {name.partition(".")[0] for name in answers} & CHAPTERS.keys()
    expected = [name for each in CHAPTERS if each in chapters for name in chapter(each)]
    changes = [remark for each in sheet.statements for remark in _changes(each, sheet.modules)]
    twice = [
        f"{name} is answered in cells {' and '.join(map(str, cells))}; the last one is graded"
        for name, cells in places.items()
        if len(cells) > 1
    ]
    return {
        "error": "",
        "answers": {name: each for name, each in answers.items() if name in expected},
        "unknown": sorted(answers.keys() - set(expected))[:20],
        "expected": expected,
        "dtype": _dtype(sheet),
        "changes": list(dict.fromkeys(changes))[:20],
        "remarks": twice[:20],
    }


def _answer(sheet: Sheet, place: int) -> dict[str, Any]:
    marked = sheet.statements[place]
    checked = _checked(sheet, place)
    chosen, needed, known = {place}, set(marked.names.uses), {marked.function}
    while new := needed - known:
        known |= new
        for name in new:
            for number in _bindings(sheet, name, checked):
                if number not in chosen:
                    chosen.add(number)
                    needed |= sheet.statements[number].names.uses
    bound = {name for number in chosen for name in sheet.statements[number].names.binds}
    if known - bound - set(dir(builtins)):  # only a star can have brought these
        chosen |= {n for n, each in enumerate(sheet.statements) if each.names.star}
    statements = [sheet.statements[number] for number in sorted(chosen)]
    imported = {name: origin for s in statements for name, origin in s.names.modules.items()}
    flags = 0
    for each in sheet.statements[: checked + 1]:
        if isinstance(each.tree, ast.ImportFrom) and each.tree.module == "__future__":
            for alias in each.tree.names:
                flags |= getattr(getattr(__future__, alias.name, None), "compiler_flag", 0)
    return {
        "error": "",
        "function": marked.function,
        "untouched": _untouched(marked.tree),
        "text": _text(marked.tree),
        "flags": flags,
        "statements": [
            {"cell": s.cell, "line": s.line, "source": s.source, "marked": s is marked}
            for s in statements
        ],
        "borrowed": sorted(
            origin
            for name, origin in imported.items()
            if name in known and origin.startswith("nmt.")
        ),
    }


def _untouched(node: ast.stmt) -> bool:
    """Is it the stub still, with nothing but a docstring and `raise NotImplementedError`? Then no
    process is needed to find that out.
    """
    if not isinstance(node, ast.FunctionDef):
        return False
    last = ast.unparse(node.body[-1]) == "raise NotImplementedError"
    return last and len(node.body) - (ast.get_docstring(node) is not None) == 1


def _text(node: ast.stmt) -> str:
    """A long answer's fingerprint, without spaces, comments, docstring, annotations and its own
    name; empty for a short one, which many write alike.
    """
    if not isinstance(node, ast.FunctionDef):
        return ""
    body = node.body[ast.get_docstring(node) is not None :]
    if sum(1 for each in body for _ in ast.walk(each)) < LONG:
        return ""
    names = [each.arg for each in node.args.args]
    whole = repr((names, [ast.dump(each) for each in body]))
    return hashlib.sha256(whole.encode("utf-8", "replace")).hexdigest()[:16]


def _checked(sheet: Sheet, place: int) -> int:
    """The statement that checks the answer, `check(…)`, or the last of the answer's own cell."""
    marked, last = sheet.statements[place], place
    for number in range(place + 1, len(sheet.statements)):
        each = sheet.statements[number]
        if each.cell == marked.cell:
            last = number
        calls = each.tree.value if isinstance(each.tree, (ast.Expr, ast.Assign)) else None
        if isinstance(calls, ast.Call) and ast.unparse(calls.func).endswith("check"):
            asked = calls.args[0] if calls.args else None
            if isinstance(asked, ast.Name) and asked.id == marked.function:
                return number
    return last


def _bindings(sheet: Sheet, name: str, checked: int) -> list[int]:
    """The statements that made a name what it was at the check; where there are none before it,
    the first one behind, and what fills it until it is bound anew.
    """
    binds = [n for n, each in enumerate(sheet.statements) if name in each.names.binds]
    first, end = 0, checked
    if binds and binds[0] > checked:
        first, end = binds[0], binds[1] - 1 if len(binds) > 1 else len(sheet.statements)
    return [
        n
        for n, each in enumerate(sheet.statements)
        if first <= n <= end
        and (n in binds or (name in each.names.touches and name not in sheet.modules))
    ]


def _changes(statement: Statement, modules: dict[str, str]) -> list[str]:
    """Where the statement, or a function in it, assigns to a part of something imported that is not
    the student's.
    """
    found = []
    known = {"__builtins__": "__builtins__", **modules}
    for node in ast.walk(statement.tree):
        targets = targets_of(node)
        match node:
            case ast.Call(ast.Name("setattr" | "delattr"), [whose, *named]):
                what = str(named[0].value) if named and isinstance(named[0], ast.Constant) else "…"
                targets = [ast.Attribute(whose, what, ast.Store())]
        for base in targets:
            path: list[str] = []
            while isinstance(base, (ast.Attribute, ast.Subscript)):
                path.insert(0, base.attr if isinstance(base, ast.Attribute) else "[…]")
                base = base.value
            origin = known.get(base.id, "") if isinstance(base, ast.Name) else ""
            theirs = path and origin.partition(".")[0] in _ROOTS and path[-1] not in _HARMLESS
            if theirs and not f"{origin}.{path[0]}".startswith("torch.backends"):
                found.append(f"cell {statement.cell} changes {'.'.join([origin, *path])[:100]}")
    return found


def _dtype(sheet: Sheet) -> str:
    """The default kind of number: some notebooks set float64 in their first cell, and their checks
    then compute in it.
    """
    found = "float32"
    for statement in sheet.statements:
        node = statement.tree
        kind = r"torch\.set_default_dtype\(torch\.(float32|float64)\)"
        if isinstance(node, ast.Expr) and (said := re.fullmatch(kind, ast.unparse(node))):
            found = said[1]
    return found
