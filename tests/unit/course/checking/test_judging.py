"""Checks of exercises: what they say of a stub, a slip, an error, an endless loop, a flood of
prints; and what they leave alone.
"""

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from typed_answers import ATTENTION, MASK, compiled, masked

from course.checking.compare import as_tensor, first_difference, shape_clue
from course.exercises import check, exercise, exercises, judge
from nmt.attention import causal_mask, scaled_dot_product_attention


def test_a_stub_is_not_attempted():
    verdict = masked('"""Doc."""\nraise NotImplementedError')
    assert verdict.status == "not attempted"
    assert repr(verdict).strip() == "○ attention.causal-mask: not attempted yet"
    assert "role=" in verdict._repr_html_() and "not attempted yet" in verdict._repr_html_()


HALF = "if keys > queries:\n    raise NotImplementedError\nreturn torch.ones(2, 2).tril().bool()"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        *((body, "wrong") for body in ("...", "return ...", "return 5", "x = 1", "return queries")),
        (HALF, "wrong"),
        ('raise NotImplementedError("aten::x on CPU")', "error"),
    ],
)
def test_an_attempt_is_no_stub(body, status):
    assert masked(body).status == status


def test_names_are_checked():
    with pytest.raises(ValueError, match="is it 'attention.causal-mask'"):
        exercise("attention.casual-mask")
    with pytest.raises(ValueError, match="Put @exercise"):
        check(causal_mask)
    with pytest.raises(ValueError, match="there is no exercise 'x.y'"):
        judge("x.y", causal_mask)


def test_nothing_returned_is_said_and_a_wrong_shape_with_both_shapes():
    verdict = masked("mask = torch.ones(queries, keys)")
    assert (verdict.status, verdict.mistake) == ("wrong", "nothing returned")
    assert "return" in verdict.question
    verdict = masked("return torch.ones(queries + 1, keys, dtype=torch.bool)")
    assert verdict.mistake == "wrong shape"
    assert verdict.details["yours_shape"] == [3, 2] and verdict.details["expected_shape"] == [2, 2]
    assert "(3, 2)" in verdict.message and "(2, 2)" in verdict.message


def attended(change):
    """The verdict on attention whose output and weights were changed."""

    def answer(query, key, value, mask):
        return change(*scaled_dot_product_attention(query, key, value, mask))

    return judge(ATTENTION, answer)


def test_a_wrong_number_is_said_with_index_both_values_and_the_input():
    def almost(output, weights):
        output = output.clone()
        output[..., 1, 0] += 0.5
        return output, weights

    verdict = attended(almost)
    found, right = verdict.details, scaled_dot_product_attention(*verdict.inputs)[0][1, 0]
    assert (verdict.status, verdict.mistake) == ("wrong", "") and verdict.question
    assert (found["where"], found["differing"]) == ("output[1, 0]", 1)
    assert found["expected"] == f"{right:.6g}"
    assert float(found["yours"]) == pytest.approx(float(right) + 0.5, abs=1e-4)


@pytest.mark.parametrize(
    ("spoil", "clue"),
    [
        (lambda weights: weights.mT, "axes exchanged"),
        (lambda weights: 0.3 * weights, "3.333 times too small"),
        (lambda weights: -weights, "the other sign"),
        (lambda weights: 0 * weights, "all zero"),
        (lambda weights: weights / 0 * 0, "not a number"),
        (lambda weights: weights.tolist()[0] + [[1.0]], "another kind of result"),
    ],
)
def test_structure_names_what_no_mutant_does(spoil, clue):
    assert attended(lambda output, weights: (output, spoil(weights))).mistake == clue


def test_an_error_shows_the_line_of_the_answer_and_not_ours():
    product = "torch.ones(queries, keys) @ torch.ones(queries + 1, 3)"
    verdict = masked(f"size = queries * keys\nmask = {product}\nreturn mask")
    assert verdict.status == "error" and verdict.details["error"] == "RuntimeError"
    assert verdict.details["line"] == 3
    assert "line 3" in verdict.message and "mat1 and mat2" in verdict.message
    assert "judging" not in repr(verdict) and "Traceback" not in repr(verdict)


