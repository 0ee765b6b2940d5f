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
import json
import platform
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from course.checking.exercise import CHAPTERS
from course.exercises.catalogue import chapter
from course.grading.names import Names, names_of

MOST_CELLS, LONGEST_CELL = 2000, 200_000
_ROOTS = {
    "nmt",
    "course",
    "torch",
    "builtins",
    "einops",
    "numpy",
    "sys",
    "math",
    "copy",
    "operator",
}
_HARMLESS = {"__repr__", "__str__", "_repr_html_", "__format__"}
_READ_THROUGH = ("time", "capture", "prun")


@dataclass
class Statement:
    """One statement at the top of a cell."""

    cell: int
    line: int
    source: str
    names: Names
    tree: ast.stmt
    marks: str = ""
    function: str = ""


@dataclass
class Sheet:
    """All statements of a notebook, and what else was seen."""

    statements: list[Statement] = field(default_factory=list)
    broken: dict[int, tuple[str, str]] = field(
        default_factory=dict
    )  # cell → its text, what is wrong
    modules: dict[str, str] = field(
        default_factory=dict
    )  # a name and what an import made it: "torch", "nmt.attention.causal_mask"


def read_notebook(content: bytes) -> dict[str, Any]:
    """Everything that grading has to know of a notebook, as plain data.

    Returns:
        `error`: why it is no notebook, or empty; else `answers` by exercise, `expected` (the names
            of its notebook's exercises), `dtype`, `changes` (to what is not the student's
            to change) and `remarks`.
    """
    try:
        cells = _code_cells(content)
    except (ValueError, RecursionError, MemoryError) as error:
        return {
            "error": (
                str(error)
                if type(error) is ValueError
                else "it is no whole notebook: its JSON can't be read"
            )
        }
    sheet = _sheet(cells, _written_by(content))
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
    changes = [
        remark for statement in sheet.statements for remark in _changes(statement, sheet.modules)
    ]
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


def _written_by(content: bytes) -> str:
    """The version of Python that the notebook was written with, where it says so."""
    metadata = json.loads(content).get("metadata")
    about = metadata.get("language_info") if isinstance(metadata, dict) else None
    version = about.get("version") if isinstance(about, dict) else None
    return version[:20] if isinstance(version, str) and version.isprintable() else ""


def _code_cells(content: bytes) -> list[str]:
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        raise ValueError("it is no whole notebook: its JSON can't be read") from None
    cells = data.get("cells") if isinstance(data, dict) else None
    if not isinstance(cells, list):
        raise ValueError(
            "it is no notebook: it has no list of cells (a notebook of before 2015 is one after"
            " opening and saving it)"
        )
    if len(cells) > MOST_CELLS:
        raise ValueError(f"it has {len(cells)} cells, more than the {MOST_CELLS} that are read")
    texts = []
    for cell in cells:
        source = (
            cell.get("source", "")
            if isinstance(cell, dict) and cell.get("cell_type") == "code"
            else ""
        )
        parts = source if isinstance(source, list) else [source]
        texts.append("".join(part for part in parts if isinstance(part, str)))
    return texts


def _sheet(cells: list[str], version: str) -> Sheet:
    from IPython.core.inputtransformer2 import TransformerManager

    sheet = Sheet()
    reads = f"is not Python {platform.python_version()}, which reads it"
    if version and version != platform.python_version():
        reads += f" (it was written with {version})"
    for number, text in enumerate(cells, start=1):
        if not text.strip():
            continue
        if len(text) > LONGEST_CELL:
            reason = f"is longer than {LONGEST_CELL:,} characters"
            sheet.broken[number] = (text[:LONGEST_CELL], reason)
            continue
        try:
            lines = "\n".join(_without_magics(text)) + "\n"
            python = TransformerManager().transform_cell(lines)
            tree = ast.parse(python)
            sheet.statements += [_statement(number, python, each, tree) for each in tree.body]
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            line = getattr(error, "lineno", None)
            reason = str(getattr(error, "msg", "")) or "it can't be read"
            where = f" in line {line}" if line else ""
            sheet.broken[number] = (text, f"{reads}: {reason}{where}")
    for statement in sheet.statements:
        sheet.modules |= statement.names.modules
    for statement in sheet.statements:
        _mark(statement, sheet.modules)
    return sheet


