"""The wiring that all explorers share: named controls → one pure function → one HTML area."""

import html
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ipywidgets import (
    HTML,
    BoundedIntText,
    Button,
    Dropdown,
    HBox,
    Layout,
    Play,
    Widget,
    link,
)

from course.plots.style import Picture
from course.widgets.worded import Worded

# A pointer on a figure sets the controls that its zones name (`course.plots.sketch.Zone`), as a
# reader would by hand. The figure is a new one after every change, so the box listens, not it.
_POINTER = """<style onload="
    const box = this.closest('.nmt-explorer'), edge = (low, high, at) => low + (high - low) * at;
    let held = null, waiting = false;
    const set = ([name, low, high], at) => {
        const label = [...box.querySelectorAll('label')].find(e => e.textContent.startsWith(name));
        const field = label?.parentElement.querySelector('select, input');
        const value = edge(low, high, Math.min(1, Math.max(0, at)));
        if (!field) return;
        if (field.matches('select')) {
            const names = [...field.options].map(option => Math.abs(option.text - value));
            const nearest = names.indexOf(Math.min(...names));
            if (nearest === field.selectedIndex) return;
            field.selectedIndex = nearest;
        } else field.value = Math.round(value * 10) / 10;
        field.dispatchEvent(new Event('change', { bubbles: true })) };
    const point = event => {
        const image = box.querySelector('img[data-touch]');
        if (!image) return;
        const shown = image.getBoundingClientRect();
        const x = (event.clientX - shown.left) * image.getAttribute('width') / shown.width;
        const y = (event.clientY - shown.top) * image.getAttribute('width') / shown.width;
        const far = zone => Math.hypot(zone.handle[0] - x, zone.handle[1] - y);
        if (event.type === 'pointerdown') held = JSON.parse(image.dataset.touch).filter(zone =>
            x >= zone.box[0] && x <= zone.box[0] + zone.box[2] &&
            y >= zone.box[1] && y <= zone.box[1] + zone.box[3]
        ).sort((one, other) => far(one) - far(other))[0];
        if (!held) return;
        const [left, top, width, height] = held.box;
        if (held.sets.x) set(held.sets.x, (x - left) / width);
        if (held.sets.y) set(held.sets.y, 1 - (y - top) / height) };
    box.addEventListener('pointerdown', event => {
        if (!event.target.matches('img[data-touch]')) return;
        event.preventDefault();
        point(event);
        if (held) box.setPointerCapture(event.pointerId) });
    box.addEventListener('pointermove', event => {
        if (!held || waiting) return;
        waiting = true;
        requestAnimationFrame(() => { waiting = false; if (held) point(event) }) });
    for (const end of ['pointerup', 'pointercancel'])
        box.addEventListener(end, () => { held = null });">
    .nmt-explorer img[data-touch] { cursor: pointer; touch-action: none }</style>"""

# The buttons of ipywidgets.Play come without names. They may be there only after this.
_PLAYER = """<style onload="
    const box = this.closest('.widget-hbox');
    const said = ['play or hold the steps', 'back to the first'];
    const name = tries => {
        const found = box.querySelectorAll('.widget-play button');
        found.forEach((button, i) => { button.title = button.ariaLabel = said[i] ?? '' });
        if (!found.length && tries) setTimeout(name, 100, tries - 1) };
    name(100)"></style>"""


class Explorer(Worded):
    """Controls above the figure that they change.

    `controls` maps each argument of the drawing function to its widget, `output` is the HTML area;
    `buttons` set several controls at once, and `beside` are widgets that set one.
    The text form is the same on every run, so that a stored notebook says what belongs here instead
    of showing a widget whose state is gone: which controls, and the reading of the figure that it
    starts with. A figure with that reading stands above it (a test of notebooks holds that), and
    the static site shows it.
    """

    def __init__(
        self,
        controls: Mapping[str, Widget],
        output: HTML,
        buttons: Sequence[Button] = (),
        beside: Sequence[Widget] = (),
    ) -> None:
        wrapped = Layout(flex_flow="row wrap", grid_gap="4px 16px", margin="0 0 8px 0")
        self.row = HBox([*controls.values(), *beside, *buttons], layout=wrapped)
        pointer = HTML(_POINTER, layout=Layout(height="0", margin="0"))
        super().__init__([self.row, output, pointer])
        self.add_class("nmt-explorer")
        self.controls, self.buttons = dict(controls), list(buttons)
        self.output = output
        captions = re.findall(r"<figcaption>(.*?)</figcaption>", output.value, re.DOTALL)
        self._start = list(map(html.unescape, captions))

    def add_player(self, field: BoundedIntText) -> "Explorer":
        """Buttons behind a field of steps that play it, a step a second, hold it, begin anew."""
        player = Play(value=field.value, max=field.max, interval=1000, show_repeat=False)
        for trait in ("min", "max", "value"):
            link((field, trait), (player, trait))
        place = self.row.children.index(field) + 1
        player_box = HBox([player, HTML(_PLAYER, layout=Layout(width="0", margin="0"))])
        before, after = self.row.children[:place], self.row.children[place:]
        self.row.children = [*before, player_box, *after]
        return self

    def __repr__(self) -> str:
        names = (control.description.rstrip(":") for control in self.controls.values())
        # "Word" becomes "word", but "A, real part" keeps its symbol.
        small = (name[:1].lower() + name[1:] if name[1:2].islower() else name for name in names)
        starts = (f"It starts with: {reading}" for reading in self._start)
        return "\n".join([f"Explorer ({', '.join(small)}): run this cell to use it.", *starts])


