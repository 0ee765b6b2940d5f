"""Wrong answers that look nothing like our slips, and the name that each gets."""

import math

import pytest
import torch
import torch.nn.functional as F
from judged import judged

from course.exercises import exercises
from course.exercises.attention_puzzles import LEAK

WRONG: list = []


def wrong(name, mistake):
    def add(function):
        label = f"{name}: {function.__name__}"
        WRONG.append(pytest.param(name, function, mistake, id=label))
        return function

    return add


def moved(layer, x, places, seen=slice):
    """Does an output that is looked at change with one of these letters?"""
    before = layer(x)
    for t in places:
        y = x.clone()
        y[:, t] += torch.randn(x.shape[-1])
        if not torch.allclose(layer(y)[:, seen(t)], before[:, seen(t)], atol=1e-6):
            return True
    return False


@wrong("attention.leak", "the last letter is never moved")
def stops_early(layer, x):
    return moved(layer, x, range(1, x.shape[1] - 1))


@wrong("mamba.mask", "no mask")
def both_triangles(delta):
    S = delta.cumsum(1)
    return torch.exp(-(S[:, :, None] - S[:, None]).abs())


@wrong("attention.leak", "letter 2 is never moved")
def starts_late(layer, x):
    return moved(layer, x, range(2, x.shape[1]))


@wrong("attention.leak", "a change that a LayerNorm takes away")
def doubles(layer, x):
    before = layer(x)
    for t in range(1, x.shape[1]):
        y = torch.cat([x[:, :t], 2 * x[:, t : t + 1], x[:, t + 1 :]], 1)
        if not torch.allclose(layer(y)[:, :t], before[:, :t], atol=1e-6):
            return True
    return False


@wrong("attention.leak", "only the last letter is moved")
def the_last(layer, x):
    return moved(layer, x, [-1])


@wrong("attention.leak", "only letter 2 is moved")
def the_second(layer, x):
    return moved(layer, x, [1])


@wrong("attention.leak", "only one output is compared")
def only_the_neighbour(layer, x):
    return moved(layer, x, range(1, x.shape[1]), lambda t: slice(t - 1, t))


@wrong("attention.leak", "only one output is compared")
def only_the_first(layer, x):
    return moved(layer, x, range(1, x.shape[1]), lambda t: slice(1))


@wrong("attention.leak", "the neighbour's output is not compared")
def all_but_the_neighbour(layer, x):
    return moved(layer, x, range(1, x.shape[1]), lambda t: slice(t - 1))


@wrong("attention.leak", "earlier changes are still there")
def another_name(layer, x):
    before = layer(x)
    for t in range(1, x.shape[1]):
        y = x
        y[:, t] += torch.randn(x.shape[-1])
        if not torch.allclose(layer(y)[:, :t], before[:, :t], atol=1e-6):
            return True
    return False


@wrong("attention.leak", "earlier changes are still there")
def one_copy_for_all(layer, x):
    before, y = layer(x), x.clone()
    for t in range(1, x.shape[1]):
        y[:, t] += torch.randn(x.shape[-1])
        if not torch.allclose(layer(y)[:, :t], before[:, :t], atol=1e-6):
            return True
    return False


@wrong("attention.leak", "output and input compared")
def changed_at_all(layer, x):
    return bool((layer(x) - x).abs().max() > 1e-6)


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


def series_below(threshold, terms, elsewhere):
    def phi(z):
        small = z.abs() < threshold
        safe = torch.where(small, 1.0, z)
        series = sum(z**j / math.factorial(j + 1) for j in range(terms))
        return torch.where(small, series, elsewhere(safe) / safe)

    return phi


@wrong("discretization.zoh-stable", "e^z − 1 loses digits")
def subtracted_above_a_ten_thousandth(z):
    return series_below(1e-4, 4, lambda safe: torch.exp(safe) - 1)(z)


@wrong("discretization.zoh-stable", "e^z − 1 loses digits")
def subtracted_above_a_millionth(z):
    return series_below(1e-6, 3, lambda safe: torch.exp(safe) - 1)(z)


@wrong("discretization.zoh-stable", "too few terms for so far")
def three_terms_below_a_tenth(z):
    return series_below(0.1, 3, torch.expm1)(z)


@wrong("mamba.shapes", "another number of axes")
def a_state_of_no_word(b, length, d, n, r):
    e, word = 2 * d, (b, length)
    return (*word, 2 * e), (*word, r + 2 * n), (*word, e), (*word, e, n), (e, n), (*word, d)


@wrong("mamba.shapes", "another number of axes")
def a_state_of_one_letter(b, length, d, n, r):
    e, word = 2 * d, (b, length)
    return (*word, 2 * e), (*word, r + 2 * n), (*word, e), (*word, e, n), (b, 1, e, n), (*word, d)


@pytest.mark.parametrize(("name", "function", "mistake"), WRONG)
def test_a_wrong_answer_gets_its_name(name, function, mistake):
    verdict = judged(name, function)
    assert verdict.status in ("wrong", "error") and verdict.mistake == mistake, verdict
    assert "?" in verdict.question


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
