"""Checks of exercises: what they say of a stub, a slip, an error, an endless loop, a flood of
prints; and what they leave alone.
"""

import json
import os
import signal
import sys
import threading
import time

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from judged import judged
from torch import Tensor

from course.checking.compare import as_tensor, first_difference, shape_clue
from course.checking.running import OutOfTime, run, time_limit
from course.exercises import check, exercise, exercises, judge
from course.exercises.scans import look_back, my_join
from nmt.attention import causal_mask, scaled_dot_product_attention
from nmt.scan import scan

MASK = "attention.causal-mask"
ATTENTION = "attention.scaled-dot-product"


def compiled(body: str, arguments: str = "queries, keys"):
    """A function as a notebook has it: from text, in a file of its own."""
    scope: dict = {"torch": torch, "time": time}
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    exec(compile(f"def answer({arguments}):\n{lines}\n", "<ipython-input-7-cell>", "exec"), scope)
    return scope["answer"]


def masked(body: str, **options):
    """The verdict on such an answer to the exercise of the mask."""
    return judge(MASK, compiled(body), **options)


def test_a_stub_is_not_attempted():
    verdict = masked('"""Doc."""\nraise NotImplementedError')
    assert verdict.status == "not attempted"
    assert repr(verdict).strip() == "○ attention.causal-mask: not attempted yet"
    assert "role=" in verdict._repr_html_() and "not attempted yet" in verdict._repr_html_()


@pytest.mark.parametrize("body", ["...", "return ...", "return 5", "x = 1", "return queries"])
def test_an_attempt_is_no_stub(body):
    assert masked(body).status == "wrong"


def test_half_written_is_an_error_and_no_stub():
    half = "if keys > queries:\n    raise NotImplementedError\n"
    assert masked(half + "return torch.ones(2, 2).tril().bool()").status in ("wrong", "error")
    assert masked('raise NotImplementedError("aten::x on CPU")').status == "error"


def test_marked_and_checked_as_in_a_notebook():
    @exercise(MASK)
    def causal(queries, keys):
        return causal_mask(queries, keys)

    assert check(causal).status == "correct"
    assert causal(2, 3).shape == (2, 3), "the function stays a function"


def test_names_are_checked():
    with pytest.raises(ValueError, match="is it 'attention.causal-mask'"):
        exercise("attention.casual-mask")
    with pytest.raises(ValueError, match="Put @exercise"):
        check(causal_mask)
    with pytest.raises(ValueError, match="there is no exercise 'x.y'"):
        judge("x.y", causal_mask)


def test_nothing_returned():
    verdict = masked("mask = torch.ones(queries, keys)")
    assert (verdict.status, verdict.mistake) == ("wrong", "nothing returned")
    assert "return" in verdict.question


def test_a_wrong_shape_is_said_with_both_shapes():
    verdict = masked("return torch.ones(queries + 1, keys, dtype=torch.bool)")
    assert verdict.mistake == "wrong shape"
    assert verdict.details["yours_shape"] == [3, 2] and verdict.details["expected_shape"] == [2, 2]
    assert "(3, 2)" in verdict.message and "(2, 2)" in verdict.message


def test_a_wrong_number_is_said_with_index_both_values_and_the_input():
    def almost(query, key, value, mask):
        output, weights = scaled_dot_product_attention(query, key, value, mask)
        output = output.clone()
        output[..., 1, 0] += 0.5
        return output, weights

    verdict = judge(ATTENTION, almost)
    assert verdict.status == "wrong"
    assert verdict.details["where"] == "output[1, 0]"
    assert verdict.details["differing"] == 1
    assert abs(float(verdict.details["yours"]) - float(verdict.details["expected"]) - 0.5) < 1e-4
    query, key, value, mask = verdict.inputs
    expected = verdict.details["expected"]
    assert (f"{scaled_dot_product_attention(query, key, value, mask)[0][1, 0]:.6g}") == expected
    assert verdict.mistake == "" and verdict.question


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
    def answer(query, key, value, mask):
        output, weights = scaled_dot_product_attention(query, key, value, mask)
        return output, spoil(weights)

    assert judge(ATTENTION, answer).mistake == clue


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


RECURSES = "return answer(queries, keys)"


@pytest.mark.parametrize(
    "body",
    ["raise SystemExit(3)", "raise GeneratorExit", "yield queries", "1 / 0", RECURSES],
)
def test_whatever_it_does_the_check_survives(body):
    verdict = masked(body)
    assert verdict.status in ("error", "wrong") and verdict.message
    json.dumps(verdict.as_data())


