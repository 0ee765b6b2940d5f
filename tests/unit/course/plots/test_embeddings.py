"""Figures of embeddings and of positions in trained models: what they say about the numbers."""

import torch
from says import says

from course import plots
from course.interpretability.embeddings import angles, vowel_grouping
from course.interpretability.rotary_frequencies import FrequencyEffect
from course.plots.embeddings import LetterMap, _apart, step_cosine
from nmt.data import VOCABULARY
from nmt.positions import sinusoidal_table


def table(seed: int, width: int = 8) -> torch.Tensor:
    return torch.randn(29, width, generator=torch.Generator().manual_seed(seed))


def test_maps_name_each_vowels_nearest_vowel_and_its_rank() -> None:
    line = torch.stack((torch.arange(29.0), torch.zeros(29)), dim=1)  # a b c … in a row
    maps = [LetterMap("row", line, ("x", "y")), LetterMap("again", line)]
    picture = plots.plot_letter_maps(maps, reading="A row.")
    told = "row: a e (4), e a (7), i e (7), o i (11), u o (11)"
    says(picture, told, "again: a e", "A row.")
    assert picture.svg.count("<circle") == 2 * 29
    alike = LetterMap("alike", torch.zeros(VOCABULARY.size, 2))
    says(plots.plot_letter_maps([alike], reading="Alike."))


def test_discs_that_would_hide_each_other_are_moved_apart_and_the_rest_stay() -> None:
    points = torch.tensor([[0.0, 0.0], [0.001, 0.0], [1.0, 1.0], [0.0, 1.0]], dtype=torch.float64)
    placed = _apart(points, 0.1)
    assert float((placed[0] - placed[1]).norm()) > 0.099 and torch.equal(placed[2:], points[2:])
    assert float((placed - points).norm(dim=1).max()) < 0.06


def test_widths_tell_every_run() -> None:
    tables = {f"width {width}": [table(seed, width) for seed in range(3)] for width in (8, 16)}
    groups = {name: list(map(vowel_grouping, own)) for name, own in tables.items()}
    measured = {name: list(map(angles, own)) for name, own in tables.items()}
    silhouettes = [f"{run.silhouette:.2f}" for runs in groups.values() for run in runs]
    says(plots.plot_widths(groups, measured, reading="Random."), *silhouettes, "(bar 0.35)")


def test_positions_tell_cosines_and_the_move() -> None:
    before, after = torch.eye(12), sinusoidal_table(12, 12)
    near = step_cosine(after[:8], 1)
    assert step_cosine(before, 1) == 0 and near > 0.5
    moved = float((after - before)[:8].norm() / before[:8].norm())
    told = f"before training 0.00 and after training {near:.2f}", f"in use by {moved:.0%}"
    says(plots.plot_learned_positions(before, after, 8, title="twelve places"), *told)


def test_frequencies_name_the_worst_and_count_the_slow() -> None:
    numbers = (6.28, 0.3, 0.2), (20.0, 0.2, 0.5), (628.0, 0.001, 0.9)
    effects = [FrequencyEffect(pair, *own) for pair, own in enumerate(numbers)]
    slow = "1 of 3 frequencies turn less than once in 24 tokens"
    worst = "without pair 0 (6.3 letters a turn) the accuracy falls from 90% to 20%"
    told = "pair 2, 628 letters: 0.1% moves, 0% lost"
    says(plots.plot_frequencies(effects, 0.9, 24), slow, worst, told)