def _without_magics(text: str) -> Iterator[str]:
    """The lines of a cell, with `%%time` and `%time` and their like read through."""
    magic = re.compile(rf"\s*%%?(?:{'|'.join(_READ_THROUGH)})\b")
    for number, line in enumerate(text.splitlines()):
        if (found := magic.match(line)) and (number == 0 or "%%" not in found[0]):
            yield "" if "%%" in found[0] else " " * line.index("%") + line[found.end() :].lstrip()
        else:
            yield line


def _statement(cell: int, python: str, node: ast.stmt, tree: ast.Module) -> Statement:
    lines = python.splitlines()
    first = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", []))])
    last = node.end_lineno or first
    alone = (
        sum(other.lineno <= last and (other.end_lineno or 0) >= first for other in tree.body) == 1
    )
    source = "\n".join(lines[first - 1 : last]) if alone else ast.unparse(node)
    return Statement(cell, first, source, names_of(source), node)


def _mark(statement: Statement, modules: dict[str, str]) -> None:
    """Find `@exercise("…")`, note it, and blank it out: a mark is for notebooks."""
    node = statement.tree
    if isinstance(node, ast.Assign):
        if isinstance(node.value, ast.Call) and isinstance(node.targets[0], ast.Name):
            statement.marks = _marked(node.value.func, modules)
            statement.function = node.targets[0].id
        return
    lines = statement.source.splitlines()
    for inner in _at_the_top(node):
        for decorator in inner.decorator_list:
            if name := _marked(decorator, modules):
                statement.marks, statement.function = name, inner.name
                first = decorator.lineno - statement.line
                last = (decorator.end_lineno or 0) - statement.line
                if len(lines) > inner.lineno - statement.line:
                    lines[first : last + 1] = [""] * (last + 1 - first)
    if statement.marks:
        statement.source = "\n".join(lines)
        statement.names = names_of(statement.source)


def _at_the_top(node: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    """The functions and classes that a statement defines, also inside its `if` or `with`."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield node
    elif isinstance(node, (ast.If, ast.With, ast.Try, ast.For, ast.While)):
        for inner in ast.iter_child_nodes(node):
            yield from _at_the_top(inner)


def _marked(node: ast.expr, modules: dict[str, str]) -> str:
    if not (
        isinstance(node, ast.Call)
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    ):
        return ""
    function = node.func
    called = (
        function.attr
        if isinstance(function, ast.Attribute)
        else function.id
        if isinstance(function, ast.Name)
        else ""
    )
    called = modules.get(called, called).rpartition(".")[2]
    return node.args[0].value if called == "exercise" else ""


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
        "cell": marked.cell,
        "untouched": _untouched(marked.tree),
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
    for node in ast.walk(statement.tree):
        targets: list[ast.expr] = []
        if isinstance(node, (ast.Assign, ast.Delete)):
            targets = list(node.targets)
        elif isinstance(node, (ast.AugAssign, ast.AnnAssign)):
            targets = [node.target]
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in ("setattr", "delattr")
            and node.args
        ):
            inner = ast.Attribute(node.args[0], "…", ast.Store())
            if len(node.args) > 1 and isinstance(node.args[1], ast.Constant):
                inner.attr = str(node.args[1].value)
            targets = [inner]
        for target in targets:
            path, base = [], target
            while isinstance(base, (ast.Attribute, ast.Subscript)):
                path.append(base.attr if isinstance(base, ast.Attribute) else "[…]")
                base = base.value
            origin = (
                modules.get(base.id, base.id if base.id == "__builtins__" else "")
                if isinstance(base, ast.Name)
                else ""
            )
            if (
                path
                and origin.partition(".")[0] in _ROOTS | {"__builtins__"}
                and not f"{origin}.{path[-1]}".startswith("torch.backends")
                and path[0] not in _HARMLESS
            ):
                found.append(
                    f"cell {statement.cell} changes {'.'.join([origin, *reversed(path)])[:100]}"
                )
    return found


def _dtype(sheet: Sheet) -> str:
    """The default kind of number: some notebooks set float64 in their first cell, and their checks
    then compute in it.
    """
    found = "float32"
    for statement in sheet.statements:
        node = statement.tree
        if isinstance(node, ast.Expr) and (
            match := re.fullmatch(
                r"torch\.set_default_dtype\(torch\.(float32|float64)\)", ast.unparse(node)
            )
        ):
            found = match[1]
    return found
