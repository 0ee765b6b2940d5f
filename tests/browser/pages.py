"""As much of Playwright's `Page` and `Locator` as the checks use, for a browser of `engines.py`:
what is checked is said once, and either of them looks.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

from engines import WAIT, Browser
from playwright.sync_api import TimeoutError

Steps = list[Any]  # to elements, from the document
KEYS = {  # https://www.w3.org/TR/webdriver2/#keyboard-actions
    name: chr(code)
    for name, code in {
        **{"Tab": 0xE004, "Enter": 0xE007, "Shift": 0xE008, "Control": 0xE009, "Alt": 0xE00A},
        **{"End": 0xE010, "Home": 0xE011, "ArrowLeft": 0xE012, "ArrowUp": 0xE013},
        **{"ArrowRight": 0xE014, "ArrowDown": 0xE015, "Delete": 0xE017},
        **{"ControlOrMeta": 0xE009, "Space": 0x20},
    }.items()
}
# `steps` lead from the document to elements; `code` gets them, and an argument or another element.
SCRIPT = """(async () => {
    const shown = e => e.checkVisibility({visibilityProperty: true}) && e.offsetWidth > 0
    const find = steps => steps.reduce((found, step) => {
        if (typeof step === "number") return found.slice(step).slice(0, 1)
        if (step.text) return [...document.querySelectorAll("body *")].filter(e =>
            [...e.childNodes].some(n => n.nodeType === 3 && n.data.includes(step.text)))
        const all = [...new Set(found.flatMap(e => [...e.querySelectorAll(step.css)]))]
        return step.visible ? all.filter(shown) : all
    }, [document])
    const other = %s
    return (%s)(find(%s), other ? find(other)[0] : %s)
})()"""


def script(code: str, steps: Steps, argument: Any = None) -> str:
    """What calls `code` with the elements at `steps` and an argument, which may be a `Locator`."""
    other = argument.steps if isinstance(argument, Locator) else None
    plain = None if isinstance(argument, Locator) else argument
    return SCRIPT % (json.dumps(other), code, json.dumps(steps), json.dumps(plain))


class Frame:
    """What JavaScript is asked of: a page, or a frame in it."""

    def __init__(self, browser: Browser, frame: str = "") -> None:
        self.browser, self.frame = browser, frame

    def ask(self, code: str, steps: Steps, argument: Any = None) -> Any:
        text = f"async (all, argument) => JSON.stringify(await ({code}) ?? null)"
        return json.loads(self.browser.run(script(text, steps, argument), self.frame))

    def evaluate(self, code: str, argument: Any = None) -> Any:
        return self.ask(f"({code})(argument)", [], argument)

    def wait_for_function(
        self, code: str, *, arg: Any = None, timeout: float = WAIT, polling: float = 100
    ) -> None:
        deadline = time.monotonic() + timeout / 1000
        while not self.evaluate(f"async argument => Boolean(await ({code})(argument))", arg):
            if time.monotonic() > deadline:
                raise TimeoutError(code)
            time.sleep(polling / 1000)


class Keyboard:
    """Keys go to what has the focus."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser

    def press(self, keys: str) -> None:
        """One key, after those that are held: "Alt+ArrowDown"."""
        held = [KEYS.get(key, key.lower() if "+" in keys else key) for key in keys.split("+")]
        down = [{"type": "keyDown", "value": key} for key in held]
        self.browser.act(down + [{"type": "keyUp", "value": key} for key in reversed(held)])

    def type(self, text: str) -> None:
        kinds = ("keyDown", "keyUp")
        self.browser.act([{"type": kind, "value": key} for key in text for kind in kinds])

    insert_text = type


class Page(Frame):
    """The first page of a browser."""

    def __init__(self, browser: Browser) -> None:
        super().__init__(browser)
        self.keyboard = Keyboard(browser)

    def goto(self, url: str) -> None:
        self.browser.go(url)

    def wait_for_timeout(self, milliseconds: float) -> None:
        time.sleep(milliseconds / 1000)

    def locator(self, selector: str) -> Locator:
        return Locator(self, []).locator(selector)

    def get_by_text(self, text: str) -> Locator:
        return Locator(self, [{"text": text}])


@dataclass(frozen=True)
class Locator:
    """Elements, found anew whenever they are asked."""

    page: Page
    steps: Steps

    def locator(self, selector: str) -> Locator:
        css = selector.removesuffix(":visible")
        return Locator(self.page, [*self.steps, {"css": css, "visible": css != selector}])

    def query_selector_all(self, selector: str) -> list[Locator]:
        return self.locator(selector).all()

    def nth(self, number: int) -> Locator:
        return Locator(self.page, [*self.steps, number])

    @property
    def first(self) -> Locator:
        return self.nth(0)

    def count(self) -> int:
        return int(self.page.ask("all.length", self.steps))

    def all(self) -> list[Locator]:
        return [self.nth(number) for number in range(self.count())]

    def evaluate(self, code: str, argument: Any = None) -> Any:
        return self.page.ask(f"({code})(all[0], argument)", self.steps, argument)

    def evaluate_all(self, code: str) -> Any:
        return self.page.ask(f"({code})(all)", self.steps)

    def inner_text(self) -> str:
        return str(self.evaluate("e => e.innerText"))

    def input_value(self) -> str:
        return str(self.evaluate("e => e.value"))

    def scroll_into_view_if_needed(self) -> None:
        self.evaluate("e => { e.scrollIntoView({block: 'nearest'}) }")

    def wait_for(self, *, timeout: float = WAIT, **_: str) -> None:
        """Until it is there."""
        deadline = time.monotonic() + timeout / 1000
        while not self.count():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.steps}")
            time.sleep(0.1)

    def element_handle(self) -> Locator:
        return self

    def element_handles(self) -> list[Locator]:
        return self.all()

    def content_frame(self) -> Frame:
        return Frame(self.page.browser, script("all => all[0]", self.steps))
