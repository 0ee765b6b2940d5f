import xml.etree.ElementTree as ET

import pytest

from course.lab.catalogue import EXPERIMENTS
from course.lab.records import RECORDS, find_records
from course.lab.tables import outcomes
from course.plots.report_files import RESULTS, described, files, loss_curves, picture, write_report

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def report():
    """Every file of the report, drawn once."""
    return dict(files(find_records()))


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_committed_tables_and_figures_say_what_the_records_say(name, report):
    """If this fails, `python -m course experiments report` writes them anew."""
    stored = (RESULTS / "tables" / f"{name}.csv").read_text(encoding="utf-8")
    assert stored == report[f"tables/{name}.csv"]
    figure = ET.parse(RESULTS / "figures" / f"{name}.svg").getroot()
    drawn = ET.fromstring(report[f"figures/{name}.svg"])
    for words in ("title", "desc"):
        assert figure.findtext(f"{SVG}{words}") == drawn.findtext(f"{SVG}{words}") != ""


def test_nothing_else_lies_beside_them(report):
    there = {
        path.relative_to(RESULTS).as_posix()
        for folder in ("tables", "figures")
        for path in (RESULTS / folder).iterdir()
    }
    assert there == set(report)


def test_the_report_is_the_same_every_time_and_needs_no_record(tmp_path, monkeypatch):
    chosen = {name: EXPERIMENTS[name] for name in ("positions", "eight-runs", "data-size")}
    monkeypatch.setattr("course.plots.report_files.EXPERIMENTS", chosen)
    empty = tmp_path / "records"
    empty.mkdir()
    written = write_report(empty, tmp_path)
    assert len(written) == 2 * len(chosen)
    for path in written:
        text = path.read_text(encoding="utf-8")
        assert "not run yet" in text
    first = tmp_path / "figures" / "positions.svg"
    before = first.read_bytes()
    first.unlink()
    assert write_report(empty, tmp_path) == [first]  # and nothing else, for nothing has changed
    assert first.read_bytes() == before


def test_a_figure_carries_its_words_and_is_whole():
    text = described(
        picture(EXPERIMENTS["positions"], outcomes(EXPERIMENTS["positions"], find_records(RECORDS)))
    )
    root = ET.fromstring(text)
    assert root.tag == f"{SVG}svg" and root.findtext(f"{SVG}desc").startswith(
        "Word accuracy on validation by positions."
    )
    assert text.endswith("\n") and not any(line != line.rstrip() for line in text.splitlines())


def test_curves_are_drawn_for_the_rows_that_are_run():
    records = find_records()
    assert loss_curves(EXPERIMENTS["positions"], records).alt.startswith("8 panels")
    assert loss_curves(EXPERIMENTS["positions"], {}) is None
