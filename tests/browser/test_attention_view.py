"""The attention views in a real browser, on a page: drawn, asking for nothing, answering to mouse
and keyboard, light and dark. In JupyterLab, test_notebooks.py sees them.
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from playwright.sync_api import BrowserContext, FrameLocator, Locator, Page, expect
from reader import watch

from course.plots.bertviz_view import AttentionView, beside, head_view, model_view
from nmt.mamba import Mamba, MambaConfig
from nmt.trace import trace
from nmt.transformer import Transformer, TransformerConfig

pytestmark = pytest.mark.browser
WORD = "street"  # six letters, then <EOS>; eetstray has eight, after <SOS>


@pytest.fixture(scope="module")
def views() -> list[AttentionView]:
    torch.manual_seed(0)
    street = trace(Transformer(TransformerConfig(hidden_size=16, num_heads=2)), WORD, truth=True)
    hidden = trace(Mamba(MambaConfig(hidden_size=8, state_size=4)), WORD, truth=True)
    return [head_view(street), model_view(street), model_view(hidden, groups=3)]


@pytest.fixture
def shown(context: BrowserContext, views: list[AttentionView]) -> Iterator[Page]:
    """All views on one dark page, which in the end has asked and said nothing."""
    page = context.new_page()
    seen = watch(page, kinds=("error", "warning"))
    drawings = "".join(view.to_html() for view in views)
    page.set_content(f"<!doctype html><body style='background:#111'>{drawings}")
    yield page
    assert not seen.blocked and not seen.console
    assert page.evaluate("() => performance.getEntriesByType('resource').length") == 0


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


def test_every_view_on_a_page_is_drawn_and_asks_for_nothing(shown: Page) -> None:
    wait_for_lines(frame(shown, 0), 2 * 7 * 7)  # encoder, one layer: heads × letters × letters
    wait_for_lines(frame(shown, 1), 2 * 2 * 7 * 7)  # all layers
    wait_for_lines(frame(shown, 2), 2 * 3 * 7 * 7)  # three groups of channels
    for number in range(3):
        assert frame(shown, number).locator("svg").count() == 1
        assert_fits(frame(shown, number))


def test_head_view_answers_to_menu_and_mouse(shown: Page) -> None:
    view = frame(shown, 0)
    first = wait_for_lines(view, 98).first
    before = first.get_attribute("stroke-opacity") or ""
    view.get_by_label("Layer").focus()
    shown.keyboard.press("ArrowDown")
    expect(first).not_to_have_attribute("stroke-opacity", before)
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
    strength = "all => all.map(e => e.getAttribute('stroke-opacity'))"
    assert set(view.locator("[head-index='1'] line").evaluate_all(strength)) == {"0"}


def test_model_view_enlarges_what_is_clicked(shown: Page) -> None:
    view = frame(shown, 1)
    wait_for_lines(view, 196)
    view.locator("svg > g > rect:last-child").nth(3).click()
    assert "Layer 1, head 1" in view.locator("svg .detail").all_text_contents()
    view.get_by_label("Attention").select_option(label="Decoder")
    wait_for_lines(view, 2 * 2 * 9 * 9)
    assert_fits(view, 10)


def focused(page: Page, number: int) -> list[str | None]:
    """Role, name and whether it is pressed, of what has the focus inside a view."""
    read = "names => names.map(name => document.activeElement.getAttribute(name))"
    return list(page.frames[1 + number].evaluate(read, ["role", "aria-label", "aria-pressed"]))


def test_heads_and_letters_are_reached_and_operated_by_keyboard(shown: Page) -> None:
    view = frame(shown, 0)
    wait_for_lines(view, 98)
    view.get_by_label("Attention").focus()
    tabs = []
    for _ in range(4):
        shown.keyboard.press("Tab")
        tabs.append(focused(shown, 0))
    assert [role for role, *_ in tabs] == ["option", "option", "button", "button"]
    assert tabs[2:] == [["button", "head 0", "true"], ["button", "head 1", "true"]]
    lines = view.locator("[head-index='1'] line")
    strength = "all => Math.max(...all.map(e => +e.getAttribute('stroke-opacity')))"
    for key, on in (("Space", "false"), ("Enter", "true"), ("Shift+Enter", "true")):
        shown.keyboard.press(key)
        assert focused(shown, 0)[2] == on
        assert (lines.evaluate_all(strength) > 0) == (on == "true")
    assert view.locator("[role=button]").first.get_attribute("aria-pressed") == "false"
    for _ in range(3):
        shown.keyboard.press("Shift+Tab")
    shown.keyboard.press("ArrowDown")
    _, name, _ = focused(shown, 0)
    assert name and name.startswith("t looks at ") and "%" in name
    numbers = view.locator(".numbers text").all_text_contents()
    weights = view.locator("[head-index='1'] [left-token-index='1'] line").count()
    assert weights == 7 and abs(sum(int(one.rstrip("%")) for one in numbers) - 100) <= 4
    largest = [one.rstrip(",") for one in name.split() if "%" in one]
    assert len(largest) == 3 and set(largest) <= set(numbers)
    shown.keyboard.press("ArrowUp")
    assert str(focused(shown, 0)[1]).startswith("s looks at ")


def test_drawings_are_enlarged_and_doubled_clicks_select_nothing(shown: Page) -> None:
    wait_for_lines(frame(shown, 1), 196)
    drawing = frame(shown, 1).locator(".drawing").nth(3)
    drawing.focus()
    assert focused(shown, 1) == ["button", "layer 1, head 1", "false"]
    shown.keyboard.press("Enter")
    assert focused(shown, 1)[2] == "true" and frame(shown, 1).locator("svg .detail").count()
    shown.keyboard.press("Space")
    assert focused(shown, 1)[2] == "false" and not frame(shown, 1).locator("svg .detail").count()
    wait_for_lines(frame(shown, 0), 98)
    frame(shown, 0).locator("[role=button]").first.dblclick()
    assert shown.frames[1].evaluate("() => getSelection().toString()") == ""


def test_views_are_dark_in_the_dark_theme_and_light_again(shown: Page) -> None:
    look = """() => [getComputedStyle(document.body).backgroundColor,
        ...['svg text', 'svg .number'].flatMap(which => [...document.querySelectorAll(which)]
            .slice(0, 1).map(text => getComputedStyle(text).fill))]"""
    shown.emulate_media(color_scheme="null")  # which overrides what a frame asks its page for
    black, white, grey = "rgb(0, 0, 0)", "rgb(255, 255, 255)", "rgb(204, 204, 204)"
    wait_for_lines(frame(shown, 0), 98)
    wait_for_lines(frame(shown, 1), 196)
    for theme, expected in (
        ("false", [[black, grey, black], [black, grey]]),
        ("true", [[white, black, black], [white, black]]),
    ):
        shown.evaluate("theme => { document.body.dataset.jpThemeLight = theme }", theme)
        for number, colours in enumerate(expected):
            same = f"colours => String(({look})()) === String(colours)"
            shown.frames[1 + number].wait_for_function(same, arg=colours, timeout=10_000)


def test_drawings_side_by_side_begin_at_one_height(
    context: BrowserContext, views: list[AttentionView]
) -> None:
    page = context.new_page()
    short = replace(views[0], title="Short")
    page.set_content(f"<div style='width:1000px'>{beside(short, views[0])._repr_html_()}</div>")
    corners = "all => all.map(e => e.getBoundingClientRect()).map(box => [box.left, box.top])"
    titles, frames = (page.locator(which).evaluate_all(corners) for which in ("b", "iframe"))
    assert titles[0][1] == titles[1][1] and frames[0][1] == frames[1][1]
    assert frames[0][0] + 400 < frames[1][0], "side by side"
