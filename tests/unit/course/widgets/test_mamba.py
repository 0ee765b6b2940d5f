"""The explorers of notebook 06, driven in Python: every control redraws, every bad input becomes
one line.
"""

import torch

from course.widgets.mamba import explore_memory, explore_step_sizes
from nmt.mamba import Mamba, MambaConfig


def test_memory_redraws_for_every_control_and_explains_bad_input() -> None:
    explorer = explore_memory()
    seen = {explorer.output.value}
    for name, value in (
        ("text", "a-b-c"),
        ("letter_step", 1.0),
        ("blank_step", 0.3),
        ("rate", 4.0),
    ):
        explorer.controls[name].value = value
        assert "<img" in explorer.output.value and explorer.output.value not in seen
        seen.add(explorer.output.value)
    for text in ("", "-----", "x" * 30, "café", "t a"):
        explorer.controls["text"].value = text
        assert 'role="alert"' in explorer.output.value and "Traceback" not in explorer.output.value


def test_step_sizes_redraw_for_every_layer_and_explain_bad_words() -> None:
    torch.manual_seed(1)
    explorer = explore_step_sizes(
        Mamba(MambaConfig(hidden_size=8, num_layers=2, state_size=2)).eval(), "ox"
    )
    seen = {explorer.output.value}
    for layer in ("blocks.1.ssm", "blocks.0.ssm"):
        explorer.controls["layer"].value = layer
        assert "<img" in explorer.output.value
    explorer.controls["word"].value = "Egg "
    assert "<img" in explorer.output.value and explorer.output.value not in seen
    for word in ("", "na" * 12, "naïve", "two words"):
        explorer.controls["word"].value = word
        assert 'role="alert"' in explorer.output.value and "Traceback" not in explorer.output.value
