"""Figures of attention and positions: what they say, what they refuse."""

import pytest
import torch

from course import plots
from course.plots import Picture
from course.plots.attention import _short
from nmt.attention import causal_mask
from nmt.positions import sinusoidal_table

WEIGHTS = torch.tensor([[0.1, 0.7, 0.2], [0.5, 0.25, 0.25]])


def is_picture(picture: Picture) -> bool:
    return "<img" in picture.to_html() and "<svg" in picture.svg and picture.reading[-1] == "."


def test_map_says_where_the_truth_gets_its_weight() -> None:
    picture = plots.plot_attention_map(WEIGHTS, "ab", ["x", "y", "<EOS>"], truth=[1, None])
    assert is_picture(picture)
    assert "70% of its query's weight" in picture.reading
    assert "a to y (0.70), b to x (0.50)" in picture.alt
    assert "60%" in plots.plot_attention_map(WEIGHTS, "ab", "xyz", truth=[1, 0]).reading


def test_map_without_truth() -> None:
    assert (
        "strongest weight is 0.70"
        in plots.plot_attention_map(WEIGHTS, "ab", "xyz", kind="target").reading
    )


@pytest.mark.parametrize(
    ("queries", "keys", "options", "message"),
    [
        ("abc", "xyz", {}, "3 queries and 3 keys"),
        ("ab", "xy", {}, "2 queries and 2 keys"),
        ("ab", "xyz", {"kind": "other"}, "choose one of cross, source, target"),
        ("ab", "xyz", {"truth": [1]}, "each of the 2 queries"),
        ("ab", "xyz", {"truth": [None, None]}, "at least one key"),
    ],
)
def test_map_errors(queries: str, keys: str, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plots.plot_attention_map(WEIGHTS, queries, keys, **options)


@pytest.mark.parametrize("count", [1, 4, 6])
def test_grid_of_heads(count: int) -> None:
    picture = plots.plot_attention_maps(
        {f"head {i}": WEIGHTS for i in range(count)}, "ab", "xyz", sums=True
    )
    assert is_picture(picture)
    assert picture.alt.startswith(f"{count} heat maps")


def test_grid_needs_a_map() -> None:
    with pytest.raises(ValueError, match="at least one"):
        plots.plot_attention_maps({}, "ab", "xyz")


def test_look_up() -> None:
    picture = plots.plot_look_up(WEIGHTS.log(), WEIGHTS, torch.eye(3), "ab", "xyz", "xyz")
    assert is_picture(picture)
    assert picture.reading.endswith("row: y x.")


def test_mask() -> None:
    picture = plots.plot_mask(causal_mask(3), "abc", "abc")
    assert picture.reading == "6 of 9 pairs are allowed (✓); the first row may see 1, the last 3."
    assert "a: 100; b: 110; c: 111" in picture.alt


def test_curves() -> None:
    cost = plots.plot_cost([8, 16, 32], {"scores": [64, 256, 1024], "outputs": [8, 16, 32]})
    assert "scores by 16; outputs by 4" in cost.reading
    scaling = plots.plot_scaling(
        [1, 4], {"variance": {"plain": [1.0, 400.0], "scaled": [1.0, 1.0]}}, reading="A reading."
    )
    assert "variance, plain: 1 to 4e+02" in scaling.alt


def test_position_table() -> None:
    assert is_picture(plots.plot_position_table(sinusoidal_table(10, 16)))
    assert is_picture(plots.plot_position_table(torch.zeros(3, 4)))


def test_score_by_distance_measures_its_band() -> None:
    steady = torch.arange(5.0)[:, None] - torch.arange(5.0)
    unsteady = steady.clone()
    unsteady[3, 2] += 1.5
    reading = plots.plot_score_by_distance({"steady": steady, "unsteady": unsteady}).reading
    assert reading == "Steady: the band is up to 0.00 wide; unsteady: the band is up to 1.50 wide."


def test_looking_behind() -> None:
    weights = torch.eye(4).roll(1, dims=1)  # query p looks at p + 1, and the last at the first
    ahead = plots.plot_looking_behind(torch.zeros(5, 5), weights, "word", -1)
    assert "the letter -1 behind (green frames) gets 100%" in ahead.reading
    assert "gets 0%" in plots.plot_looking_behind(torch.zeros(5, 5), weights, "word", 1).reading
    short = plots.plot_looking_behind(torch.zeros(5, 5), weights, "word", 4).reading
    assert "no letter of this word" in short


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "·"),
        (0.004, "·"),
        (0.97, ".97"),
        (0.997, "1"),
        (-0.25, "-.25"),
        (3.0, "3"),
        (1.5, "1.50"),
        (10.25, "10.25"),
    ],
)
def test_numbers_in_cells(number: float, text: str) -> None:
    assert _short(number) == text


def test_clock_hands_turn_by_the_distance_alone() -> None:
    thetas = torch.tensor([1.0, 0.1])
    near, far = (plots.plot_clock_hands(thetas, list("strength"), at + 2, at) for at in (0, 5))
    assert near.reading == far.reading and "115° at θ = 1, 11° at θ = 0.1" in near.reading
    assert near.svg.count("<circle") == 16 and near.svg != far.svg
    with pytest.raises(ValueError, match="do not both lie in ox"):
        plots.plot_clock_hands(thetas, list("ox"), 2, 0)
