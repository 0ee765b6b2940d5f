"""Each notebook in JupyterLab in a real browser, as a reader has it: opened, run, operated by
keyboard, in both themes, saved and reopened.

Every notebook is opened once and reopened once, and everything is looked at on the way; a failure
lists all that is wrong. Only cells that a widget or an attention view needs are run. nbval runs
all of them, and compares; here the stored outputs of the others are looked at.
"""

import checks
import pytest
from keyboard import Operated, misspell
from lab import NAMES
from needed import needed
from reader import open_notebook, run_some, save_and_reopen, set_theme, theme

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("name", NAMES)
def test_works_as_a_reader_has_it(name, lab, context):
    page, seen = open_notebook(context, lab, name)
    stored = checks.expected(page)
    complaints = said("as it was cloned", checks.stills_shown(page, stored.frames))
    run_some(page, needed(name))
    found = checks.expected(page)
    if found.explorers != stored.explorers or not found.explorers:
        complaints.append(f"{found.explorers} explorers were run; {stored.explorers} are stored")
    complaints += said("after running", checks.after_running(page, seen))

    first, second = ("light", "dark") if theme(page) == "light" else ("dark", "light")
    complaints += said("with readings", checks.readable(page, first))
    for number in range(page.locator(checks.OPERATED).count()):
        complaints += said("by keyboard", Operated(page, number).operate())
    words = misspell(page, "")
    complaints += said("with messages", checks.readable(page, first))
    set_theme(page, second)
    complaints += said("with messages", checks.readable(page, second))
    misspell(page, words)
    complaints += said("with readings", checks.readable(page, second))
    complaints += said("in the end", checks.quiet(page, seen))

    save_and_reopen(page)  # saved here, so trusted here
    complaints += said("reopened", checks.frames_drawn(page, found.frames))
    complaints += said("reopened", checks.pictures_shown(page, found.pictures))
    complaints += said("reopened", checks.quiet(page, seen, reopened=True))
    assert not complaints, f"{name}:\n" + "\n".join(dict.fromkeys(complaints))


def said(when: str, complaints: list[str]) -> list[str]:
    return [f"{when}: {complaint}" for complaint in complaints]
