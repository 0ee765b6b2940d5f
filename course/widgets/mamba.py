"""The explorers of notebook 06: what a state keeps under a chosen step size, and the step sizes
that a trained model chooses.
"""

from ipywidgets import Dropdown

from course.plots.mamba import plot_memory, plot_step_sizes
from course.plots.style import Picture
from course.widgets.common import Explorer, explorer
from course.widgets.fields import number_field, one_word, word_field
from nmt.data import VOCABULARY
from nmt.mamba import Mamba
from nmt.trace import trace_ssm

LONGEST = 16  # letters of a word that still fit a figure


def explore_memory(text: str = "t--ea---m") -> Explorer:
    """Type letters and dashes and choose Δ for both; see how long each letter stays in the
    state.
    """
    controls = {
        "text": word_field(text, "Letters and dashes:"),
        "letter_step": number_field("Δ at a letter", 0.5, 0.0, 10.0, 0.1),
        "blank_step": number_field("Δ at a dash", 0.0, 0.0, 10.0, 0.1),
        "rate": number_field("Rate of decay −A", 1.0, 0.5, 16.0, 0.5),
    }
    return explorer(controls, _draw_memory)


def _draw_memory(text: str, letter_step: float, blank_step: float, rate: float) -> Picture:
    return plot_memory(one_word(text, 24), letter_step, blank_step, rate)


def draw_step_sizes(model: Mamba, word: str, layer: str) -> Picture:
    """The step sizes of one layer while the model reads `word` and writes its own answer."""
    word = one_word(word, LONGEST)
    traces, tokens = trace_ssm(model, word)
    labels = [VOCABULARY.token(token) for token in tokens]
    title = f"{layer}: step sizes while it spells {word}"
    return plot_step_sizes(traces[layer].delta[0], labels, len(word) + 1, title)


def explore_step_sizes(model: Mamba, word: str = "street", layer: str = "") -> Explorer:
    """Type a word and choose a layer, the first one without another; see at which letters it takes
    large steps, and at which it stands still.
    """
    layers = list(model.ssm_layers())
    chosen = Dropdown(options=layers, value=layer or layers[0], description="Layer")
    controls = {"word": word_field(word), "layer": chosen}
    return explorer(controls, lambda word, layer: draw_step_sizes(model, word, layer))
