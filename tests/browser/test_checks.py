"""The checks themselves: a notebook that is broken in many ways, each of which must be seen; else
the other tests could not fail.
"""

import checks
import pytest
from keyboard import Operated
from reader import open_notebook, run_all, set_theme, settle

pytestmark = pytest.mark.browser

BROKEN = r"""
%% A formula without its end: $\frac{1$, and a picture of another machine:
![somewhere](http://example.invalid/prose.png)
---
%% A wrong formula: $a \right)$
---
from IPython.display import HTML, display
from ipywidgets import BoundedIntText, Checkbox, Dropdown, IntSlider, Text
from course.widgets.common import explorer
dot = ('<img alt="a dot" width="20" height="20" src="data:image/gif;base64,'
       'R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7">')
---
def draw(word, dead, number, kind):
    if number > 3:
        raise KeyError(number)
    return f'<figure>{dot}</figure><p>{word[:9]} {number} {kind}</p>'
explorer({"word": Text("and", description="Word"), "dead": Checkbox(description="Dead"),
          "number": BoundedIntText(3, max=9, description="Number"),
          "kind": Dropdown(options=["a", "b"], description="Kind")}, draw)
---
angry = BoundedIntText(0, description="Angry")
angry.observe(lambda change: 1 / 0, names="value")
explorer({"angry": angry, "slider": IntSlider(description="Slider")},
         lambda angry, slider: f"{angry} {slider} and no picture")
---
HTML('<div><iframe sandbox="allow-scripts" '
     'srcdoc="<svg></svg><script>requirejs([])</script>"></iframe></div>')
---
HTML('<img src="http://example.invalid/output.png">'
     '<p style="color:#ddd">too light</p><p style="color:#333">too dark</p>')
---
raise RuntimeError("in a cell")
---
explorer({"word": Text("never run", description="Word")}, draw)
"""


def assert_said(complaints: list[str], *wanted: str) -> None:
    unsaid = [words for words in wanted if words not in "\n".join(complaints)]
    assert not unsaid, f"nobody said {unsaid}; said was:\n" + "\n".join(complaints)


def test_everything_that_is_broken_is_seen(lab, context, write_notebook, monkeypatch):
    monkeypatch.setattr(checks, "PATIENCE", 1)  # second: what will come is waited for below
    write_notebook("broken", BROKEN)
    page, seen = open_notebook(context, lab, "broken")
    set_theme(page, "light")
    run_all(page)
    page.locator("mjx-merror, [data-mjx-error]").first.wait_for(state="attached")
    assert_said(
        checks.after_running(page, seen),
        "cell 7 raised RuntimeError: in a cell",
        "explorer 1 draws nothing; it says: Angry Slider 0 0 0 and no picture",
        "a control of widget 1 has no name: ['Angry', '']",
        "attention view 0 draws nothing",
        "a picture is broken: http://example.invalid/prose.png",
        "a picture is broken: http://example.invalid/output.png",
        "a picture has no alt text: http://example.invalid/output.png",
        "a formula is not set: $",
        "a formula is wrong: ",
        "asked another machine for http://example.invalid/prose.png",
        "asked another machine for http://example.invalid/output.png",
        "error on the console: requirejs is not defined",
    )
    assert_said(checks.readable(page, "light"), '"too light"')
    assert_said(
        Operated(page, 0).operate(),
        "widget 0: changing 'Dead' changes nothing",
        "it says 'KeyError: ",
        "an empty word in 'Word' gets no message",
        "200 letters in 'Word' gets no message",
    )
    assert not checks.trouble(page)
    Operated(page, 1).operate()
    assert_said(
        checks.quiet(page, seen),
        "the kernel reported, outside of any cell: ZeroDivisionError: division by zero",
    )

    set_theme(page, "dark")
    assert_said(checks.readable(page, "dark"), '"too dark"')
    stripped = page.locator(checks.EXPLORER).first
    stripped.evaluate("e => e.remove()")
    found = checks.expected(page)
    assert found.explorers == found.widgets == 2
    assert_said(
        checks.explorers_drawn(page, found),
        "1 of 2 explorers are on the page",
        "1 of 2 widgets are on the page",
    )


PLAIN = """
from ipywidgets import HTML, Dropdown, VBox
box = VBox([Dropdown(options=["a", "b"], description="Plain"), HTML()])
box.add_class("nmt-operated")
box
"""


def test_a_dropdown_whose_keys_jupyterlab_takes_is_seen(lab, context, write_notebook):
    """What the explorers' own script is for."""
    write_notebook("keys", PLAIN)
    page, _ = open_notebook(context, lab, "keys")
    run_all(page)
    settle(page)
    explorer = Operated(page, 0)
    explorer.keeps(*explorer.box.query_selector_all("select"))
    assert_said(explorer.complaints, "JupyterLab takes keys that are pressed on 'Plain'")