def explorer(
    controls: Mapping[str, Widget],
    draw: Callable[..., Picture | str],
    adjust: Callable[[Mapping[str, Widget]], object] | None = None,
    buttons: Mapping[str, Callable[[Mapping[str, Widget]], str]] | None = None,
    beside: Sequence[Dropdown] = (),
) -> Explorer:
    """Show `draw(**values)` below `controls`, now and after every change.

    What `draw` raises becomes one line above the last picture, which stays: nothing below it moves.

    Args:
        controls: for each keyword argument of `draw` a widget with a `description`, which names it
            for eyes and screen readers.
        draw: returns a `Picture`, or HTML of its own.
        adjust: called before each drawing; may change what the controls offer, such as as many
            steps as the word has.
        buttons: by the text on each, what a press does to the controls; a sentence that it returns
            stands above the picture until the next change.
        beside: menus that set a control by themselves, such as words to choose from.

    Raises:
        ValueError: where a control has no name.
    """
    for name, control in [*controls.items(), *((one.description, one) for one in beside)]:
        if not getattr(control, "description", "").strip():
            raise ValueError(f"the control {name!r} needs a description: a screen reader speaks it")
        control.style.description_width = "initial"
    output = HTML(layout=Layout(width="100%"))
    picture, busy = "", False

    def redraw(_change: Any = None, note: str = "") -> None:
        nonlocal picture, busy
        if busy:  # a control that `adjust` has changed
            return
        busy = True
        try:
            if adjust:
                adjust(controls)
            values = {name: control.value for name, control in controls.items()}
            new, message = _attempt(draw, values)
        finally:
            busy = False
        picture = new or picture
        message = message or (f'<div role="status">{html.escape(note)}</div>' if note else "")
        room = f'<div style="min-height:2.2em">{message}</div>'  # kept, so that nothing jumps
        output.value = room + picture

    for control in controls.values():
        control.observe(redraw, names="value")
    redraw()

    def press(act: Callable[[Mapping[str, Widget]], str]) -> None:
        nonlocal busy
        busy = True
        try:
            note = act(controls)
        finally:
            busy = False
        redraw(note=note)

    pressed = []
    for label, act in (buttons or {}).items():
        pressed.append(Button(description=label, layout=Layout(width="auto")))
        pressed[-1].on_click(lambda _button, act=act: press(act))
    return Explorer(controls, output, pressed, beside)


def render(draw: Callable[..., Picture | str], values: Mapping[str, Any]) -> str:
    """The HTML of `draw(**values)` in a live region that screen readers speak, or the error's first
    line in its place.
    """
    picture, message = _attempt(draw, values)
    return picture or message


def _attempt(draw: Callable[..., Picture | str], values: Mapping[str, Any]) -> tuple[str, str]:
    """The picture, or the message that tells why there is none."""
    try:
        result = draw(**values)
    except ValueError as error:  # what the course raises says what was wrong and what to do
        return "", _message(str(error))
    except Exception as error:  # a student's own change must not fill the page with a traceback
        return "", _message(f"{type(error).__name__}: {error}")
    content = result.to_html() if isinstance(result, Picture) else result
    return f'<div role="status" aria-live="polite" style="line-height:1.4">{content}</div>', ""


def _message(text: str) -> str:
    line = next(iter(text.strip().splitlines()), "") or "this setting cannot be drawn"
    return (
        '<div role="alert" style="padding:6px 10px;border-left:4px solid'
        f' #D55E00;background:#fff;color:#1a1a1a;border-radius:4px">{html.escape(line)}</div>'
    )
