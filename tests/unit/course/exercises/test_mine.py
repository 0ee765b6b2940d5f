"""A right answer goes on; in the place of any other, the course's own does."""

import pytest
import torch

from course.exercises import exercise
from course.exercises.mine import mine_or_course
from nmt.attention import causal_mask


@exercise("attention.causal-mask")
def right(queries, keys):
    return torch.arange(keys) <= torch.arange(queries)[:, None] + keys - queries


@exercise("attention.causal-mask")
def wrong(queries, keys):
    return torch.arange(keys) < torch.arange(queries)[:, None] + keys - queries


@exercise("attention.causal-mask")
def unwritten(queries, keys):
    raise NotImplementedError


def test_a_right_answer_goes_on(capsys):
    assert mine_or_course(right) is right
    assert capsys.readouterr().out == "right: yours goes on\n"


@pytest.mark.parametrize(
    ("function", "why"), [(wrong, "wrong"), (unwritten, "not attempted")], ids=["wrong", "stub"]
)
def test_any_other_is_replaced(function, why, capsys):
    assert torch.equal(mine_or_course(function)(2, 3), causal_mask(2, 3))
    assert capsys.readouterr().out == f"{function.__name__}: the course's own goes on ({why})\n"


def test_an_unmarked_function_is_refused():
    with pytest.raises(ValueError, match="which exercise is this"):
        mine_or_course(lambda queries, keys: None)
