"""Notebooks run from a read-only course, without network or a writable HOME, in a path with spaces
and umlauts, two training at once.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
PROOF = """
import errno, pathlib, socket, nmt
course = pathlib.Path.cwd().parent
assert " " in str(course) and "ü" in str(course)
assert pathlib.Path(nmt.__file__).is_relative_to(course), nmt.__file__
checkpoints, notebooks = course / "assets" / "checkpoints", course / "notebooks"
for place in (course / "x", pathlib.Path.home() / "x", checkpoints / "x", notebooks / "x"):
    try:
        place.write_text("x")
    except OSError as error:
        assert error.errno in (errno.EROFS, errno.EACCES), error
    else:
        raise AssertionError(f"{place} can be written")
try:
    socket.create_connection(("192.0.2.1", 80), 2)  # an address for documentation: nobody is there
except OSError:
    pass
"""


def training_notebook():
    """Notebook 03's own cells that train before the reader's eyes, for one round of 300 words, not
    eight of all.
    """
    cells = nbformat.read(ROOT / "notebooks/03_transformer.ipynb", as_version=4).cells
    code = [cell.source for cell in cells if cell.cell_type == "code"]
    (settings,) = [source for source in code if source.startswith("live_config = ")]
    (training,) = [source for source in code if "live_run = train(" in source]
    assert "epochs=8" in training
    return [
        *code[:2],
        settings,
        training.replace("epochs=8", "epochs=1, words=300"),
        "assert len(live_run.progress.epochs) == 1",
    ]


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A copy of the course, with the notebooks to be run, in which nothing can be written."""
    folder = tmp_path_factory.mktemp("place") / "Kurs für alle"
    for part in ("nmt", "course", "data", "assets"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "notebooks").mkdir()
    (folder / "home").mkdir()
    first = [
        cell.source
        for cell in nbformat.read(ROOT / "notebooks/00_start_here.ipynb", as_version=4).cells
        if cell.cell_type == "code"
    ]
    training = training_notebook()
    for name, cells in {"a.ipynb": [*first, *training], "b.ipynb": training}.items():
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(text) for text in [*cells, PROOF]]
        )
        nbformat.write(notebook, folder / "notebooks" / name)
    yield folder
    for path in folder.rglob("*"):
        path.chmod(path.stat().st_mode | 0o200)


def test_the_course_runs_in_a_hard_place(course, tmp_path):
    running = {}
    for name in ("a.ipynb", "b.ipynb"):
        own = tmp_path / name.removesuffix(".ipynb")
        own.mkdir()
        surroundings = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1"}
        surroundings |= {"PYTHONPATH": str(course), "HOME": str(course / "home")}
        # Jupyter itself wants one folder that can be written, for its connection files.
        surroundings |= {
            "TMPDIR": str(own),
            "JUPYTER_RUNTIME_DIR": str(own / "jupyter"),
            "JUPYTER_PREFER_ENV_PATH": "1",
        }
        program = str(Path(__file__).with_name("hard_place.py"))
        command = [sys.executable, "-B", program, str(course), name, str(own)]
        running[name] = subprocess.Popen(
            command, env=surroundings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
    said = {name: process.communicate(timeout=600) for name, process in running.items()}
    if all(out.startswith("skip") for out, _ in said.values()):
        pytest.skip("root, and no mounts of its own: nothing here is read-only for it")
    for name, process in running.items():
        assert process.returncode == 0, said[name][1][-3000:]
        done = json.loads(
            (tmp_path / name.removesuffix(".ipynb") / name).read_text(encoding="utf-8")
        )
        assert all(cell["execution_count"] for cell in done["cells"])
    assert not list((course / "home").iterdir()) and not list(course.rglob("__pycache__"))
