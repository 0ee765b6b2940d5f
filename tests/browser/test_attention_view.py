"""The attention views in a real browser: on a page, and in JupyterLab at the first "Run all", dark,
reopened, and not trusted.
"""

import json
from collections.abc import Iterator
from dataclasses import replace

import nbformat
import pytest
import torch
from checks import frames_drawn, quiet, stills_shown
from playwright.sync_api import BrowserContext, FrameLocator, Locator, Page, Route
from reader import Seen, leave, open_notebook, outputs, run_all, save_and_reopen, set_theme

from course.plots.bertviz_view import AttentionView, beside, head_view, model_view
from nmt.mamba import Mamba, MambaConfig
from nmt.trace import trace
from nmt.transformer import Transformer, TransformerConfig

pytestmark = pytest.mark.browser
WORD = "street"  # six letters, then <EOS>; eetstray has eight, after <SOS>
NOTEBOOK = """
import torch
from course.plots.bertviz_view import head_view, model_view
from nmt.trace import trace
from nmt.transformer import Transformer, TransformerConfig
torch.manual_seed(0)
street = trace(Transformer(TransformerConfig(hidden_size=16, num_heads=2)), "street", truth=True)
head_view(street)
---
model_view(street)
---
head_view(street, "cross", layers=[1])
"""


@pytest.fixture(scope="module")
def views() -> list[AttentionView]:
    torch.manual_seed(0)
    street = trace(Transformer(TransformerConfig(hidden_size=16, num_heads=2)), WORD, truth=True)
    hidden = trace(Mamba(MambaConfig(hidden_size=8, state_size=4)), WORD, truth=True)
    return [head_view(street), model_view(street), model_view(hidden, groups=3)]


@pytest.fixture
def shown(context: BrowserContext, views: list[AttentionView]) -> Iterator[tuple[Page, Seen]]:
    """All views on one dark page that is cut off from everything."""
    page, seen = context.new_page(), Seen()

    def refuse(route: Route) -> None:
        seen.blocked.append(route.request.url)
        route.abort()

    page.route("**/*", refuse)
    page.on("console", lambda message: seen.console.append(message.text))
    page.on("pageerror", lambda error: seen.console.append(str(error)))
    page.set_content(
        "<!doctype html><body style='background:#111'>" + "".join(view.to_html() for view in views)
    )
    yield page, seen
    page.close()


def frame(page: Page, number: int) -> FrameLocator:
    return page.frame_locator("iframe").nth(number)


def wait_for_lines(view: FrameLocator, count: int) -> Locator:
    """The lines of the drawing, once they are all there."""
    lines = view.locator("svg line")
    lines.nth(count - 1).wait_for(state="attached")
    assert lines.count() == count
    return lines


def assert_fits(view: FrameLocator, free: int = 60) -> None:
    """On white, nothing to scroll, and at most `free` pixels left below: two letters, where another
    kind has two more.
    """
    body = view.locator("body")
    height, inner = body.evaluate("() => [document.documentElement.scrollHeight, innerHeight]")
    bottom = view.locator("body > p").evaluate("line => line.getBoundingClientRect().bottom")
    assert height <= inner and 0 <= inner - bottom <= free
    assert body.evaluate("body => getComputedStyle(body).backgroundColor") == "rgb(255, 255, 255)"


def test_every_view_on_a_page_is_drawn_and_asks_for_nothing(shown: tuple[Page, Seen]) -> None:
    page, seen = shown
    wait_for_lines(frame(page, 0), 2 * 7 * 7)  # encoder, one layer: heads × letters × letters
    wait_for_lines(frame(page, 1), 2 * 2 * 7 * 7)  # all layers
    wait_for_lines(frame(page, 2), 2 * 3 * 7 * 7)  # three groups of channels
    for number in range(3):
        assert frame(page, number).locator("svg").count() == 1
        assert_fits(frame(page, number))
    assert not seen.blocked and not seen.console
    assert page.evaluate("() => performance.getEntriesByType('resource').length") == 0


def test_the_guard_sees_what_a_page_asks_for(shown: tuple[Page, Seen]) -> None:
    """Without it the test above could not fail."""
    page, seen = shown
    page.evaluate("() => fetch('http://example.invalid/d3.js').catch(() => null)")
    assert seen.blocked == ["http://example.invalid/d3.js"] and seen.console


