"""What holds for every explorer: it begins with the figure above it, every control has a name and
works by keyboard alone, every setting draws, and a bad word gets one line and leaves the picture.
"""

from collections.abc import Callable, Iterable
from functools import cache

import pytest
from ipywidgets import Dropdown, Text
from tiny import tiny_mamba, tiny_transformer

from course.plots.data import plot_alignment
from course.plots.mamba import plot_memory
from course.plots.scans import plot_rounds
from course.plots.style import Picture
from course.plots.trajectory import plot_trajectory
from course.widgets import attention, data, interpretability, interventions, translator
from course.widgets.common import Explorer
from course.widgets.discretization import explore_discretization
from course.widgets.mamba import draw_step_sizes, explore_memory, explore_step_sizes
from course.widgets.scans import explore_rounds
from nmt.checkpoints import load_checkpoint

TRANSFORMER, MAMBA = tiny_transformer(num_heads=4, decoder_layers=2), tiny_mamba(hidden_size=4)
MODELS = {"transformer": TRANSFORMER, "Mamba": MAMBA}
TABLE = TRANSFORMER.embedding.weight.detach()
TRAINED, WORDS = cache(lambda: load_checkpoint("transformer-small").model), ["street", "brown"]

# Each explorer, and the figure that stands above it.
EXPLORERS: dict[str, tuple[Callable[[], Explorer], Callable[[], Picture]]] = {
    "look-up": (attention.explore_attention, lambda: attention.show_look_up("team")),
    "plane": (attention.explore_plane, attention.show_plane),
    "looking behind": (
        attention.explore_looking_behind,
        lambda: attention.show_looking_behind("strengthening"),
    ),
    "alignment": (data.explore_alignment, lambda: plot_alignment("street")),
    "split": (data.explore_split, lambda: data.show_split("elinor")),
    "discretization": (explore_discretization, lambda: plot_trajectory("mixed", -1, 1.0)),
    "rounds": (explore_rounds, lambda: plot_rounds("hillis_steele", 8, 0)),
    "memory": (explore_memory, lambda: plot_memory("t--ea---m", 0.5, 0.0)),
    "step sizes": (
        lambda: explore_step_sizes(MAMBA),
        lambda: draw_step_sizes(MAMBA, "street", "blocks.0.ssm"),
    ),
    "translation": (
        lambda: translator.explore_translation(TRANSFORMER, "tree", 2),
        lambda: translator.show_spelling(TRANSFORMER, "tree", 2),
    ),
    "heads": (
        lambda: interpretability.explore_attention(MODELS),
        lambda: interpretability.show_attention(
            MODELS, "street", {"transformer": (1, 0), "Mamba": (1, 0)}
        ),
    ),
    "embedding": (
        lambda: interpretability.explore_embedding({"transformer": TABLE}),
        lambda: interpretability.show_embedding(TABLE, name="transformer"),
    ),
    "state": (
        lambda: interpretability.explore_state({"A learned": MAMBA}),
        lambda: interpretability.show_state(MAMBA, "street", 1, 1, name="A learned"),
    ),
    "interventions": (
        lambda: interventions.explore_interventions(TRAINED(), WORDS),
        lambda: interventions.show_intervention(TRAINED(), WORDS),
    ),
}
LONG = "a" * 200
BAD_WORDS = {
    "": "Nothing typed yet", "   ": "Nothing typed yet", "naïve": "Letter 3",
    "two words": "this is two and words.", "don't": "this is don and t.",
    "it’s": "this is it and s.", "<b>": "Letter 1", "日本": "Letter 1", "4": "Letter 1",
    LONG: "200 letters are more than the",
}  # fmt: skip


@pytest.mark.parametrize("name", EXPLORERS)
def test_it_begins_with_the_figure_above_it(name: str) -> None:
    make, draw = EXPLORERS[name]
    assert make().output.value.count(draw().to_html()) == 1


@pytest.mark.parametrize("name", EXPLORERS)
def test_controls_are_named_work_by_keyboard_and_draw_at_every_setting(name: str) -> None:
    box = EXPLORERS[name][0]()
    keys = "Text Dropdown BoundedIntText BoundedFloatText Checkbox".split()
    for control in box.controls.values():
        assert control.description.strip(": ") and type(control).__name__ in keys
        assert not isinstance(control, Text) or control.continuous_update
        for value in settings(control):
            control.value = value
            shown = box.output.value
            assert "<img" in shown and "Error" not in shown, (control.description, value)


def settings(control: object) -> Iterable[object]:
    if isinstance(control, Dropdown):
        return [one[1] if isinstance(one, tuple) else one for one in control.options]
    return [control.min, control.max] if hasattr(control, "min") else []


# The fields for a word, by their names among the controls.
FIELDS = [
    *((name, "word") for name in ("look-up", "looking behind", "alignment", "split")),
    *((name, "word") for name in ("step sizes", "translation", "heads", "state")),
    *(("interventions", field) for field in ("word", "other")),
    ("memory", "text"),
]


@pytest.mark.parametrize(("name", "field"), FIELDS)
def test_a_word_that_cannot_be_read_gets_one_line_in_place(name: str, field: str) -> None:
    box = EXPLORERS[name][0]()
    assert "apostrophe separates" in box.controls[field].tooltip, "said before anybody types"
    for word, message in BAD_WORDS.items():
        box.controls[field].value = word
        shown = box.output.value
        assert 'role="alert"' in shown and message in shown, word
        assert "<img" in shown, "the last picture stays"
        assert "<b>" not in shown and "Traceback" not in shown
        for button in box.buttons:
            button.click()
            assert "<img" in box.output.value and "Error" not in box.output.value
    for word in (" Ox ", "well-known", "mr", "to-", "a" * 16):
        box.controls[field].value = word
        assert "<img" in box.output.value and 'role="alert"' not in box.output.value
