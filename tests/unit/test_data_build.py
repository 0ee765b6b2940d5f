"""The builder, without its downloads: the stored files are what it would write, and damaged sources
are refused.
"""

import importlib.util
import io
import tarfile
from pathlib import Path

import pytest

from nmt.data import DATA_FOLDER, load_pairs, load_words

# Not `import build`, which is the name of a package that others have installed.
spec = importlib.util.spec_from_file_location("build_data", DATA_FOLDER / "build.py")
build = importlib.util.module_from_spec(spec)
spec.loader.exec_module(build)

# Checking types at each of several hundred thousand calls would take half a minute; the other tests
# do it with fewer words.
pytestmark = pytest.mark.usefixtures("without_type_checks")


def test_stored_files_are_what_the_builder_writes() -> None:
    """And it writes only what has its checksums."""
    files = build.make_files(set(load_words("austen")), set(load_words("norvig")))
    assert set(files) == {"austen.txt", "small.tsv", "large.tsv", "README.md"}
    for name, text in files.items():
        assert (DATA_FOLDER / name).read_bytes() == text.encode(), f"{name}: run make data"
    course = load_pairs("large", as_in_course=True)
    assert len(course) == 22_402 and len({pair.source for pair in course}) == 22_383


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("I cannot go", {"i", "can", "not", "go"}),
        ("my sister's hat; they won't.", {"my", "sister", "hat", "they", "wo"}),
        ("she can't.", {"she", "ca"}),
        ("her sister's\nhat", {"her", "hat"}),
        ("Bonomi's.  I", {"bonomi", "i"}),
        ("wait--no", {"wait", "--", "no"}),
        ("going...No", {"going", "no"}),
        ("opinion,-and", {"opinion", "-and"}),
        ("good-humoured Mr. M.D.", {"good-humoured", "mr", "md"}),
        ("in 1811 the 2nd", {"in", "the"}),
        ("the saloon.' Lady", {"the", "saloon", "lady"}),
        ("t'other ma'am", set()),
    ],
)
def test_treebank_splitting(text: str, words: set[str]) -> None:
    assert build.split_words(text) == words


def make_deb(content: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:xz") as archive:
        member = tarfile.TarInfo("./file")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    parts = [
        ("debian-binary", b"2.0\n"),
        ("control.tar.xz", b"odd"),
        ("data.tar.xz", packed.getvalue()),
    ]
    header = "{:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n"
    archived = (
        header.format(name, 0, 0, 0, 100644, len(data)).encode() + data + b"\n" * (len(data) % 2)
        for name, data in parts
    )
    return b"!<arch>\n" + b"".join(archived)


def test_member_of_ar() -> None:
    packed = io.BytesIO(build.member_of_ar(make_deb(b"text"), "data.tar"))
    with tarfile.open(fileobj=packed) as archive:
        assert archive.extractfile("./file").read() == b"text"
    with pytest.raises(SystemExit, match="no ar archive"):
        build.member_of_ar(b"something else", "data.tar")
    with pytest.raises(SystemExit, match=r"no sources\.tar"):
        build.member_of_ar(make_deb(b""), "sources.tar")


def test_wrong_words_stop_the_build() -> None:
    with pytest.raises(SystemExit, match=r"Austen words: sha256 is .* nothing was written"):
        build.make_files({"sense", "sensibility"}, {"md", "mp"})


def test_a_data_sheet_without_marks_is_refused() -> None:
    with pytest.raises(SystemExit, match="marks around the counts"):
        build.with_counts("# no marks", [], [])


def test_files_are_written_whole_or_not_at_all(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "words.txt"
    build.write_whole(path, "old\n")

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(build.os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        build.write_whole(path, "new\n")
    assert path.read_bytes() == b"old\n"
    assert list(tmp_path.iterdir()) == [path]
