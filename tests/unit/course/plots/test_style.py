"""Pictures: what notebooks hold, and what is saved."""

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image

from course.plots import plot_mask


def pixels(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGBA"))


def test_notebooks_hold_the_same_picture_as_a_saved_png_in_fewer_bytes(tmp_path):
    picture = plot_mask(torch.ones(9, 9, dtype=torch.bool).tril(), list("abcdefghi"), ["x"] * 9)
    picture.save(tmp_path / "picture.png")
    png = (tmp_path / "picture.png").read_bytes()
    assert png.startswith(b"\x89PNG") and np.array_equal(pixels(picture.webp), pixels(png))
    assert len(picture.webp) < 0.7 * len(png)
    assert "<svg" in picture.svg and base64.b64encode(picture.webp).decode() in picture.to_html()


def test_an_unknown_ending_is_refused(tmp_path):
    picture = plot_mask(torch.ones(2, 2, dtype=torch.bool), ["a", "b"], ["a", "b"])
    with pytest.raises(ValueError, match="saved as .svg or .png, not .gif"):
        picture.save(tmp_path / "picture.gif")
    assert list(tmp_path.iterdir()) == []
