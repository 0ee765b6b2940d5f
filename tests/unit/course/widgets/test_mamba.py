"""The explorers of notebook 06: every control redraws."""

from tiny import tiny_mamba

from course.widgets.mamba import explore_memory, explore_step_sizes


def test_every_control_redraws() -> None:
    model = tiny_mamba(seed=1)
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
