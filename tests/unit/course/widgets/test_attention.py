"""The explorers of attention: the numbers behind their pictures."""

import json
import math

import pytest
import torch

from course.widgets.attention import (
    explore_plane,
    look_up_weights,
    looking_behind_scores,
    show_plane,
)
from nmt.pig_latin import align


def on_the_right_letter(word: str, *options) -> float:
    """The mean weight that the rule's letter gets."""
    weights = look_up_weights(word, *options)
    copied = [(row, place) for row, place in enumerate(align(word)) if place is not None]
    return torch.stack([weights[cell] for cell in copied]).mean().item()


def on_the_letter_behind(scheme: str, distance: int = 1, base: float = 10.0) -> float:
    weights = looking_behind_scores("strengthening", scheme, distance, base).softmax(dim=-1)
    return weights.diagonal(-distance).mean().item()


def test_temperature_softens_the_look_up() -> None:
    assert look_up_weights("team", "none", 0.005).argmax(dim=-1).tolist() == [1, 2, 3, 0, 4, 4]
    temperatures = (0.01, 0.2, 0.721, 1.0, 1000.0)
    shares = [on_the_right_letter("team", "none", temperature) for temperature in temperatures]
    assert shares == sorted(shares, reverse=True)
    # One half at T = 1 / ln 4, as the notebook says.
    assert shares == pytest.approx([1.0, 0.974, 0.5, 0.405, 0.2], abs=2e-3)


def test_sinusoidal_neighbours_take_weight_and_a_causal_mask_hides_letters() -> None:
    weights = look_up_weights("street", positions="sinusoidal")
    one_hot = on_the_right_letter("street")
    assert on_the_right_letter("street", "none", 0.2, "sinusoidal") < one_hot - 0.3
    largest = weights[0].argsort(descending=True)[:3].sort().values
    assert largest.tolist() == [2, 3, 4]  # the first e stands at 3
    # Of team's four copied letters, only t (source place 0, written at place 3) stays in sight.
    assert on_the_right_letter("team", "causal", 0.01) == pytest.approx(0.25)


def test_rotary_and_sinusoidal_find_the_letter_before_and_the_others_do_not() -> None:
    assert min(on_the_letter_behind("sinusoidal"), on_the_letter_behind("rotary")) > 0.6
    assert max(on_the_letter_behind("none"), on_the_letter_behind("learned")) < 0.15
    assert on_the_letter_behind("rotary", base=1000.0) < on_the_letter_behind("rotary") - 0.2


@pytest.mark.parametrize("distance", [-2, 0, 1, 3])
@pytest.mark.parametrize("scheme", ["sinusoidal", "rotary"])
def test_any_distance_can_be_asked_for(scheme: str, distance: int) -> None:
    assert on_the_letter_behind(scheme, distance) > 0.5


def test_only_rotary_sees_distance_alone() -> None:
    schemes = {"rotary": True, "none": True, "sinusoidal": False, "learned": False}
    for scheme, alone in schemes.items():
        scores = looking_behind_scores("aaaaaa", scheme)
        assert torch.allclose(scores[1:, 1:], scores[:-1, :-1], atol=1e-3) == alone
    scores = looking_behind_scores("banana", "none", distance=0)
    assert torch.equal(scores[1], scores[3]) and scores[1].argmax() in (1, 3, 5)


def test_the_plane_weighs_keys_by_their_dot_product_with_the_query() -> None:
    """Only the moved key agrees with a query that points along it."""
    scores = [x * 3.0 for x in (3.0, 1.5, -1.5, -1.0)]
    powers = [math.exp(score / math.sqrt(2)) for score in scores]
    reading = show_plane(3.0, 0.0, 3.0, 0.0).reading
    assert f"t gets {powers[0] / sum(powers):.0%}" in reading and "score, 9.0" in reading
    assert "of the weight; t gets 25%" in show_plane(0.0, 0.0).reading


def test_a_pointer_on_the_plane_sets_controls_that_exist() -> None:
    """Each zone starts at the tip of its arrow, and its edges are those of the fields."""
    box = explore_plane()
    fields = {control.description: control for control in box.controls.values()}
    zones = json.loads(show_plane().touch)
    assert len(zones) == 2
    for zone in zones:
        left, top, width, height = zone["box"]
        shares = (zone["handle"][0] - left) / width, 1 - (zone["handle"][1] - top) / height
        for share, (name, low, high) in zip(shares, zone["sets"].values(), strict=True):
            field = fields[f"{name}:"]
            assert (field.min, field.max) == (low, high)
            assert low + share * (high - low) == pytest.approx(field.value, abs=0.02)
    box.controls["query_x"].value = -2.0
    assert show_plane(-2.0).to_html() in box.output.value
