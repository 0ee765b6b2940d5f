"""The command that stores outputs: it leaves nothing that varies, and on failure it leaves the old
file.
"""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from refresh import BrokenNotebook, refresh

WIDGET = """from ipywidgets import Text
Text("and", description="Word:")"""


def write(path, *sources):
    cells = [new_markdown_cell("# Title"), *(new_code_cell(source) for source in sources)]
    cells[1].metadata |= {"execution": {"iopub": "now"}, "tags": ["keep"]}
    metadata = {"widgets": {"state": {}}, "author": "somebody"}
    nbformat.write(new_notebook(cells=cells, metadata=metadata), path)


def test_runs_and_stores_what_does_not_vary(tmp_path):
    path = tmp_path / "lesson.ipynb"
    write(path, "print('first')\nprint('second')", WIDGET, "1+1")
    refresh(path)
    first_run = path.read_bytes()
    stored = nbformat.read(path, as_version=4)
    assert [cell["id"] for cell in stored.cells] == ["cell-00", "cell-01", "cell-02", "cell-03"]
    assert [cell.execution_count for cell in stored.cells[1:]] == [1, 2, 3]
    printed = stored.cells[1].outputs[0].text
    assert printed == "first\nsecond\n", "lines printed by one cell are stored as one output"
    assert set(stored.cells[2].outputs[0].data) == {"text/plain"}, "no view of a widget"
    assert stored.cells[3].source == "1 + 1"
    assert stored.cells[3].outputs[0].data["text/plain"] == "2"
    assert set(stored.metadata) == {"kernelspec", "language_info"}
    assert [cell.metadata for cell in stored.cells] == [{}, {"tags": ["keep"]}, {}, {}]
    refresh(path)
    assert path.read_bytes() == first_run, "a second run stores the same bytes"
    assert [file.name for file in tmp_path.iterdir()] == ["lesson.ipynb"]


def test_a_cell_that_raises_is_named_and_the_old_file_stays(tmp_path):
    path = tmp_path / "lesson.ipynb"
    write(path, "answer = 42", "assert answer == 41")
    before = path.read_bytes()
    with pytest.raises(BrokenNotebook, match=r"cell-02(.|\n)*AssertionError"):
        refresh(path)
    assert path.read_bytes() == before
