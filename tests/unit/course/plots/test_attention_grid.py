"""All heads in one picture: what it says, and what it refuses."""

import pytest
import torch

from course.plots.attention_grid import Pattern, plot_patterns


def test_the_alt_text_names_the_sharpest_look_of_every_head() -> None:
    weights = torch.full((2, 2, 2, 3), 0.1)
    weights[0, 0, 1, 2] = weights[1, 1, 0, 1] = 0.8
    picture = plot_patterns(
        [Pattern("Cross", "cross", weights, ["x", "y"], ["a", "b", "c"])],
        [3, 5],
        reading="Two looks.",
    )
    assert "layer 3 head 0 y to c 0.80" in picture.alt
    assert "layer 5 head 1 x to b 0.80" in picture.alt
    assert picture.alt.count("layer 3") == 2
    assert picture.reading == "Two looks."
    assert picture.webp.startswith(b"RIFF")


def test_what_does_not_fit_is_refused() -> None:
    pattern = Pattern("Cross", "cross", torch.rand(2, 2, 2, 3), ["x", "y"], ["a", "b"])
    with pytest.raises(
        ValueError,
        match=r"Cross: weights of shape \(2, 2, 2, 3\) do not fit 2 layers, 2 queries and 2 keys",
    ):
        plot_patterns([pattern], [0, 1], reading="No.")
    with pytest.raises(ValueError, match="nothing|no pattern"):
        plot_patterns([], [0], reading="No.")
