"""What can be wrong with a notebook on its page; each check returns its complaints, so that one
look at a page tells them all.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from playwright.sync_api import ElementHandle, Frame, Locator, Page, TimeoutError
from reader import Seen, outputs, trouble

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
OUTPUT = ".jp-OutputArea-output"
EXPLORER = f"{OUTPUT} .nmt-explorer"
OPERATED = f"{OUTPUT} .nmt-operated"  # explorers, and the guesses and solutions of exercises
STILL = "A still picture: run this cell, or trust the notebook"
NO_MODEL = "widget model not found"  # what JupyterLab says of a saved widget whose kernel has ended
NO_WORDS = ("", "Image")  # the second is what JupyterLab gives an image that has no alt text
LEAST_CONTRAST = 4.5  # WCAG 2.2, 1.4.3
PATIENCE = 60.0  # seconds to wait for what should be on the page, once the kernel is done
# Labels, readings, messages, captions, tables.
WORDS = f".nmt-operated, {OUTPUT}.jp-RenderedHTMLCommon"

# What is wrong with a page of the static site.
BROKEN = r"""() => {
    const complaints = [];
    const visible = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (visible.nextNode()) {
        const node = visible.currentNode;
        const other = '.katex, pre, code, script, style, iframe, .highlight';
        if (node.parentElement.closest(other)) continue;
        if (/\$|\\[a-zA-Z]{2,}/.test(node.data))
            complaints.push('raw formula: ' + node.data.trim().slice(0, 60));
    }
    for (const place of document.querySelectorAll('.math'))
        if (place.querySelectorAll('.katex').length !== 1 || place.querySelector('.katex-error')
            || place.offsetWidth === 0 && !place.closest('details'))
            complaints.push('not typeset: ' + place.textContent.slice(0, 60));
    for (const image of document.images)
        if (!image.complete || !image.naturalWidth || !image.alt.trim())
            complaints.push('picture: ' + image.src.slice(-60));
    if (document.documentElement.lang !== 'en' || !document.title.trim())
        complaints.push('no title or language');
    if (document.querySelectorAll('h1').length !== 1) complaints.push('not one main heading');
    return complaints }"""


@dataclass(frozen=True)
class Expected:
    """What the outputs of a notebook hold."""

    explorers: int  # by their text
    widgets: int  # views, explorers among them
    frames: int  # attention views shown by a cell
    pictures: int  # images in HTML outputs, frames' still pictures not counted


def expected(page: Page) -> Expected:
    """Counted in the notebook's document, not on its page."""
    data = [output.get("data", {}) for output in outputs(page)]
    texts = ["".join(kinds.get("text/plain", "")) for kinds in data]
    htmls = ["".join(kinds.get("text/html", "")) for kinds in data]
    frames = sum(html.count("<iframe") for html in htmls)
    return Expected(
        explorers=sum(text.startswith("Explorer (") for text in texts),
        widgets=sum(WIDGET_VIEW in kinds for kinds in data),
        frames=frames,
        pictures=sum(html.count("<img") for html in htmls) - frames,
    )


def after_running(page: Page, seen: Seen) -> list[str]:
    """Everything that "Run all" should leave on the page is there, and nothing else happened."""
    found = expected(page)
    errors = [
        f"cell {o['cell']} raised {o['ename']}: {o['evalue']}"
        for o in outputs(page)
        if o["output_type"] == "error"
    ]
    return [
        *errors,
        *explorers_drawn(page, found),
        *frames_drawn(page, found.frames),
        *pictures_shown(page, found.pictures),
        *formulas_typeset(page),
        *quiet(page, seen),
    ]


def quiet(page: Page, seen: Seen, *, reopened: bool = False) -> list[str]:
    """No other machine was asked, nothing stands on the console, and no callback raised."""
    # Saved widgets are gone with their kernel, and JupyterLab says so.
    lost = expected(page).widgets if reopened else 0
    console = dict.fromkeys(line for line in seen.console if not (lost and NO_MODEL in line))
    return [
        *(f"asked another machine for {url}" for url in dict.fromkeys(seen.blocked)),
        *(f"error on the console: {line}" for line in console),
        *(f"the kernel reported, outside of any cell: {line}" for line in trouble(page)),
    ]


def explorers_drawn(page: Page, found: Expected) -> list[str]:
    """Each explorer and each other widget stands on the page, with a drawing and with names for its
    controls.
    """
    complaints = []
    explorers = page.locator(EXPLORER)
    if found.explorers and not _wait_for_count(explorers, found.explorers):
        complaints.append(f"{explorers.count()} of {found.explorers} explorers are on the page")
    if broken := page.get_by_text("Error displaying widget").count():
        complaints.append(f"{broken} widgets could not be displayed")
    widgets = page.locator(f"{OUTPUT}:has(> .jupyter-widgets), {OUTPUT}.jupyter-widgets")
    if not _wait_for_count(widgets, found.widgets, at_least=True):
        complaints.append(f"{widgets.count()} of {found.widgets} widgets are on the page")
    for number, explorer in enumerate(explorers.all()):
        if not explorer.locator("figure img, figure iframe, figure svg").count():
            words = " ".join(explorer.inner_text().split())[-200:]
            complaints.append(f"explorer {number} draws nothing; it says: {words}")
    for number, box in enumerate(page.locator(OPERATED).element_handles()):
        names = [control.evaluate("e => probe.name(e)") for control in controls(box)]
        if not names or not all(names):
            complaints.append(f"a control of widget {number} has no name: {names}")
    return complaints


