"""Figures of attention and positions: what they say, what they refuse."""

import json

import pytest
import torch
from says import says

from course import plots
from course.plots.attention import _short
from course.plots.attention_grid import Pattern, plot_patterns
from course.plots.attention_step import Look, plot_attention_step
from nmt.attention import causal_mask
from nmt.positions import sinusoidal_table

WEIGHTS = torch.tensor([[0.1, 0.7, 0.2], [0.5, 0.25, 0.25]])


def test_maps_say_where_the_weight_is() -> None:
    picture = plots.plot_attention_map(WEIGHTS, "ab", ["x", "y", "<EOS>"], truth=[1, None])
    says(picture, "70% of its query's weight", "a to y (0.70), b to x (0.50)")
    says(plots.plot_attention_map(WEIGHTS, "ab", "xyz", truth=[1, 0]), "60%")
    says(plots.plot_attention_map(WEIGHTS, "ab", "xyz"), "strongest weight is 0.70")
    for count in (1, 4, 6):
        maps = {f"head {i}": WEIGHTS for i in range(count)}
        says(plots.plot_attention_maps(maps, "ab", "xyz", sums=True), f"{count} heat maps")
    with pytest.raises(ValueError, match="3 queries and 3 keys"):
        plots.plot_attention_map(WEIGHTS, "abc", "xyz")


def test_the_steps_of_a_look_up() -> None:
    look_up = plots.plot_look_up(WEIGHTS.log(), WEIGHTS, torch.eye(3), "ab", "xyz", "xyz")
    says(look_up, "row: y x.")
    allowed = "6 of 9 pairs are allowed (✓); the first row may see 1, the last 3."
    says(plots.plot_mask(causal_mask(3), "abc", "abc"), allowed, "a: 100; b: 110; c: 111")
    measured = {"variance": {"plain": [1.0, 400.0], "scaled": [1.0, 1.0]}}
    scaling = plots.plot_scaling([1, 4], measured, reading="A reading.")
    says(scaling, "variance, plain: 1 to 4e+02", "A reading.")


def test_score_by_distance_measures_its_band() -> None:
    steady = torch.arange(5.0)[:, None] - torch.arange(5.0)
    unsteady = steady.clone()
    unsteady[3, 2] += 1.5
    reading = plots.plot_score_by_distance({"steady": steady, "unsteady": unsteady}).reading
    assert reading == "Steady: the band is up to 0.00 wide; unsteady: the band is up to 1.50 wide."
    for table in (sinusoidal_table(10, 16), torch.zeros(3, 4)):
        says(plots.plot_position_table(table), "position vectors")


def test_looking_behind() -> None:
    weights = torch.eye(4).roll(1, dims=1)  # query p looks at p + 1, and the last at the first
    for wanted, told in (
        (-1, "the letter -1 behind (green frames) gets 100%"),
        (1, "gets 0%"),
        (4, "no letter of this word"),
    ):
        says(plots.plot_looking_behind(torch.zeros(5, 5), weights, "word", wanted), told)


@pytest.mark.parametrize(
    ("number", "text"),
    [(0.0, "·"), (0.004, "·"), (0.97, ".97"), (0.997, "1")]
    + [(-0.25, "-.25"), (3.0, "3"), (1.5, "1.50"), (10.25, "10.25")],
)
def test_numbers_in_cells(number: float, text: str) -> None:
    assert _short(number) == text


def test_clock_hands_turn_by_the_distance_alone() -> None:
    thetas = torch.tensor([1.0, 0.1])
    near, far = (plots.plot_clock_hands(thetas, list("strength"), at + 2, at) for at in (0, 5))
    assert near.reading == far.reading and "115° at θ = 1, 11° at θ = 0.1" in near.reading
    assert near.svg.count("<circle") == 16 and near.svg != far.svg


def test_the_alt_text_of_a_grid_names_the_sharpest_look_of_every_head() -> None:
    weights = torch.full((2, 2, 2, 3), 0.1)
    weights[0, 0, 1, 2] = weights[1, 1, 0, 1] = 0.8
    pattern = Pattern("Cross", "cross", weights, ["x", "y"], ["a", "b", "c"])
    picture = plot_patterns([pattern], [3, 5], reading="Two looks.")
    says(picture, "layer 3 head 0 y to c 0.80", "layer 5 head 1 x to b 0.80", "Two looks.")
    assert picture.alt.count("layer 3") == 2


@pytest.mark.parametrize(
    ("step", "right", "told"),
    [
        (1, "x", ["Step 2 of 6. one: x is most probable (90%); it looks most at x (place 2,"]),
        (
            1,
            "x",
            ["weight 0.50), and the rule copies x (place 2), which gets 0.50. two: o is most"],
        ),
        # the rule's letter is shown, however improbable
        (2, "w", ["; the rule copies nothing here, it adds w.", "w 0.0%"]),
        (5, None, ["so the rule asks for nothing here."]),
    ],
)
def test_two_models_at_one_step(step: int, right: str | None, told: list[str]) -> None:
    weights, probabilities = torch.full((6, 3), 0.25), torch.full((6, 29), 0.1 / 27)
    weights[1, 1], probabilities[:, 23], probabilities[:, 22] = 0.5, 0.9, 0.0  # x, w
    asked, truth = ["o", "x", "w", "a", "y", "<EOS>"], [0, 1, None, None, None, None]
    keys = ["o", "x", "<EOS>"]
    rights = [right] * 6
    one = Look("one", "1", weights, keys, asked, truth, rights, probabilities)
    short = torch.zeros(1, 29).index_fill(1, torch.tensor([14]), 1.0)  # o, and no more steps
    two = Look("two", "2", weights[:1], keys, asked[:1], truth[:1], rights[:1], short)
    picture = plot_attention_step([one, two], step)
    says(picture, *told, "two, a heat map")
    tops = [json.loads(picture.touch)[number]["box"][1] for number in (0, 1)]
    assert tops[0] == tops[1], "row by row side by side"
