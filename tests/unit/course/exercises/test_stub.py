"""A right answer goes on; in the place of any other, the course's own does."""

import pytest
import torch

from course.exercises import exercise, mine_or_course
from nmt.attention import causal_mask

right = exercise("attention.causal-mask")(lambda queries, keys: causal_mask(queries, keys))
wrong = exercise("attention.causal-mask")(lambda queries, keys: ~causal_mask(queries, keys))


@exercise("attention.causal-mask")
def unwritten(queries, keys):
    raise NotImplementedError


def test_a_right_answer_goes_on(capsys):
    assert mine_or_course(right) is right
    assert capsys.readouterr().out.endswith(": yours goes on\n")


@pytest.mark.parametrize(("function", "why"), [(wrong, "wrong"), (unwritten, "not attempted")])
def test_any_other_is_replaced(function, why, capsys):
    assert torch.equal(mine_or_course(function)(2, 3), causal_mask(2, 3))
    assert capsys.readouterr().out == f"{function.__name__}: the course's own goes on ({why})\n"


def test_an_unmarked_function_is_refused():
    with pytest.raises(ValueError, match="which exercise is this"):
        mine_or_course(lambda queries, keys: None)
