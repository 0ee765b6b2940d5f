"""Answers as a notebook has them: from text."""

import time

import torch

from course.exercises import judge

MASK = "attention.causal-mask"
ATTENTION = "attention.scaled-dot-product"


def compiled(body: str, arguments: str = "queries, keys"):
    """A function as a notebook has it: from text, in a file of its own."""
    scope: dict = {"torch": torch, "time": time}
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    exec(compile(f"def answer({arguments}):\n{lines}\n", "<ipython-input-7-cell>", "exec"), scope)
    return scope["answer"]


def masked(body: str, **options):
    """The verdict on such an answer to the exercise of the mask."""
    return judge(MASK, compiled(body), **options)
