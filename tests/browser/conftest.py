"""One JupyterLab and one browser for all browser tests of a process: starting them takes longer
than most tests.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest
from lab import NAMES, Server, jupyterlab
from playwright.sync_api import BrowserContext
from reader import browser, end_kernels

# Without it JupyterLab asks.
KERNEL = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Notebooks first: they take longest, and no process should be left alone with one."""
    items.sort(key=lambda item: item.path.stem != "test_notebooks")


@pytest.fixture(scope="session")
def context() -> Iterator[BrowserContext]:
    with browser() as running:
        yield running


@pytest.fixture(scope="session")
def lab() -> Iterator[Server]:
    with jupyterlab(NAMES) as server:
        yield server


@pytest.fixture(autouse=True)
def nothing_is_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test that fails on the way leaves no page and no kernel to the next."""
    shared = [request.getfixturevalue(n) for n in ("context", "lab") if n in request.fixturenames]
    yield
    for one in shared:
        if isinstance(one, Server):
            end_kernels(one)
        else:
            for page in one.pages:
                page.close()


@pytest.fixture
def write_notebook(lab: Server) -> Callable[[str, str], Path]:
    """Write a notebook beside the course's: its name, and its cells, divided by lines "---"; prose
    begins with "%% ".
    """

    def write(name: str, text: str) -> Path:
        cells = [cell.strip() for cell in text.split("\n---\n")]
        code, prose = nbformat.v4.new_code_cell, nbformat.v4.new_markdown_cell
        made = [prose(cell[2:]) if cell.startswith("%% ") else code(cell) for cell in cells]
        path = lab.root / "notebooks" / f"{name}.ipynb"
        nbformat.write(nbformat.v4.new_notebook(cells=made, metadata={"kernelspec": KERNEL}), path)
        return path

    return write
