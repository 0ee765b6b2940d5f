"""The lab report on disk is what the records say."""

import xml.etree.ElementTree as ET

import pytest

from course.lab.catalogue import EXPERIMENTS
from course.lab.records import find_records
from course.plots.report_files import RESULTS, files, write_report


@pytest.fixture(scope="module")
def report():
    """Every file of the report, drawn once."""
    return dict(files(find_records()))


def words_of(content: str) -> list[str] | str:
    """The title and the description of a figure; a table as it is."""
    if not content.startswith("<?xml"):
        return content
    root = ET.fromstring(content)
    return [root.findtext(f"{{http://www.w3.org/2000/svg}}{one}") for one in ("title", "desc")]


def test_committed_tables_and_figures_say_what_the_records_say(report):
    stored = {name: (RESULTS / name).read_text(encoding="utf-8") for name in report}
    stale = [name for name in report if words_of(stored[name]) != words_of(report[name])]
    assert not stale, "run: python -m course experiments report"


def test_figures_have_words_and_no_line_ends_in_spaces(report):
    for name, content in report.items():
        assert all(words_of(content)) and content.endswith("\n"), name
        assert all(line == line.rstrip() for line in content.splitlines()), name


def test_nothing_else_lies_beside_them(report):
    there = {
        path.relative_to(RESULTS).as_posix()
        for folder in ("tables", "figures")
        for path in (RESULTS / folder).iterdir()
    }
    assert there == set(report) and "figures/eight-runs-losses.svg" in there


def test_the_report_is_the_same_every_time_and_needs_no_record(tmp_path, monkeypatch):
    chosen = {name: EXPERIMENTS[name] for name in ("eight-runs", "data-size")}
    monkeypatch.setattr("course.plots.report_files.EXPERIMENTS", chosen)
    empty = tmp_path / "records"
    empty.mkdir()
    written = write_report(empty, tmp_path)
    assert len(written) == 2 * len(chosen), "and no curves"
    assert all("not run yet" in path.read_text(encoding="utf-8") for path in written)
    first = tmp_path / "figures" / "eight-runs.svg"
    before = first.read_bytes()
    first.unlink()
    assert write_report(empty, tmp_path) == [first]  # and nothing else, for nothing has changed
    assert first.read_bytes() == before