def test_an_interrupt_by_the_reader_goes_through():
    with pytest.raises(KeyboardInterrupt):
        masked("raise KeyboardInterrupt")


LOOPS = [
    "while True: pass",
    "while True:\n    try:\n        queries += 1\n    except Exception: pass",
    "while True: print(queries)",
]


@pytest.mark.parametrize("body", LOOPS)
def test_an_endless_loop_is_stopped_and_its_line_named(body):
    handler, began = signal.getsignal(signal.SIGALRM), time.monotonic()
    others, _ = signal.getitimer(signal.ITIMER_REAL)  # such as that of the test run
    verdict = masked(body, seconds=0.3)
    assert verdict.status == "timeout"
    assert verdict.details["where"].endswith(f"line {verdict.details['line']}")
    assert time.monotonic() - began < 5
    assert signal.getsignal(signal.SIGALRM) == handler
    assert signal.getitimer(signal.ITIMER_REAL)[0] <= others
    time.sleep(0.25)  # a late interrupt would hit here
    assert judge(MASK, causal_mask).status == "correct"


def test_in_another_thread_it_runs_without_a_limit():
    found = []
    body = "time.sleep(0.3)\nreturn torch.ones(queries, keys).tril(keys - queries).bool()"
    thread = threading.Thread(target=lambda: found.append(masked(body, seconds=0.1)))
    thread.start()
    thread.join(30)
    assert [verdict.status for verdict in found] == ["correct"]


def test_a_loop_that_catches_one_interrupt_gets_another():
    body = "caught = 0\nwhile caught < 2:\n    try:\n        while True: pass\n"
    body += "    except BaseException: caught += 1\nwhile True: pass"
    assert masked(body, seconds=0.2).status == "timeout"


def test_a_timer_of_somebody_else_goes_on():
    rung = []
    before = signal.signal(signal.SIGALRM, lambda *_: rung.append(1))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.5)
        with pytest.raises(OutOfTime), time_limit(0.1):
            while True:
                pass
        time.sleep(0.7)
        assert rung == [1]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_prints_are_kept_short_and_shown_apart(capsys):
    verdict = masked('print("spam " * 1_000_000)\nreturn torch.ones(1)')
    assert capsys.readouterr().out == ""
    assert verdict.printed.startswith("spam spam")
    assert len(verdict.printed) < 1100
    assert "spam" in repr(verdict) and "<details>" in verdict._repr_html_()


def test_inputs_are_copies():
    def destroys(query, key, value, mask):
        result = scaled_dot_product_attention(query.clone(), key.clone(), value.clone(), mask)
        for tensor in (query, key, value):
            tensor.detach().zero_()
        return result

    assert judge(ATTENTION, destroys).status == "correct"

    def fools(query, key, value, mask):  # a right answer to other inputs
        for tensor in (query, key, value):
            tensor.detach().zero_()
        return scaled_dot_product_attention(query, key, value, mask)

    assert judge(ATTENTION, fools).status == "wrong"


@pytest.mark.parametrize("lose", [Tensor.detach, lambda output: torch.tensor(output.tolist())])
def test_a_lost_gradient_is_named(lose):
    def answer(query, key, value, mask):
        output, weights = scaled_dot_product_attention(query, key, value, mask)
        return lose(output), lose(weights)

    assert judge(ATTENTION, answer).mistake == "gradient lost"


def test_a_change_in_place_that_breaks_the_backward_pass_is_named_with_torchs_own_words():
    def answer(x, parts):
        x = x.clone()
        x += parts.self_attention(parts.attention_norm(x))
        x += parts.mlp(parts.mlp_norm(x))
        return x

    verdict = judge("transformer.encoder-layer", answer)
    assert verdict.mistake == "gradient lost"
    assert "modified by an inplace operation" in verdict.message


def test_a_hard_coded_answer_does_not_pass():
    one = causal_mask(5, 5)
    assert judge(MASK, lambda queries, keys: one.clone()).mistake == "wrong shape"
    constant = judge("attention.multi-head", lambda inputs, *rest: torch.ones_like(inputs))
    assert constant.status == "wrong"


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


def test_checks_leave_torchs_random_numbers_alone():
    torch.manual_seed(5)
    expected = torch.randn(3)
    torch.manual_seed(5)
    for name, each in exercises().items():
        judge(name, each.answer)
        assert torch.equal(torch.random.get_rng_state(), torch.manual_seed(5).get_state()), name
    assert torch.equal(torch.randn(3), expected)


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