def test_head_view_answers_to_menu_and_mouse(shown: tuple[Page, Seen]) -> None:
    page, seen = shown
    view = frame(page, 0)
    before = wait_for_lines(view, 98).first.get_attribute("stroke-opacity")
    view.get_by_label("Layer").focus()
    page.keyboard.press("ArrowDown")
    page.wait_for_timeout(500)
    assert view.locator("svg line").first.get_attribute("stroke-opacity") != before
    view.get_by_label("Attention").select_option(label="Cross")
    wait_for_lines(view, 2 * 9 * 7)
    assert view.locator("#left text").first.text_content() == "<SOS> → e"
    assert_fits(view, 10)
    view.locator("#left text").first.hover()
    assert view.locator("#attention").get_attribute("visibility") == "hidden"
    assert view.locator("line[visibility='visible']").count() == 2 * 7
    head = view.locator("svg > g").last
    assert head.locator("text").all_text_contents() == ["0", "1"]
    head.locator("rect").nth(1).click()
    assert set(
        view.locator("[head-index='1'] line").evaluate_all(
            "all => all.map(e => e.getAttribute('stroke-opacity'))"
        )
    ) == {"0"}
    assert not seen.console


def test_model_view_enlarges_what_is_clicked(shown: tuple[Page, Seen]) -> None:
    page, seen = shown
    view = frame(page, 1)
    wait_for_lines(view, 196)
    view.locator("svg > g > rect:last-child").nth(3).click()
    assert "Layer 1, head 1" in view.locator("svg .detail").all_text_contents()
    view.get_by_label("Attention").select_option(label="Decoder")
    wait_for_lines(view, 2 * 2 * 9 * 9)
    assert_fits(view, 10)
    assert not seen.console


def focused(page: Page, number: int) -> list[str | None]:
    """Role, name and whether it is pressed, of what has the focus inside a view."""
    frame = page.frames[1 + number]
    names = ("role", "aria-label", "aria-pressed")
    read = "names => names.map(name => document.activeElement.getAttribute(name))"
    return list(frame.evaluate(read, names))


def test_heads_and_letters_are_reached_and_operated_by_keyboard(shown: tuple[Page, Seen]) -> None:
    page, seen = shown
    view = frame(page, 0)
    wait_for_lines(view, 98)
    view.get_by_label("Attention").focus()
    tabs = []
    for _ in range(4):
        page.keyboard.press("Tab")
        tabs.append(focused(page, 0))
    assert [role for role, *_ in tabs] == ["option", "option", "button", "button"]
    assert tabs[2:] == [["button", "head 0", "true"], ["button", "head 1", "true"]]
    lines = view.locator("[head-index='1'] line")
    strength = "all => Math.max(...all.map(e => +e.getAttribute('stroke-opacity')))"
    for key, on in (("Space", "false"), ("Enter", "true"), ("Shift+Enter", "true")):
        page.keyboard.press(key)
        assert focused(page, 0)[2] == on
        assert (lines.evaluate_all(strength) > 0) == (on == "true")
    assert view.locator("[role=button]").first.get_attribute("aria-pressed") == "false"
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("ArrowDown")
    _, name, _ = focused(page, 0)
    assert name and name.startswith("t looks at ") and "%" in name
    numbers = view.locator(".numbers text").all_text_contents()
    weights = view.locator("[head-index='1'] [left-token-index='1'] line").count()
    assert weights == 7 and abs(sum(int(one.rstrip("%")) for one in numbers) - 100) <= 4
    largest = [one.rstrip(",") for one in name.split() if "%" in one]
    assert len(largest) == 3 and set(largest) <= set(numbers)
    page.keyboard.press("ArrowUp")
    assert str(focused(page, 0)[1]).startswith("s looks at ")
    assert not seen.console


