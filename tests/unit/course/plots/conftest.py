"""Every figure that a test of plots draws is looked at: its tick labels are true."""

from __future__ import annotations

from typing import Any

import pytest
from matplotlib.figure import Figure
from true_ticks import check_ticks


@pytest.fixture(autouse=True)
def true_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no figure be saved whose tick labels are not true."""
    save = Figure.savefig

    def check(figure: Figure, *arguments: Any, **options: Any) -> None:
        save(figure, *arguments, **options)
        check_ticks(figure)

    monkeypatch.setattr(Figure, "savefig", check)
