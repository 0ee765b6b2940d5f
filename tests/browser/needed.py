"""Which cells of a notebook must run before its widgets and attention views can be operated."""

from __future__ import annotations

import dis
from types import CodeType

import nbformat
from lab import ROOT

# What widgets say as text.
LIVE = ("Explorer (", "Playground (", "Guess: ", "The solution of ", "Curves that grow ")


def needed(name: str) -> list[str]:
    """The ids of the cells that show a widget or an attention view, and of those before them that
    bind a name which one of these reads from outside itself.

    A cell that only changes what a name stands for, by calling one of its methods, is not among
    them: an explorer then shows an untrained model, which its controls don't mind.
    """
    ids: list[str] = []
    wanted: set[str] = set()
    for cell in reversed(nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", 4).cells):
        if cell.cell_type != "code":
            continue
        bound, read = names(cell.source)
        if is_live(cell) or bound & wanted:
            ids.append(cell.id)
            wanted = wanted - bound | read
    return ids[::-1]


def is_live(cell: nbformat.NotebookNode) -> bool:
    """Whether a cell's stored outputs are those of a widget or an attention view."""
    return any(
        data.get("text/plain", "").startswith(LIVE) or "<iframe" in data.get("text/html", "")
        for data in (output.get("data", {}) for output in cell.outputs)
    )


def names(source: str) -> tuple[set[str], set[str]]:
    """Which names a cell binds, and which it reads before it has bound them: what a loop or an
    import of its own binds needs no other cell. Told by its bytecode, in the order of the text; a
    function reads what it needs where it is defined.
    """
    bound: set[str] = set()
    read: set[str] = set()

    def follow(code: CodeType, own: set[str]) -> None:
        for step in dis.get_instructions(code):
            if step.opname == "STORE_NAME":
                own.add(step.argval)
            elif step.opname in ("LOAD_NAME", "LOAD_GLOBAL") and step.argval not in own | bound:
                read.add(step.argval)
            elif isinstance(step.argval, CodeType):
                follow(step.argval, set())  # a class or a function: its names are its own

    follow(compile(source, "<cell>", "exec"), bound)
    return bound, read
