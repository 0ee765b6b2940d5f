"""Wrong answers that look nothing like our slips, and the name that each gets; some of them once
passed, or got a name that was not theirs.
"""

import math

import pytest
import torch
import torch.nn.functional as F
from judged import judged
from puzzle_answers import by_a_hook_of_its_own

from course.exercises import exercises
from course.exercises.attention_puzzles import LEAK
from course.exercises.scans import look_back, my_join
from nmt.attention import scaled_dot_product_attention
from nmt.scan import scan

WRONG: list = []


def wrong(name, mistake, label=""):
    def add(function):
        told = f"{name}: {label or function.__name__}"
        WRONG.append(pytest.param(name, function, mistake, id=told))
        return function

    return add


# 02


def leak_test(places=lambda n: range(1, n), seen=slice, copy=torch.clone, change=None):
    """Does an output before place t, or of those `seen`, change with letter t of a `copy`?"""
    change = change or (lambda letter: letter + torch.randn_like(letter))

    def leaks(layer, x):
        before = layer(x)
        for t in places(x.shape[1]):
            y = copy(x)
            y[:, t] = change(y[:, t])
            if not torch.allclose(layer(y)[:, seen(t)], before[:, seen(t)], atol=1e-6):
                return True
        return False

    return leaks


def one_copy_for_all(layer, x):
    y = x.clone()
    return leak_test(copy=lambda _: y)(layer, x)


LEAK_TESTS = {
    "stops early": (leak_test(lambda n: range(1, n - 1)), "the last letter is never moved"),
    "starts late": (leak_test(lambda n: range(2, n)), "letter 2 is never moved"),
    "the last": (leak_test(lambda n: [-1]), "only the last letter is moved"),
    "the second": (leak_test(lambda n: [1]), "only letter 2 is moved"),
    "the neighbour": (leak_test(seen=lambda t: slice(t - 1, t)), "only one output is compared"),
    "the first": (leak_test(seen=lambda t: slice(1)), "only one output is compared"),
    "all but the neighbour": (
        leak_test(seen=lambda t: slice(t - 1)),
        "the neighbour's output is not compared",
    ),
    "doubles": (leak_test(change=lambda y: 2 * y), "a change that a LayerNorm takes away"),
    "another name": (leak_test(copy=lambda x: x), "earlier changes are still there"),
    "one copy for all": (one_copy_for_all, "earlier changes are still there"),
    "changed at all": (
        lambda layer, x: bool((layer(x) - x).abs().max() > 1e-6),
        "output and input compared",
    ),
}
for label, (function, mistake) in LEAK_TESTS.items():
    wrong("attention.leak", mistake, label)(function)


@wrong("attention.causal-mask", "shifted to the wrong side")
def shifted(queries, keys):
    return torch.ones(queries, keys).tril(queries - keys).bool()


@wrong("attention.scaled-dot-product", "gradient lost")
def numpy_where_masked(query, key, value, mask):
    both = scaled_dot_product_attention(query, key, value, mask)
    if mask is None:
        return both
    return tuple(torch.from_numpy(each.detach().numpy()) for each in both)


@wrong("attention.shapes", "another number of axes")
def heads_into_the_batch(b, q, s, d, h):
    k = d // h
    return (b * h, q, k), (b * h, q, s), (b * h, q, k), (b, q, d)


@wrong("attention.shapes", "heads behind the letters")
def cut_but_not_moved(b, q, s, d, h):
    k = d // h
    return (b, q, h, k), (b, h, q, s), (b, h, q, k), (b, q, d)


@wrong("attention.rotary", "exponent twice too large")
def two_twos(vectors, base):
    length, k = vectors.shape
    angle = torch.arange(length)[:, None] * base ** (-2 * torch.arange(0, k, 2) / k)
    u, v = vectors[:, 0::2], vectors[:, 1::2]
    pair = u * angle.cos() - v * angle.sin(), u * angle.sin() + v * angle.cos()
    return torch.stack(pair, -1).flatten(1)


# 01 and 03

wrong("data.buckets", "another kind of result")(lambda pairs, size: {1: pairs})
wrong("transformer.encoder-layer", "")(lambda x, parts: parts(x))


@wrong("transformer.padded-loss", "")
def never_flattened(logits, asked, real):
    return F.cross_entropy(logits, asked)


@wrong("transformer.padded-loss", "token 0 taken for padding")
def nothing_filled_in(logits, asked, real):
    return F.cross_entropy(logits.flatten(0, 1), asked.flatten(), ignore_index=0)


@wrong("transformer.padded-loss", "token 0 taken for padding")
def filled_with_zeros(logits, asked, real):
    return F.cross_entropy(logits.mT, asked.masked_fill(~real, 0), ignore_index=0)


@wrong("transformer.training-step", "the loss with its graph")
def a_loss_with_its_graph(model, optimizer, source, target):
    loss = F.cross_entropy(model(source, target[:, :-1]).mT, target[:, 1:])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


def attend(query, key, value, cache, **options):
    keys, values = (torch.cat(pair, 1) for pair in zip(cache, (key, value)))
    options = {name: make(keys.shape[1]) for name, make in options.items()}
    return F.scaled_dot_product_attention(query, keys, values, **options), (keys, values)


