"""Operate a widget as somebody does who has no mouse: Tab to each control, change it, and see the
output change.

Everything goes through key presses; the page is only read. What cannot be done becomes a complaint.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

from checks import OPERATED, controls
from playwright.sync_api import ElementHandle, Page
from reader import FOREVER, settle

MOST_TABS = 80
PATIENCE = 4.0  # seconds with what a button started: the playground of notebook 03 trains a minute
# For what matters only with u after q, or in short or in long words.
WORDS = ("square", "is", "pleasure-grounds")
BAD_WORDS = {"an empty word": "", "an unknown letter": "caf\u00e9", "200 letters": "a" * 200}
TEXT = "input:is([type=text], :not([type]))"
# What is pressed on a control of each kind.
PRESSED = {"number": ("ArrowUp", "ArrowDown", "ArrowDown"), "range": ("ArrowRight", "ArrowLeft")}
PRESSED |= dict.fromkeys(("checkbox", "radio", "submit", "button"), ("Space", "Space"))


@dataclass
class Operated:
    """One explorer of a page, or one guess or solution of an exercise, and what could not be done
    with it.
    """

    page: Page
    number: int
    complaints: list[str] = field(default_factory=list)
    at_first: list[int] = field(default_factory=list)  # which option each dropdown had
    opens: ClassVar[tuple[str, ...]] = ("Alt+ArrowDown",)  # a dropdown's list
    closes: ClassVar[tuple[str, ...]] = ("Enter",)

    @cached_property
    def box(self) -> ElementHandle:
        """Its element, looked for once: a search through the whole page takes longer than a key."""
        return self.page.locator(OPERATED).nth(self.number).element_handle()

    def shown(self) -> str:
        """The HTML below the controls."""
        return self._all(".widget-html-content", "innerHTML")

    def message(self) -> str:
        """The message in the drawing's place, empty where there is none."""
        return self._all("[role=alert]", "innerText").strip()

    def _all(self, selector: str, what: str) -> str:
        code = "(e, [of, what]) => [...e.querySelectorAll(of)].map(e => e[what]).join('')"
        return str(self.box.evaluate(code, [selector, what]))

    def name(self, control: ElementHandle) -> str:
        return str(control.evaluate("e => probe.name(e)")) or "(no name)"

    def complain(self, what: str) -> None:
        self.complaints.append(f"widget {self.number}: {what}")

    def reach(self, control: ElementHandle) -> bool:
        """Press Tab until the control has the focus: onward within the explorer, else from its
        cell.
        """
        if self._tab_to(control, inside=True):
            return True
        self.box.evaluate("""e => { const notebook = jupyterapp.shell.currentWidget.content
                notebook.activeCellIndex = notebook.widgets.findIndex(cell => cell.node.contains(e))
                notebook.mode = 'command'
                notebook.activeCell.node.focus() }""")
        if self._tab_to(control, inside=False):
            return True
        self.complain(f"Tab does not reach {self.name(control)!r}")
        return False

    def _tab_to(self, control: ElementHandle, *, inside: bool) -> bool:
        where = (
            "(e, explorer) => e === document.activeElement ? 'there' :"
            " explorer.contains(document.activeElement) ? 'inside' : 'outside'"
        )
        for _ in range(MOST_TABS):
            place = control.evaluate(where, self.box)
            if place == "there":
                return True
            if inside and place == "outside":
                return False
            self.page.keyboard.press("Tab")
        return False

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def type(self, text: str) -> None:
        """Write over what is in the focused field, and leave it as Enter does."""
        self.press("ControlOrMeta+A", "Delete")
        self.page.keyboard.insert_text(text)
        self.press("Enter")
        settle(self.page)

    def choose(self, control: ElementHandle, index: int) -> bool:
        """One option of the focused dropdown."""
        self.press(*self.opens, "Home", *["ArrowDown"] * index, *self.closes)
        settle(self.page)
        if control.evaluate("e => e.selectedIndex") == index:
            return True
        self.complain(f"the keyboard does not choose option {index} of {self.name(control)!r}")
        return False

    def changes(self, control: ElementHandle) -> Iterator[str]:
        """Do one change after another to the focused control, and say each time what was done; the
        output may change or not.
        """
        kind, index, count = control.evaluate(
            "e => [e.type, e.selectedIndex ?? 0, e.options?.length ?? 0]"
        )
        if kind == "select-one":
            for other in [*range(index + 1, count), *range(index)]:
                if not self.choose(control, other):
                    return
                yield f"option {other}"
        elif kind == "text":
            self.press("End")
            self.page.keyboard.type("s")
            settle(self.page)
            yield "one more letter"
            self.type("brown")
            yield "brown"
        elif kind in PRESSED:
            for key in PRESSED[kind]:
                self.press(key)
                settle(self.page, PATIENCE if key == "Space" else FOREVER)
                yield key
            for edge in control.evaluate("e => [e.min, e.max]") if kind == "number" else ():
                if edge:
                    self.type(edge)
                    yield edge
        else:
            self.complain(f"no test knows how to operate {self.name(control)!r}, a {kind!r}")

    def keeps(self, control: ElementHandle) -> None:
        """Letters and arrows pressed on a dropdown are its own: JupyterLab would copy, paste and
        move cells.
        """
        count = "() => jupyterapp.shell.currentWidget.content.widgets.length"
        if not self.reach(control):
            return
        before = self.page.evaluate(count)
        self.press("c", "v", "ArrowDown", "ArrowUp")
        settle(self.page)
        stays = control.evaluate("e => e === document.activeElement")
        if self.page.evaluate(count) != before or not stays:
            self.complain(f"JupyterLab takes keys that are pressed on {self.name(control)!r}")

    def answers(self, control: ElementHandle) -> bool:
        """Whether some change of this control changes the output."""
        if not self.reach(control):
            return False
        before = self.shown()
        for what in self.changes(control):
            if self.shown() != before:
                self._check_message(f"{self.name(control)!r}, {what}")
                return True
        return False

    def answers_somewhere(self, control: ElementHandle) -> bool:
        """The same, where needed as the explorer was at first, then at every option of each of its
        dropdowns and with another word: a control may matter there only.
        """
        if self.answers(control) or (self.go_back() and self.answers(control)):
            return True
        for other in self.box.query_selector_all(f"select, {TEXT}"):
            if self.name(other) == self.name(control):
                continue
            count = other.evaluate("e => e.options?.length")
            for setting in WORDS if count is None else range(count):
                if not self.reach(other):
                    break
                if isinstance(setting, str):
                    self.type(setting)
                elif not self.choose(other, setting):
                    break
                if self.answers(control):
                    return True
        return False

    def go_back(self) -> bool:
        """Put each dropdown back to what it was at first; whether there was any to put back."""
        changed = False
        seen = "e.checkVisibility({visibilityProperty: true})"
        for dropdown, first in zip(self.box.query_selector_all("select"), self.at_first):
            moved = dropdown.evaluate(f"(e, first) => e.selectedIndex !== first && {seen}", first)
            if moved and self.reach(dropdown):
                changed |= self.choose(dropdown, first)
        return changed

    def refuses(self, control: ElementHandle) -> None:
        """A bad word gets a message in place, and a good one the drawing back."""
        good = control.input_value()
        for what, word in BAD_WORDS.items():
            if not self.reach(control):
                return
            self.type(word)
            if not self.message():
                self.complain(f"{what} in {self.name(control)!r} gets no message")
            self._check_message(what)
        self.type(good)
        if message := self.message():
            self.complain(f"the message does not go away when {good!r} is typed again: {message}")

    def _check_message(self, what: str) -> None:
        """A message says what was wrong in words; an exception's name is a mistake of ours."""
        message = self.message()
        if message.split(":")[0].endswith(("Error", "Exception", "Interrupt")):
            self.complain(f"after {what} it says {message!r}")

    def operate(self) -> list[str]:
        """All of it; the complaints."""
        dropdowns = self.box.query_selector_all("select")
        self.at_first = [dropdown.evaluate("e => e.selectedIndex") for dropdown in dropdowns]
        for control in controls(self.box):
            if not self.answers_somewhere(control):
                self.complain(f"changing {self.name(control)!r} changes nothing")
            if control.evaluate("e => e.matches('select')"):
                self.keeps(control)
            elif control.evaluate("(e, text) => e.matches(text)", TEXT):
                self.refuses(control)
        return self.complaints


def misspell(page: Page, words: list[str] | str) -> list[str]:
    """Put a word into the first text field of each explorer that has one, by keyboard; what stood
    there before.
    """
    explorers = [Operated(page, number) for number in range(page.locator(OPERATED).count())]
    fields = [(one, found) for one in explorers for found in one.box.query_selector_all(TEXT)[:1]]
    before = [found.input_value() for _, found in fields]
    wanted = [words] * len(fields) if isinstance(words, str) else words
    for (explorer, found), word in zip(fields, wanted):
        if explorer.reach(found):
            explorer.type(word)
    return before
