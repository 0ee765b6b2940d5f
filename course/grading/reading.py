"""What a notebook answers, read without running any of it: the marked functions, and for each the
statements that it needs.

An answer's process runs the marked function and what the function needs, found by following names:
imports, other functions, classes, assignments, and statements that fill what was assigned.
Everything else in the notebook (figures, explorers, training, checks) stays unrun, so a notebook
that trains for a minute is graded in a second, and a cell that never ends hurts only the answers
that need it.
"""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass, field
from types import CodeType, FunctionType
from typing import Any

from course.checking.exercise import CHAPTERS
from course.checking.judging import untouched
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
            of its notebook's exercises), `dtype` and `remarks` (changes to what is not the
            student's to change).
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
    sheet = _sheet(cells)
    answers: dict[str, Any] = {}
    for place, statement in enumerate(sheet.statements):
        if statement.marks:
            answers[statement.marks] = _answer(sheet, place)
    for cell, (text, reason) in sheet.broken.items():
        for name in re.findall(r"""exercise\(\s*["']([\w.-]+)["']""", text):
            answers.setdefault(name, {"error": f"cell {cell} is not Python: {reason}"})
    chapters = {name.partition(".")[0] for name in answers} & CHAPTERS.keys()
    expected = [name for each in CHAPTERS if each in chapters for name in chapter(each)]
    remarks = [
        remark for statement in sheet.statements for remark in _changes(statement, sheet.modules)
    ]
    return {
        "error": "",
        "answers": {name: each for name, each in answers.items() if name in expected},
        "unknown": sorted(answers.keys() - set(expected))[:20],
        "expected": expected,
        "dtype": _dtype(sheet),
        "remarks": list(dict.fromkeys(remarks))[:20],
    }


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


def _sheet(cells: list[str]) -> Sheet:
    from IPython.core.inputtransformer2 import TransformerManager

    sheet = Sheet()
    for number, text in enumerate(cells, start=1):
        if not text.strip():
            continue
        if len(text) > LONGEST_CELL:
            sheet.broken[number] = (text[:LONGEST_CELL], f"longer than {LONGEST_CELL:,} characters")
            continue
        try:
            python = TransformerManager().transform_cell("\n".join(text.splitlines()) + "\n")
            tree = ast.parse(python)
            sheet.statements += [_statement(number, python, each, tree) for each in tree.body]
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            where = (
                f" in line {error.lineno}"
                if isinstance(error, SyntaxError) and error.lineno
                else ""
            )
            reason = str(getattr(error, "msg", "")) or "it can't be read"
            sheet.broken[number] = (text, f"{reason}{where}")
    for statement in sheet.statements:
        sheet.modules |= statement.names.modules
    for statement in sheet.statements:
        _mark(statement, sheet.modules)
    return sheet


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
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        for decorator in node.decorator_list:
            if name := _marked(decorator, modules):
                statement.marks, statement.function = name, node.name
                lines = statement.source.splitlines()
                for line in range(
                    decorator.lineno - statement.line,
                    (decorator.end_lineno or 0) - statement.line + 1,
                ):
                    if 0 <= line < len(lines):
                        lines[line] = ""
                if len(lines) > node.lineno - statement.line:
                    statement.source = "\n".join(lines)
                    statement.names = names_of(statement.source)
    elif (
        isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Call)
        and isinstance(node.targets[0], ast.Name)
        and (name := _marked(node.value.func, modules))
    ):
        statement.marks, statement.function = name, node.targets[0].id


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
    chosen, needed = {place}, set(marked.names.uses)
    growing = True
    while growing:
        growing = False
        for number, each in enumerate(sheet.statements):
            touched = (each.names.touches - sheet.modules.keys()) & needed
            if number not in chosen and (each.names.binds & needed or touched or each.names.star):
                chosen.add(number)
                needed |= each.names.uses
                growing = True
    statements = [sheet.statements[number] for number in sorted(chosen)]
    return {
        "error": "",
        "function": marked.function,
        "cell": marked.cell,
        "untouched": _untouched(marked),
        "statements": [
            {"cell": s.cell, "line": s.line, "source": s.source, "marked": s is marked}
            for s in statements
        ],
        "borrowed": sorted(
            {
                sheet.modules[name]
                for name in needed
                if sheet.modules.get(name, "").startswith("nmt.")
            }
        ),
    }


def _untouched(marked: Statement) -> bool:
    """Is the function still a stub? Its code is compiled and looked at, not run."""
    if not isinstance(marked.tree, ast.FunctionDef):
        return False
    try:
        module = compile(marked.source, "cell", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    codes = [
        each
        for each in module.co_consts
        if isinstance(each, CodeType) and each.co_name == marked.function and not each.co_freevars
    ]
    return bool(codes) and untouched(FunctionType(codes[-1], {}))


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