def controls(explorer: ElementHandle) -> list[ElementHandle]:
    """What can be operated in an explorer."""
    return explorer.query_selector_all(
        ":is(input, select, textarea, button, [role=slider], [tabindex='0']):visible"
    )


def pictures_shown(page: Page, least: int) -> list[str]:
    """All images, of outputs and of prose, are loaded, have a size, and have words; there are at
    least as many as outputs hold. What is folded is unfolded first, as a reader does.
    """
    images = page.locator(".jp-Notebook img")
    _wait_for_count(images, least, at_least=True)
    page.locator(".jp-Notebook details").evaluate_all("all => all.forEach(e => { e.open = true })")
    loaded = "[...document.querySelectorAll('.jp-Notebook img')].every(e => e.naturalWidth)"
    _wait(page, f"() => {loaded}")
    facts = images.evaluate_all(
        "all => all.map(e => [e.naturalWidth, e.alt.trim(), e.src.slice(0, 80),"
        " e.getBoundingClientRect().width])"
    )
    complaints = []
    if len(facts) < least:
        complaints.append(f"{len(facts)} pictures are on the page; the outputs hold {least}")
    for natural, alt, source, shown in facts:
        wrong = {
            "is broken": not natural,
            "is not visible": natural and not shown,
            "has no alt text": alt in NO_WORDS,
        }
        complaints += [f"a picture {what}: {source}" for what, so in wrong.items() if so]
    return complaints


def frames_drawn(page: Page, count: int, where: str = OUTPUT) -> list[str]:
    """Each attention view is a frame in which lines are drawn, and that fits its height."""
    frames = page.locator(f"{where} iframe")
    if not _wait_for_count(frames, count, at_least=True):
        return [f"{frames.count()} of {count} attention views are frames on the page"]
    complaints = []
    for number, frame in enumerate(frames.all()):
        frame.scroll_into_view_if_needed()
        handle = frame.element_handle()
        inside = handle.content_frame() if handle else None
        if inside is None or not _wait(inside, "() => document.querySelector('svg line')"):
            complaints.append(f"attention view {number} draws nothing")
            continue
        if not _wait(inside, "() => document.documentElement.scrollHeight <= innerHeight"):
            complaints.append(f"attention view {number} does not fit its frame")
    return complaints


def stills_shown(page: Page, count: int) -> list[str]:
    """In a notebook that is not trusted each attention view is its still picture with one line, and
    no frame.
    """
    complaints, stills = [], page.get_by_text(STILL)
    if not _wait_for_count(stills, count):
        complaints.append(f"{stills.count()} still pictures stand for {count} attention views")
    if live := page.locator(f"{OUTPUT} iframe[srcdoc]").count():
        complaints.append(f"{live} frames are live in a notebook that nobody trusts")
    return complaints + pictures_shown(page, expected(page).pictures + count)


def formulas_typeset(page: Page) -> list[str]:
    """MathJax has set every formula, and none shows an error."""
    prose = ".jp-MarkdownOutput"
    _wait(page, f"() => probe.raw('{prose}').length === 0")
    raw = page.evaluate("selector => probe.raw(selector)", prose)
    wrong = page.locator("mjx-merror, [data-mjx-error]").evaluate_all(
        "all => all.map(e => (e.dataset.mjxError ?? e.title) || e.textContent)"
    )
    return [f"a formula is not set: {text}" for text in raw] + [
        f"a formula is wrong: {text}" for text in wrong
    ]


def readable(page: Page, theme: str) -> list[str]:
    """Explorers, captions, tables and attention views: each text stands out against what is behind
    it.
    """
    found = weak_texts(page, WORDS)
    for frame in page.frames[1:]:
        found += weak_texts(frame, least=0)
    return [f"hard to read in the {theme} theme: {text}" for text in found]


def weak_texts(page: Page | Frame, where: str = "body", least: int = 1) -> list[str]:
    """Texts whose contrast with what is behind them is too low; there are at least `least`."""
    look = "([where, least]) => probe.contrast(where, least)"
    found = page.evaluate(look, [where, LEAST_CONTRAST])
    return list(found["weak"]) if found["count"] >= least else ["no text at all"]


def _wait(page: Page | Frame, condition: str) -> bool:
    """Whether the condition came true."""
    try:
        page.wait_for_function(condition, timeout=PATIENCE * 1000, polling=100)
    except TimeoutError:
        return False
    return True


def _wait_for_count(found: Locator, count: int, *, at_least: bool = False) -> bool:
    if count:
        with suppress(TimeoutError):
            found.nth(count - 1).wait_for(state="attached", timeout=PATIENCE * 1000)
    return found.count() >= count if at_least else found.count() == count
