"""Each notebook in JupyterLab in a real browser: it runs to its end, shows what it should, and asks no other machine for anything."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import ROOT, Server, browser, copy_course, jupyterlab, open_notebook, outputs, run_all
from playwright.sync_api import BrowserContext, Page

NAMES = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, BrowserContext]]:
    folder: Path = tmp_path_factory.mktemp("lab") / "course"
    folder.mkdir()
    copy_course(folder, NAMES)
    with jupyterlab(folder) as server, browser() as context:
        yield server, context


def accessible_names(page: Page) -> list[str]:
    """What a screen reader would call each control of the notebook's explorers."""
    return page.locator(".jp-OutputArea-output .widget-hbox :is(input, select, textarea, button)").evaluate_all(
        "all => all.map(e => e.ariaLabel || [...(e.labels ?? [])].map(label => label.innerText).join(' ') || e.innerText || e.title)"
    )


@pytest.mark.parametrize("name", NAMES)
def test_runs_to_its_end_and_shows_everything(name, lab):
    server, context = lab
    page, seen = open_notebook(context, server, name)
    run_all(page)
    found = outputs(page)
    errors = [f"cell {o['cell']}: {o['ename']}: {o['evalue']}" for o in found if o["output_type"] == "error"]
    assert not errors
    assert not seen.blocked, "it asked another machine"
    assert not seen.console

    pictures = page.locator(".jp-OutputArea-output img")
    assert pictures.count() > 0
    assert pictures.evaluate_all("all => all.every(i => i.complete && i.naturalWidth > 0 && i.alt.trim())"), (
        "a picture is broken or wordless"
    )

    explorers = sum("".join(o.get("data", {}).get("text/plain", "")).startswith("Explorer (") for o in found)
    assert explorers > 0 and page.locator(".jp-OutputArea-output .widget-vbox [role=status]").count() == explorers
    assert page.get_by_text("Error displaying widget").count() == 0
    names = accessible_names(page)
    assert len(names) >= explorers and all(name.strip() for name in names), f"a control has no name: {names}"
    page.close()


def test_requests_to_other_machines_are_blocked_and_noted(lab):
    """The guard itself: without it the tests above could not fail."""
    server, context = lab
    page, seen = open_notebook(context, server, NAMES[0])
    failed = page.evaluate("() => fetch('http://example.invalid/picture.png').then(() => false, () => true)")
    assert failed and seen.blocked == ["http://example.invalid/picture.png"]
    page.close()
