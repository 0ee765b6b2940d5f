"""The explorers of notebook 06: what a state keeps under a chosen step size, and the step sizes
that a trained model chooses.
"""

from __future__ import annotations

from ipywidgets import BoundedFloatText, Dropdown, Text

from course.plots.mamba import plot_memory, plot_step_sizes
from course.plots.style import Picture
from course.widgets.common import Explorer, explorer
from nmt.data import VOCABULARY
from nmt.mamba import Mamba
from nmt.pig_latin import check_word
from nmt.trace import trace_ssm

LONGEST = 16  # letters of a word that still fit a figure


def explore_memory(text: str = "t--ea---m") -> Explorer:
    """Type letters and dashes and choose Δ for both; see how long each letter stays in the state."""
    return explorer(
        {
            "text": Text(value=text, description="Letters and dashes", continuous_update=True),
            "letter_step": BoundedFloatText(
                value=0.5, min=0.0, max=10.0, step=0.1, description="Δ at a letter"
            ),
            "blank_step": BoundedFloatText(
                value=0.0, min=0.0, max=10.0, step=0.1, description="Δ at a dash"
            ),
            "rate": BoundedFloatText(
                value=1.0, min=0.1, max=16.0, step=0.5, description="Rate of decay −A"
            ),
        },
        _draw_memory,
    )


def _draw_memory(text: str, letter_step: float, blank_step: float, rate: float) -> Picture:
    if text:
        check_word(text)
    return plot_memory(text, letter_step, blank_step, rate)


def draw_step_sizes(model: Mamba, word: str, layer: str) -> Picture:
    """The step sizes of one layer while the model reads `word` and writes its own answer.

    Raises:
        ValueError: for an unknown layer, or a word that is empty, too long for a figure, or not
            made of a–z and dashes.
    """
    if not 0 < len(word) <= LONGEST:
        raise ValueError(f"type a word of 1 to {LONGEST} letters")
    traces, signs = trace_ssm(model, word)
    if layer not in traces:
        raise ValueError(f"no layer {layer!r}; choose one of {', '.join(traces)}")
    labels = [VOCABULARY.token(sign) for sign in signs]
    return plot_step_sizes(
        traces[layer].delta[0], labels, len(word) + 1, f"{layer}: step sizes while it spells {word}"
    )


def explore_step_sizes(model: Mamba, word: str = "street") -> Explorer:
    """Type a word and choose a layer; see at which letters it takes large steps, and at which it
    stands still.
    """
    return explorer(
        {
            "word": Text(value=word, description="Word", continuous_update=True),
            "layer": Dropdown(options=list(model.ssm_layers()), description="Layer"),
        },
        lambda word, layer: draw_step_sizes(model, word.strip().lower(), layer),
    )
