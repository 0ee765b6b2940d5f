"""The matrix view of Mamba: the numbers it draws, the words it carries, and what it refuses."""

import pytest
import torch

from course.plots.matrix_view import plot_matrix_view


def test_counts_rows_whose_product_is_largest_at_the_copied_key() -> None:
    scores = torch.tensor([[-3.0, 1.0], [2.0, 1.5], [0.0, 1.0]])
    mask = torch.tensor([[0.5, 1.0], [0.5, 1.0], [0.5, 1.0]])
    picture = plot_matrix_view(scores, mask, ["<SOS>", "a", "b"], ["x", "y"], [0, 0, None])
    # row 0: 1.5 in size against 1; row 1: the mask turns 2 against 1.5 round
    assert "In 1 of 2 rows" in picture.reading and "at least 50%" in picture.reading
    assert "Three heat maps, 3 rows by 2 columns" in picture.alt
    assert picture.svg.count('stroke="#009E73"') == 6  # two frames in each map


@pytest.mark.parametrize(
    ("queries", "truth", "message"),
    [(["a"], [0], "do not fit"), (["a", "b"], [0], "fit"), (["a", "b"], [None, None], "no key")],
)
def test_refuses_what_does_not_fit(queries: list[str], truth: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plot_matrix_view(torch.ones(2, 3), torch.ones(2, 3), queries, list("xyz"), truth)
