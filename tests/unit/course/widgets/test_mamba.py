"""The explorers of notebook 06: every control redraws."""

import torch

from course.widgets.mamba import explore_memory, explore_step_sizes
from nmt.mamba import Mamba, MambaConfig


def test_every_control_redraws() -> None:
    torch.manual_seed(1)
    model = Mamba(MambaConfig(hidden_size=8, num_layers=2, state_size=2)).eval()
    memory = ("text", "a-b-c"), ("letter_step", 1.0), ("blank_step", 0.3), ("rate", 4.0)
    steps = ("layer", "blocks.1.ssm"), ("word", "Egg ")
    for box, settings in ((explore_memory(), memory), (explore_step_sizes(model, "ox"), steps)):
        seen = {box.output.value}
        for name, value in settings:
            box.controls[name].value = value
            assert "<img" in box.output.value and box.output.value not in seen
            seen.add(box.output.value)
    box = explore_memory()
    for text in ("-----", "x" * 30):
        box.controls["text"].value = text
        assert 'role="alert"' in box.output.value
