"""Figures of embeddings: what they say about the numbers, and what they refuse."""

import pytest
import torch

from course.interpretability.embeddings import angles, vowel_grouping
from course.plots.embeddings import LetterMap, _apart, plot_letter_maps, plot_widths
from nmt.data import VOCABULARY


def table(seed: int, width: int = 8) -> torch.Tensor:
    return torch.randn(29, width, generator=torch.Generator().manual_seed(seed))


def test_maps_name_each_vowels_nearest_vowel_and_its_rank() -> None:
    line = torch.stack((torch.arange(29.0), torch.zeros(29)), dim=1)  # a b c … in a row
    picture = plot_letter_maps(
        [LetterMap("row", line, ("x", "y")), LetterMap("again", line)], reading="A row."
    )
    assert "row: a e (4), e a (7), i e (7), o i (11), u o (11)" in picture.alt
    assert "again: a e" in picture.alt
    assert picture.reading == "A row." and picture.svg.count("<circle") == 2 * 29


def test_discs_that_would_hide_each_other_are_moved_apart_and_the_rest_stay() -> None:
    points = torch.tensor([[0.0, 0.0], [0.001, 0.0], [1.0, 1.0], [0.0, 1.0]], dtype=torch.float64)
    placed = _apart(points, 0.1)
    assert float((placed[0] - placed[1]).norm()) > 0.099 and torch.equal(placed[2:], points[2:])
    assert float((placed - points).norm(dim=1).max()) < 0.06


@pytest.mark.parametrize(
    ("maps", "message"),
    [
        ([], "no map"),
        ([LetterMap("short", torch.zeros(5, 2))], "short: a map needs 29 rows"),
        ([LetterMap("one", torch.zeros(29, 1))], "one"),
    ],
)
def test_maps_that_do_not_fit_are_refused(maps: list[LetterMap], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plot_letter_maps(maps, reading="No.")


def test_a_map_of_one_point_can_be_drawn() -> None:
    assert plot_letter_maps(
        [LetterMap("all alike", torch.zeros(VOCABULARY.size, 2))], reading="Alike."
    ).alt


def test_widths_tell_every_run() -> None:
    names = ["width 8", "width 16"]
    groupings = {
        name: [vowel_grouping(table(seed, 8 * (1 + row))) for seed in range(3)]
        for row, name in enumerate(names)
    }
    measured = {
        name: [angles(table(seed, 8 * (1 + row))) for seed in range(3)]
        for row, name in enumerate(names)
    }
    picture = plot_widths(groupings, measured, reading="Random.")
    assert (
        all(f"{run.silhouette:.2f}" in picture.alt for runs in groupings.values() for run in runs)
        and "(bar 0.35)" in picture.alt
    )
    for wrong in (
        {},
        {"width 8": []},
        {"width 16": measured["width 16"], "width 8": measured["width 8"]},
    ):
        with pytest.raises(ValueError, match="same models"):
            plot_widths(groupings, wrong, reading="No.")
