"""Which names a statement uses, binds and changes, read from its text by Python's own symbol
tables.
"""

from __future__ import annotations

import ast
import symtable
from dataclasses import dataclass


@dataclass(frozen=True)
class Names:
    """The names at the top level of a notebook that one statement has to do with."""

    uses: frozenset[str]
    binds: frozenset[str]
    touches: frozenset[str]  # whose content it changes: `table.append(3)`, `table[0] = 3`
    modules: dict[str, str]  # name → what an import makes it
    star: bool  # from … import *


def names_of(source: str) -> Names:
    """The names of one statement; what is local to a function in it is left out.

    Raises:
        SyntaxError: if it is no Python.
    """
    tree = ast.parse(source)
    uses, binds = _of_table(symtable.symtable(source, "cell", "exec"), top=True)
    modules, star = {}, False
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.asname or alias.name.partition(".")[0]
                modules[name] = alias.name if alias.asname else name
        elif isinstance(node, ast.ImportFrom):
            star |= any(alias.name == "*" for alias in node.names)
            modules |= {
                alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names
            }
    return Names(frozenset(uses), frozenset(binds), frozenset(_touched(tree)), modules, star)


def _of_table(table: symtable.SymbolTable, top: bool) -> tuple[set[str], set[str]]:
    uses, binds = set(), set()
    for symbol in table.get_symbols():
        name = symbol.get_name()
        if top:
            if symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace():
                binds.add(name)
            if symbol.is_referenced():
                uses.add(name)
        elif symbol.is_global():
            uses.add(name)
    for child in table.get_children():
        uses |= _of_table(child, top=False)[0]
    return uses, binds


def targets_of(node: ast.AST) -> list[ast.expr]:
    """What a statement assigns to, or deletes."""
    if isinstance(node, (ast.Assign, ast.Delete)):
        return list(node.targets)
    return [node.target] if isinstance(node, (ast.AugAssign, ast.AnnAssign)) else []


def _touched(tree: ast.Module) -> set[str]:
    found, nodes = set(), list[ast.AST](tree.body)
    for each in tree.body:
        if isinstance(each, (ast.For, ast.While, ast.If, ast.With, ast.Try)):
            nodes += ast.walk(each)
    for node in nodes:
        targets = targets_of(node)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            targets = [node.value.func]
        for target in targets:
            base = target
            while isinstance(base, (ast.Attribute, ast.Subscript, ast.Call)):
                base = base.func if isinstance(base, ast.Call) else base.value
            if isinstance(base, ast.Name) and base is not target:
                found.add(base.id)
    return found
