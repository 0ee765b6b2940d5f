"""What holds for every explorer: it begins with the figure above it, every control has a name and
works by keyboard alone, every setting is another picture, and a bad word gets one line and leaves
the picture.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import pytest
from ipywidgets import Checkbox, Dropdown, Text
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
FIXED = tiny_mamba(hidden_size=4, num_layers=1, a_start="minus-one", a_learned=False)
MODELS = {"transformer": TRANSFORMER, "Mamba": MAMBA}
TABLES = {name: model.embedding.weight.detach() for name, model in MODELS.items()}
TRAINED, WORDS = cache(lambda: load_checkpoint("transformer-small").model), ["street", "brown"]

# Each explorer, and the figure that stands above it.
EXPLORERS: dict[str, Callable[[], tuple[Explorer, Picture]]] = {
    "look-up": lambda: (attention.explore_attention(), attention.show_look_up("team")),
    "plane": lambda: (attention.explore_plane(), attention.show_plane()),
    "looking behind": lambda: (
        attention.explore_looking_behind(),
        attention.show_looking_behind("strengthening"),
    ),
    "alignment": lambda: (data.explore_alignment(), plot_alignment("street")),
    "split": lambda: (data.explore_split(), data.show_split("elinor")),
    "discretization": lambda: (explore_discretization(), plot_trajectory("mixed", -1, 1.0)),
    "rounds": lambda: (explore_rounds(), plot_rounds("hillis_steele", 8, 0)),
    "memory": lambda: (explore_memory(), plot_memory("t--ea---m", 0.5, 0.0)),
    "step sizes": lambda: (
        explore_step_sizes(MAMBA),
        draw_step_sizes(MAMBA, "street", "blocks.0.ssm"),
    ),
    "translation": lambda: (
        translator.explore_translation(TRANSFORMER, "tree", 2),
        translator.show_spelling(TRANSFORMER, "tree", 2),
    ),
    "heads": lambda: (
        interpretability.explore_attention(MODELS),
        interpretability.show_attention(MODELS, "street", dict.fromkeys(MODELS, (1, 0))),
    ),
    "embedding": lambda: (
        interpretability.explore_embedding(TABLES),
        interpretability.show_embedding(TABLES["transformer"], name="transformer"),
    ),
    "state": lambda: (
        interpretability.explore_state({"A learned": MAMBA, "A = −1": FIXED}),
        interpretability.show_state(MAMBA, "street", 1, 1, name="A learned"),
    ),
    "interventions": lambda: (
        interventions.explore_interventions(TRAINED(), WORDS),
        interventions.show_intervention(TRAINED(), WORDS),
    ),
}
BAD_WORDS = {
    "": "Nothing typed yet", "   ": "Nothing typed yet", "naïve": "Letter 3",
    "two words": "this is two and words.", "don't go": "this is don and t and go.",
    "it’s": "this is it and s.", "a b c d": "this is a and b and c …", "<b>": "Letter 1",
    "日本": "Letter 1", "4": "Letter 1", "a" * 200: "200 letters are more than the",
}  # fmt: skip


@pytest.mark.parametrize("name", EXPLORERS)
def test_it_begins_with_its_figure_and_draws_at_every_setting_by_keyboard(name: str) -> None:
    box, figure = EXPLORERS[name]()
    assert box.output.value.count(figure.to_html()) == 1
    keys = "Text Dropdown BoundedIntText BoundedFloatText Checkbox".split()
    for field, control in box.controls.items():
        assert control.description.strip(": ") and type(control).__name__ in keys
        assert not isinstance(control, Text) or control.continuous_update
        seen = set()
        for value in settings(control):
            control.value = value
            shown = box.output.value
            assert "<img" in shown and "Error" not in shown, (control.description, value)
            seen.add(shown)
        if field != "alpha":  # which only one of the rules reads
            assert len(seen) == len(settings(control)), control.description


def settings(control: Any) -> Sequence[Any]:
    """All that a menu or a box offers, a word, and the ends of a field for a number, both of which
    lie a whole number of steps from 0: a field counts its steps from its least value.
    """
    if isinstance(control, Dropdown):
        return [one[1] if isinstance(one, tuple) else one for one in control.options]
    if isinstance(control, Checkbox):
        return [True, False]
    if isinstance(control, Text):
        return ["qu-ick"]
    ends = [control.min, control.max]
    steps = [value / control.step for value in (*ends, control.value)]
    assert steps == pytest.approx([round(one) for one in steps]), control.description
    return ends


# The fields for a word, by their names among the controls.
FIELDS = [
    *((name, "word") for name in ("look-up", "looking behind", "alignment", "split")),
    *((name, "word") for name in ("step sizes", "translation", "heads", "state")),
    *(("interventions", field) for field in ("word", "other")),
    ("memory", "text"),
]


@pytest.mark.parametrize(("name", "field"), FIELDS)
def test_a_word_that_cannot_be_read_gets_one_line_in_place(name: str, field: str) -> None:
    box, _ = EXPLORERS[name]()
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
    seen = {box.output.value}
    for word in (" Ox ", "well-known", "mr", "to-", "a" * 16):
        box.controls[field].value = word
        shown = box.output.value
        assert "<img" in shown and 'role="alert"' not in shown
        assert shown not in seen or field == "other", word  # which no change reads at the start
        seen.add(shown)