def test_wrong_arguments_of_the_stub_are_an_error_of_the_answer():
    verdict = judge(MASK, compiled("return 1", "queries"))
    assert verdict.status == "error" and "takes 1 positional argument" in verdict.message


@pytest.mark.parametrize(("first", "status"), [("answer", "correct"), ("destroy", "wrong")])
def test_inputs_are_copies(first, status):
    """Whoever destroys them answers another question, and destroys nothing of ours."""

    def answer(*inputs):
        copies = [each if each is None else each.clone() for each in inputs]
        for tensor in inputs[:3]:
            tensor.detach().zero_()
        return scaled_dot_product_attention(*(copies if first == "answer" else inputs))

    assert judge(ATTENTION, answer).status == status


@pytest.mark.parametrize("lose", [Tensor.detach, lambda output: torch.tensor(output.tolist())])
def test_a_lost_gradient_is_named(lose):
    verdict = attended(lambda output, weights: (lose(output), lose(weights)))
    assert verdict.mistake == "gradient lost"


def test_a_change_in_place_that_breaks_the_backward_pass_is_named_with_torchs_own_words():
    def answer(x, parts):
        x = x.clone()
        x += parts.self_attention(parts.attention_norm(x))
        x += parts.mlp(parts.mlp_norm(x))
        return x

    verdict = judge("transformer.encoder-layer", answer)
    assert verdict.mistake == "gradient lost"
    assert "modified by an inplace operation" in verdict.message


def test_the_same_for_every_input_is_named():
    verdict = judge("transformer.padded-loss", lambda *_: torch.tensor(1.0))
    assert verdict.mistake == "the same for every input"


def test_two_mistakes_at_once_are_named():
    def answer(query, key, value, mask):  # no root, and the mask after the softmax
        weights = (query @ key.mT).softmax(dim=-1)
        weights = weights if mask is None else weights * mask
        return weights @ value, weights

    verdict = judge(ATTENTION, answer)
    assert verdict.details["mistakes"] == ["√k forgotten", "mask after the softmax"]
    assert verdict.mistake == "√k forgotten and mask after the softmax"
    assert verdict.question == exercises()[ATTENTION].mistakes[0].question
    assert "two things" in verdict.message


def test_what_no_pencil_can_follow_comes_last():
    verdict = judge(ATTENTION, lambda query, key, value, mask: (query @ key.mT @ value, query))
    assert "query = [[2, 0, 0, 0], [0, 2, 2, 0]]" in verdict.message
    assert "mask = None" in (verdict.message)


def test_a_verdict_is_plain_data_and_escaped():
    verdict = masked('raise ValueError("<script>alert(1)</script>")')
    assert json.loads(json.dumps(verdict.as_data()))["status"] == "error"
    assert "<script>" not in verdict._repr_html_()


PAIR = st.tuples(*[st.floats(-1e3, 1e3, width=32)] * 2)


@given(st.lists(PAIR, min_size=1, max_size=4))
def test_the_same_numbers_agree_in_every_welcome_form(rows):
    right = torch.tensor(rows)
    double = right.double()
    lists = list(map(list, rows))
    for form in (right, double, right.numpy(), double.numpy(), rows, lists, list(right)):
        assert first_difference(right, form) is None
    assert first_difference(right, right + 1) is not None
    assert first_difference(right, right.T.reshape(-1)) is not None


ODD = [None, "text", {1}, [1, [2]], [], object(), [None], np.array(["x"]), 10**400]


@pytest.mark.parametrize("value", [*ODD, [torch.ones(2), torch.ones(3)]])
def test_anything_may_come_back(value):
    assert first_difference(torch.ones(3), value) is not None
    both = torch.ones(3), torch.ones(2)
    assert first_difference(both, value, parts=("output", "weights")) is not None
    assert as_tensor(value) is None or value == []
    assert shape_clue(torch.ones(3), value) == ""


def test_half_precision_is_too_coarse():
    right = torch.rand(50)
    assert first_difference(right, right.half()).kind == "coarse"
    assert first_difference(right, right.double()) is None
