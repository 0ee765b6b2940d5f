"""`nmt.files`: a file is whole or not there."""

import os

import pytest

from nmt.files import write_json, write_whole


def test_json_can_be_read_by_people(tmp_path):
    write_json(tmp_path / "folder" / "data.json", {"word": "café", "losses": [1, 2]})
    content = (tmp_path / "folder" / "data.json").read_text(encoding="utf-8")
    assert content == '{\n "word": "café",\n "losses": [\n  1,\n  2\n ]\n}\n'


def test_a_failed_write_leaves_the_old_file_and_no_trace(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_whole(path, b"old")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["file"]