def test_run_tells_value_error_and_place():
    assert run(lambda: 3, 1.0).value == 3
    outcome = run(lambda: {}["x"], 1.0, within=__file__)
    assert isinstance(outcome.error, KeyError)
    assert outcome.place is not None
    assert "lambda" in outcome.place.source


KEPT = [
    "torch.set_default_dtype(torch.float64)",
    "torch.set_grad_enabled(False)",
    "import os; os.chdir('/')",
    "import sys; sys.setrecursionlimit(900)",
    "import random, numpy; random.seed(1); numpy.random.seed(1)",
    "torch.set_default_device('meta')",
]


@pytest.mark.parametrize("line", KEPT)
def test_the_session_is_left_as_it_was(line):
    def settings():
        of_torch = torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_default_device()
        drawn = np.random.get_state()[1].tolist()
        return of_torch, os.getcwd(), sys.getrecursionlimit(), drawn

    before = settings()
    masked(f"{line}\nreturn 1")
    assert settings() == before


@pytest.mark.parametrize("ask", ["input()", "__import__('getpass').getpass()"])
def test_nobody_is_asked(ask):
    assert "a check asks nobody" in masked(f"return {ask}").message


def test_an_error_without_words_breaks_nothing():
    scope_body = "class Mute(Exception):\n    def __str__(self): raise ValueError\nraise Mute"
    assert "can't be made" in masked(scope_body).message
    verdict = masked('raise ValueError("\\udcff" + "x" * 5_000_000)')
    assert len(verdict.message) < 1500 and verdict.message.encode()
    warns = "import sys\nprint('y' * 10**7, file=sys.stderr)\nreturn 1"
    assert len(masked(warns).printed) < 1100


def wrongly_accepted():
    def hook_left_none(model, source, target, layer, head):
        part = model.attention_layers()[layer]

        def loss():
            logits = model(source, target[:, :-1])
            return F.cross_entropy(logits.flatten(0, 1), target[:, 1:].flatten()).item()

        def off(weights):
            weights = weights.clone()
            weights[:, head] = 0
            return weights

        before, part.pattern_hook = loss(), off
        try:
            return before, loss()
        finally:
            part.pattern_hook = None

    def numpy_where_masked(query, key, value, mask):
        if mask is None:
            return scaled_dot_product_attention(query, key, value, mask)
        both = scaled_dot_product_attention(query, key, value, mask)
        return tuple(torch.from_numpy(each.detach().numpy()) for each in both)

    def one_point(z):
        safe = torch.where(z == 0, 1.0, z)
        return torch.where(z == 0, 1 + z / 2, torch.expm1(safe) / safe)

    def three_terms(z):
        small = z.abs() < 0.2
        safe = torch.where(small, 1.0, z)
        return torch.where(small, 1 + z / 2 + z * z / 6, torch.expm1(safe) / safe)

    def divided(a, b):
        return a.cumprod(1) * (b / a.cumprod(1)).cumsum(1)

    def loop(a, b):
        return scan(a, b, method="sequential")

    return [
        ("interpretability.ablation", hook_left_none, "somebody else's hook removed"),
        (ATTENTION, numpy_where_masked, "gradient lost"),
        ("discretization.zoh-stable", one_point, "the gradient loses its digits"),
        ("discretization.zoh-stable", three_terms, "too few terms for so far"),
        ("scans.heinsen", divided, "too small for a number"),
        ("scans.heinsen", loop, "a loop over the steps"),
        ("mamba.block", lambda x, parts: parts(x, parts.start(len(x)))[0], ""),
        ("transformer.encoder-layer", lambda x, parts: parts(x), ""),
        ("scans.hillis-steele", lambda steps, _: look_back(steps, my_join), "a join of your own"),
        ("data.buckets", lambda pairs, size: {1: pairs}, "another kind of result"),
        ("discretization.bilinear-symbolic", lambda A, B, d, a: A * B, "another kind of result"),
        (MASK, lambda q, k: torch.ones(q, k).tril(q - k).bool(), "shifted to the wrong side"),
    ]


@pytest.mark.parametrize(("name", "answer", "mistake"), wrongly_accepted())
def test_what_once_was_accepted_or_misnamed(name, answer, mistake):
    verdict = judged(name, answer)
    assert verdict.status in ("wrong", "error") and verdict.mistake == mistake, verdict
    assert verdict.question and "dict is expected" not in verdict.message
