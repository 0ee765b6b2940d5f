"""Sketches: figures as SVG, quick enough for explorers."""

import re
import xml.etree.ElementTree as ET

import pytest
import torch

from course.plots.discretization import RULE_NAMES, STABLE
from course.plots.sketch import Panel, finish_sketch, powers_of_ten, shade, show, steps_of
from course.plots.svg import Drawing
from course.plots.trajectory import plot_trajectory
from nmt.discretization import diagonal_rule


def test_steps_are_round_and_lie_inside():
    assert steps_of(0, 1) == [0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert steps_of(-1.1, 2.3, 4) == [-1, 0, 1, 2]
    assert powers_of_ten(0.02, 1500) == [0.1, 1, 10, 100, 1000]
    assert show(-1500) == "−1,500" and show(0.5) == "0.5"


def test_a_panel_maps_its_corners_also_on_logarithmic_axes():
    panel = Panel(Drawing(200, 100, "", ""), (10, 20, 100, 50), (1, 100), (0.1, 10), log="xy")
    assert panel.at(1, 0.1) == (10, 70) and panel.at(100, 10) == (110, 20)
    assert panel.at(10, 1) == (60, 45)


def test_a_sketch_is_well_formed_and_says_its_words(tmp_path):
    drawing = Drawing(200, 100, "", "")
    panel = Panel(drawing, (10, 20, 100, 50), (-0.5, 1.5), (1.5, -0.5))
    panel.cells([[0.0, 1.0], [0.5, 0.2]], write=str)
    panel.dots([0, 1], [0, 1], "#000000", corners=3)
    picture = finish_sketch(drawing, alt="four <cells>", reading="Two & two.")
    root = ET.fromstring(picture.svg)
    texts = [node.text for node in root if node.tag.endswith(("title", "desc"))]
    assert texts == ["Two & two.", "four <cells>"]
    assert shade(0.0) == "#fcfbfd" and shade(1.0) == "#3f007d"
    picture.save(tmp_path / "picture.svg")
    with pytest.raises(ValueError, match="a sketch is saved as .svg"):
        picture.save(tmp_path / "picture.png")
    with pytest.raises(ValueError, match="needs alt text"):
        finish_sketch(drawing, alt=" ", reading="x")


@pytest.mark.parametrize("rule", RULE_NAMES)
@pytest.mark.parametrize("alpha", [0.0, 0.3, 0.5, 0.8])
def test_the_shaded_region_is_where_the_rule_forgets(rule, alpha):
    """Circle or half plane of the sketch against |decay(z)| < 1 at z = −1, −3.5 and 1.5 + 2i."""
    svg = plot_trajectory(rule, -1, 1.0, alpha).svg
    own = alpha if rule == "generalized_bilinear" else None
    left = dict(re.findall(r'(x|width)="([\d.]+)"', svg[svg.index("clipPath") :][:120]))
    scale = float(left["width"]) / 8  # pixels a unit: the plane runs from −5 to 3
    zero = float(left["x"]) + 5 * scale
    circle = re.search(r'<circle cx="([\d.-]+)" cy="[\d.]+" r="([\d.]+)" fill="(\S+)" clip', svg)
    for z in (-1 + 0j, -3.5 + 0j, 1.5 + 2j):
        decay = diagonal_rule(rule, own).decay(torch.tensor(z, dtype=torch.complex128))
        if circle:
            centre, radius = (float(circle[1]) - zero) / scale, float(circle[2]) / scale
            inside = abs(z - centre) < radius
            shaded = inside == (circle[3] == STABLE)
        else:
            shaded = z.real < 0
        assert shaded == (float(decay.abs()) < 1), (z, circle)
