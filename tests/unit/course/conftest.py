"""What the tests of the classroom's commands share."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from course.__main__ import main


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Ask `python -m course` for what it must refuse: the one line that it says."""

    def ask(*arguments: object) -> str:
        try:
            status = main([str(each) for each in arguments])
        except SystemExit as stop:  # of argparse
            status = int(stop.code or 0)
        said = capsys.readouterr().err
        assert status == 2 and said.count("\n") == 1 and "Traceback" not in said, said
        return said

    return ask
