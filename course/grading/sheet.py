"""A notebook's code cells as statements, with their marks: read from bytes, and none of it run."""

from __future__ import annotations

import ast
import json
import platform
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from course.grading.names import Names, names_of

MOST_CELLS, LONGEST_CELL = 2000, 200_000
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
    # Cell → its text, what is wrong
    broken: dict[int, tuple[str, str]] = field(default_factory=dict)
    # A name → what an import made it: "torch", "nmt.attention.causal_mask"
    modules: dict[str, str] = field(default_factory=dict)


def code_cells(content: bytes) -> tuple[list[str], str]:
    """The text of each cell, empty for those that hold no code; and the version of Python that the
    notebook was written with, where it says so.

    Raises:
        ValueError: in words, if it is no notebook; one of its subclasses, `RecursionError` or
            `MemoryError`, if it can't be read.
    """
    try:
        data = json.loads(content)
    except UnicodeDecodeError:  # some editors save in the alphabet of the system, mostly latin-1
        data = json.loads(content.decode("latin-1"))
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
        code = isinstance(cell, dict) and cell.get("cell_type") == "code"
        source = cell.get("source", "") if code else ""
        parts = source if isinstance(source, list) else [source]
        texts.append("".join(part for part in parts if isinstance(part, str)))
    version = data
    for name in ("metadata", "language_info", "version"):
        version = version.get(name) if isinstance(version, dict) else None
    return texts, version[:20] if isinstance(version, str) and version.isprintable() else ""


def sheet_of(cells: list[str], version: str) -> Sheet:
    """All their statements; of a cell that is not Python, why. `version` is the writer's Python."""
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
    near = [each for each in tree.body if each.lineno <= last and (each.end_lineno or 0) >= first]
    source = "\n".join(lines[first - 1 : last]) if len(near) == 1 else ast.unparse(node)
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
    """The name in `exercise("name")`, whatever it was imported as."""
    match node:
        case ast.Call(ast.Attribute(attr=called) | ast.Name(called), [ast.Constant(str(name)), *_]):
            return name if modules.get(called, called).rpartition(".")[2] == "exercise" else ""
    return ""