@wrong("transformer.cache", "only the oldest letter is seen")
def told_that_it_is_causal(query, key, value, cache):
    return attend(query, key, value, cache, is_causal=lambda t: True)


@wrong("transformer.cache", "only the oldest letter is seen")
def a_triangle_of_one_row(query, key, value, cache):
    return attend(query, key, value, cache, attn_mask=lambda t: torch.ones(1, t).tril().bool())


# 04


def series_below(threshold, terms, elsewhere=torch.expm1):
    def phi(z):
        small = z.abs() < threshold
        safe = torch.where(small, 1.0, z)
        series = sum(z**j / math.factorial(j + 1) for j in range(terms))
        return torch.where(small, series, elsewhere(safe) / safe)

    return phi


STABLE = {
    "subtracted above 1e-4": (series_below(1e-4, 4, lambda z: z.exp() - 1), "e^z − 1 loses digits"),
    "subtracted above 1e-6": (series_below(1e-6, 3, lambda z: z.exp() - 1), "e^z − 1 loses digits"),
    "three terms below 0.1": (series_below(0.1, 3), "too few terms for so far"),
    "three terms below 0.2": (series_below(0.2, 3), "too few terms for so far"),
    "two terms at 0 alone": (series_below(1e-300, 2), "the gradient loses its digits"),
}
for label, (function, mistake) in STABLE.items():
    wrong("discretization.zoh-stable", mistake, label)(function)
wrong("discretization.bilinear-symbolic", "another kind of result")(lambda A, B, d, a: A * B)


# 05 and 06

wrong("scans.hillis-steele", "a join of your own")(lambda steps, _: look_back(steps, my_join))
wrong("scans.heinsen", "a loop over the steps")(lambda a, b: scan(a, b, method="sequential"))
wrong("mamba.block", "")(lambda x, parts: parts(x, parts.start(len(x)))[0])


@wrong("scans.heinsen", "too small for a number")
def divided(a, b):
    return a.cumprod(1) * (b / a.cumprod(1)).cumsum(1)


@wrong("mamba.mask", "no mask")
def both_triangles(delta):
    S = delta.cumsum(1)
    return torch.exp(-(S[:, :, None] - S[:, None]).abs())


def shapes_with_state(*state):
    def shapes(b, length, d, n, r):
        e, word = 2 * d, (b, length)
        names = {"b": b, "1": 1, "e": e, "n": n}
        own = tuple(names[name] for name in state)
        return (*word, 2 * e), (*word, r + 2 * n), (*word, e), (*word, e, n), own, (*word, d)

    return shapes


wrong("mamba.shapes", "another number of axes", "a state of no word")(shapes_with_state(*"en"))
wrong("mamba.shapes", "another number of axes", "of one letter")(shapes_with_state(*"b1en"))

# 07


@wrong("interpretability.ablation", "somebody else's hook removed")
def hook_left_none(model, source, target, layer, head):
    try:
        return by_a_hook_of_its_own(model, source, target, layer, head)
    finally:
        model.attention_layers()[layer].pattern_hook = None


@pytest.mark.parametrize(("name", "function", "mistake"), WRONG)
def test_a_wrong_answer_gets_its_name(name, function, mistake):
    verdict = judged(name, function)
    assert verdict.status in ("wrong", "error") and verdict.mistake == mistake, verdict
    assert "?" in verdict.question and "dict is expected" not in verdict.message


def test_logits_that_were_never_flattened_fail_on_the_first_input():
    first = exercises()["transformer.padded-loss"].cases()[0].label
    assert judged("transformer.padded-loss", never_flattened).details["case"] == first


def test_the_layers_that_a_leak_test_meets_are_counted():
    assert len(LEAK.cases()) == 14 and "fourteen layers" in LEAK.notice
    assert "before it" in LEAK.later, "the question of no known mistake is about layers"


def chunks_of_the_last_state(a, b, size):
    state, chunks = torch.zeros_like(b[0]), []
    for a_chunk, b_chunk in zip(a.split(size), b.split(size)):
        h, states = torch.zeros_like(state), []
        for a_t, b_t in zip(a_chunk, b_chunk):
            h = a_t * h + b_t
            states.append(h)
        chunks.append(torch.stack(states) + a_chunk.cumprod(dim=0) * state)
        state = states[-1]
    return torch.cat(chunks)


def a_step_with_a_mean(model, optimizer, source, target):
    read, asked = target[:, :-1], target[:, :-1]
    logits = model(source, read).flatten(0, 1)
    loss = F.cross_entropy(logits, asked.flatten(), reduction="mean")
    loss.backward()
    optimizer.step()
    return loss.item()


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("scans.chunks", chunks_of_the_last_state),
        ("transformer.training-step", a_step_with_a_mean),
    ],
)
def test_broken_code_that_was_changed_and_does_the_same_is_told_so(name, changed):
    verdict = judged(name, changed)
    assert (verdict.status, verdict.mistake) == ("wrong", "the bug is still there"), verdict
    assert "still does what it did" in verdict.message and "?" in verdict.question
