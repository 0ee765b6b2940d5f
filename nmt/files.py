"""Files on disk: each is whole or not there at all, whatever happens while it is written."""

import errno
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that nobody ever sees a part of it: to a temporary name beside it, then
    renamed.

    Raises:
        OSError: naming the file, if the disk is full or the folder can't be written; what stood
            there before is untouched.
    """
    write_together({path: content})


def write_together(contents: Mapping[Path, bytes]) -> None:
    """Write several files that belong together: all of them reach the disk before the first takes
    its name.

    Raises:
        OSError: as `write_whole`; then none of them is written.
    """
    ready: dict[Path, str] = {}
    try:
        for path, content in contents.items():
            try:
                ready[path] = _beside(path, content)
            except OSError as error:
                raise type(error)(error.errno, error.strerror, str(path)) from None
        for path, temporary in list(ready.items()):
            os.replace(temporary, path)
            del ready[path]
    finally:
        for temporary in ready.values():
            Path(temporary).unlink(missing_ok=True)


def _beside(path: Path, content: bytes) -> str:
    """A finished file in the same folder under another name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return temporary


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Write plain data as JSON, whole or not at all."""
    write_whole(path, as_json(data))


def as_json(data: Mapping[str, Any]) -> bytes:
    """Plain data as readable JSON."""
    return (json.dumps(data, indent=1, ensure_ascii=False) + "\n").encode()
