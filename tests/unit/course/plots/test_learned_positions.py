"""Figures of learned positions and frequencies: their words, and what they refuse."""

import pytest
import torch

from course.interpretability.rotary_frequencies import FrequencyEffect
from course.plots.learned_positions import plot_frequencies, plot_learned_positions, step_cosine
from nmt.positions import sinusoidal_table


def test_positions_tell_cosines_and_the_move() -> None:
    before, after = torch.eye(12), sinusoidal_table(12, 12)
    picture = plot_learned_positions(before, after, 8, title="twelve places")
    near = step_cosine(after[:8], 1)
    assert step_cosine(before, 1) == 0 and near > 0.5
    assert f"before training 0.00 and after training {near:.2f}" in picture.reading
    moved = float((after - before)[:8].norm() / before[:8].norm())
    assert f"moved the places in use by {moved:.0%}" in picture.reading


@pytest.mark.usefixtures("without_type_checks")
@pytest.mark.parametrize(("rows", "used"), [(11, 5), (12, 2), (12, 13)])
def test_positions_that_do_not_fit_are_refused(rows: int, used: int) -> None:
    with pytest.raises(ValueError, match="3 to 12 places"):
        plot_learned_positions(torch.randn(12, 6), torch.randn(rows, 6), used)


def test_frequencies_name_the_worst_and_count_the_slow() -> None:
    effects = [
        FrequencyEffect(0, 6.28, 0.3, 0.2),
        FrequencyEffect(1, 20.0, 0.2, 0.5),
        FrequencyEffect(2, 628.0, 0.001, 0.9),
    ]
    picture = plot_frequencies(effects, 0.9, 24)
    assert (
        "1 of 3 frequencies turn less than once in 24 tokens; without pair 0 (6.3 letters a turn)"
        in picture.reading
    )
    assert "falls from 90% to 20%" in picture.reading
    assert "pair 2, 628 letters: 0.1% moves, 0% lost" in picture.alt
    for wrong, longest in (([], 24), (effects, 1)):
        with pytest.raises(ValueError, match="at least one frequency"):
            plot_frequencies(wrong, 0.9, longest)
