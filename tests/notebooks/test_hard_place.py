"""Notebooks run from a read-only course, without network or a writable HOME, in a path with spaces
and umlauts, two training at once.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

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


def code_of(name):
    cells = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4).cells
    return [cell.source for cell in cells if cell.cell_type == "code"]


def training_cells():
    """Notebook 03's own cells that train before the reader's eyes, for one round of 300 words, not
    eight of all.
    """
    code = code_of("03_transformer")
    (settings,) = [source for source in code if source.startswith("live_config = ")]
    (training,) = [source for source in code if "live_run = train(" in source]
    assert "epochs=8" in training
    training = training.replace("epochs=8", "epochs=1, words=300")
    return [*code[:2], settings, training, "assert len(live_run.progress.epochs) == 1"]


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A copy of the course, with the notebooks to be run, in which nothing can be written."""
    folder = tmp_path_factory.mktemp("place") / "Kurs für alle"
    for part in ("nmt", "course", "data", "assets"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "notebooks").mkdir()
    (folder / "home").mkdir()
    training = [*training_cells(), PROOF]
    for name, code in {"a": [*code_of("00_start_here"), *training], "b": training}.items():
        notebook = new_notebook(cells=[new_code_cell(text) for text in code])
        nbformat.write(notebook, folder / "notebooks" / f"{name}.ipynb")
    yield folder
    for path in folder.rglob("*"):
        path.chmod(path.stat().st_mode | 0o200)


def test_the_course_runs_in_a_hard_place(course, tmp_path):
    surroundings = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1"}
    surroundings |= {"PYTHONPATH": str(course), "HOME": str(course / "home")}
    surroundings |= {"JUPYTER_PREFER_ENV_PATH": "1"}
    program = str(Path(__file__).with_name("hard_place.py"))
    running = {}
    for name in ("a", "b"):
        own = tmp_path / name
        own.mkdir()
        # Jupyter itself wants one folder that can be written, for its connection files.
        writable = {"TMPDIR": str(own), "JUPYTER_RUNTIME_DIR": str(own / "jupyter")}
        running[name] = subprocess.Popen(
            [sys.executable, "-B", program, str(course), f"{name}.ipynb", str(own)],
            env=surroundings | writable,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    said = {name: process.communicate(timeout=600) for name, process in running.items()}
    if all(out.startswith("skip") for out, _ in said.values()):
        pytest.skip("root, and no mounts of its own: nothing here is read-only for it")
    for name, process in running.items():
        assert process.returncode == 0, said[name][1][-3000:]
        done = nbformat.read(tmp_path / name / f"{name}.ipynb", as_version=4)
        assert all(cell.execution_count for cell in done.cells)
    assert not list((course / "home").iterdir()) and not list(course.rglob("__pycache__"))