def test_drawings_are_enlarged_and_doubled_clicks_select_nothing(shown: tuple[Page, Seen]) -> None:
    page, seen = shown
    wait_for_lines(frame(page, 1), 196)
    drawing = frame(page, 1).locator(".drawing").nth(3)
    drawing.focus()
    assert focused(page, 1) == ["button", "layer 1, head 1", "false"]
    page.keyboard.press("Enter")
    assert focused(page, 1)[2] == "true" and frame(page, 1).locator("svg .detail").count()
    page.keyboard.press("Space")
    assert focused(page, 1)[2] == "false" and not frame(page, 1).locator("svg .detail").count()
    wait_for_lines(frame(page, 0), 98)
    frame(page, 0).locator("[role=button]").first.dblclick()
    assert page.frames[1].evaluate("() => getSelection().toString()") == ""
    assert not seen.console


def drawn(page: Page) -> list[int]:
    """Lines in each frame of the notebook, once all are drawn."""
    wanted = [98, 196, 2 * 9 * 7]
    for number, count in enumerate(wanted):
        view = frame(page, number)
        view.locator("body").scroll_into_view_if_needed()
        wait_for_lines(view, count)
        assert_fits(view)
    return wanted


def test_the_first_run_all_in_jupyterlab_draws_every_view_and_so_does_a_saved_notebook(
    lab, context, write_notebook
):
    path = write_notebook("views", NOTEBOOK)
    page, seen = open_notebook(context, lab, "views")
    run_all(page)
    assert not [o for o in outputs(page) if o["output_type"] == "error"]
    assert page.locator("iframe[sandbox]").count() == 3
    drawn(page)
    set_theme(page, "dark")
    drawn(page)
    assert not quiet(page, seen)
    save_and_reopen(page)  # saved here, so trusted here
    drawn(page)
    assert not quiet(page, seen) and not frames_drawn(page, 3)
    leave(page, lab)

    stored = json.loads(path.read_text(encoding="utf-8"))
    # No longer what was signed.
    stored["cells"].append(nbformat.v4.new_markdown_cell("From somebody else."))
    path.with_name("foreign.ipynb").write_text(json.dumps(stored), encoding="utf-8")
    page, seen = open_notebook(context, lab, "foreign", kernel=False)
    pictures = page.locator(".jp-OutputArea-output img")
    pictures.nth(2).wait_for(state="attached")
    assert not stills_shown(page, 3)
    assert (
        pictures.evaluate_all(
            "all => all.map(i => i.naturalWidth > 300 && i.alt.includes('head 1'))"
        )
        == [True] * 3
    )
    assert not seen.blocked
    leave(page, lab)


def test_views_are_dark_in_the_dark_theme_and_light_again(shown: tuple[Page, Seen]) -> None:
    page, seen = shown
    look = """() => [getComputedStyle(document.body).backgroundColor,
        ...['svg text', 'svg .number'].flatMap(which => [...document.querySelectorAll(which)]
            .slice(0, 1).map(text => getComputedStyle(text).fill))]"""
    page.emulate_media(color_scheme="null")  # which overrides what a frame asks its page for
    black, white, grey = "rgb(0, 0, 0)", "rgb(255, 255, 255)", "rgb(204, 204, 204)"
    wait_for_lines(frame(page, 0), 98)
    wait_for_lines(frame(page, 1), 196)
    for theme, expected in (
        ("false", [[black, grey, black], [black, grey]]),
        ("true", [[white, black, black], [white, black]]),
    ):
        page.evaluate("theme => { document.body.dataset.jpThemeLight = theme }", theme)
        page.wait_for_timeout(500)
        found = [frame(page, number).locator("body").evaluate(look) for number in (0, 1)]
        assert found == expected, theme
    assert not seen.console


def test_drawings_side_by_side_begin_at_one_height(
    context: BrowserContext, views: list[AttentionView]
) -> None:
    page = context.new_page()
    short = replace(views[0], title="Short")
    page.set_content(f"<div style='width:1000px'>{beside(short, views[0])._repr_html_()}</div>")
    titles, frames = (page.locator(which).evaluate_all(
        "all => all.map(e => e.getBoundingClientRect()).map(box => [box.left, box.top])"
    ) for which in ("b", "iframe"))  # fmt: skip
    page.close()
    assert titles[0][1] == titles[1][1] and frames[0][1] == frames[1][1]
    assert frames[0][0] + 400 < frames[1][0], "side by side"
