"""Right answers that look nothing like ours: loops, matmul, other kinds of number, numpy, changes
in place.
"""

import itertools
import math

import numpy as np
import pytest
import sympy
import torch

from nmt.data import VOCABULARY
from nmt.selective_scan import selective_scan

ANSWERS: list = []


def answers(name):
    def add(function):
        ANSWERS.append(pytest.param(name, function, id=f"{name}: {function.__name__}"))
        return function

    return add


# 01


@answers("data.rule")
def by_letters(word):
    front, rest = [], list(enumerate(word))
    if word[0] not in "aeiouy" and any(letter in "aeiouy" for letter in word):
        while rest[0][1] not in ("aeiou" if not front else "aeiouy"):
            front.append(rest.pop(0))
        if front[-1][1] == "q" and rest[0][1] == "u":
            front.append(rest.pop(0))
    added = [(None, letter) for letter in ("way" if word[0] in "aeiou" else "ay")]
    places, letters = zip(*rest, *front, *added)
    return "".join(letters), places


@answers("data.buckets")
def by_sorting(pairs, batch_size):
    pairs = sorted(pairs, key=lambda pair: (len(pair[0]), len(pair[1])))
    batches = []
    for _, group in itertools.groupby(pairs, key=lambda pair: (len(pair[0]), len(pair[1]))):
        while batch := list(itertools.islice(group, batch_size)):
            batches.append(batch)
    return batches


# 02


@answers("attention.scaled-dot-product")
def by_matmul(query, key, value, mask):
    scores = query @ key.transpose(-1, -2) * query.size(-1) ** -0.5
    if mask is not None:
        scores[~mask.expand_as(scores)] = float("-inf")  # in place, on a tensor of its own
    weights = torch.softmax(scores, -1)
    return torch.matmul(weights, value), weights


@answers("attention.scaled-dot-product")
def row_by_row_in_float64(query, key, value, mask):
    query, key, value = query.double(), key.double(), value.double()
    allowed = torch.ones(query.shape[-2], key.shape[-2]) if mask is None else mask
    rows = []
    for place in range(query.shape[-2]):
        scores = key @ query[..., place, :, None] / math.sqrt(query.shape[-1])
        exponentials = torch.exp(scores[..., 0] - scores.amax(-2)) * allowed[..., place, :]
        rows.append(exponentials / exponentials.sum(-1, keepdim=True))
    weights = torch.stack(rows, -2)
    return weights @ value, weights


@answers("attention.causal-mask")
def by_lists(queries, keys):
    return [[key <= query + keys - queries for key in range(keys)] for query in range(queries)]


@answers("attention.causal-mask")
def by_numpy(queries, keys):
    return np.tri(queries, keys, keys - queries, dtype=bool)


@answers("attention.multi-head")
def head_by_head(inputs, memory, to_query, to_key, to_value, to_output, num_heads):
    query, key, value = inputs @ to_query.T, memory @ to_key.T, memory @ to_value.T
    result = torch.zeros_like(inputs)
    for own in torch.arange(inputs.shape[-1]).chunk(num_heads):
        weights = (query[..., own] @ key[..., own].mT / len(own) ** 0.5).softmax(-1)
        result = result + weights @ value[..., own] @ to_output[:, own].T
    return result


# 03


@answers("attention.sinusoidal-positions")
def by_numpy_powers(length, hidden_size, base):
    rates = np.exp(-np.log(base) * np.arange(0, hidden_size, 2) / hidden_size)
    angle = np.outer(np.arange(length), rates)
    return np.stack([np.sin(angle), np.cos(angle)], axis=-1).reshape(length, hidden_size)


@answers("transformer.encoder-layer")
def encoder_in_place(x, parts):
    y = parts.attention_norm(x)
    x = parts.self_attention(y, y).add_(x)
    return parts.mlp(parts.mlp_norm(x)).add_(x)


@answers("transformer.decoder-layer")
def decoder_row_by_row(x, notes, parts):
    rows = []
    for t in range(x.shape[1]):  # the last row of each prefix sees all that it may
        seen = parts.self_norm(x[:, : t + 1])
        row = x[:, t : t + 1] + parts.self_attention(seen)[:, -1:]
        row = row + parts.cross_attention(parts.cross_norm(row), notes)
        rows.append(row + parts.mlp(parts.mlp_norm(row)))
    return torch.cat(rows, dim=1)


@answers("transformer.greedy-word")
def a_growing_tensor(model, source, most):
    written = torch.full((1, 1), VOCABULARY.sos)
    for _ in range(most):
        best = model(source, written)[:, -1].argmax(dim=-1, keepdim=True)
        written = torch.cat((written, best), dim=1)
        if best.item() == VOCABULARY.eos:
            break
    return written[0, 1:].numpy()


# 04


@answers("discretization.bilinear")
def by_solve(delta, A, B, alpha):
    eye = torch.eye(A.shape[0])
    M = eye - (1 - alpha) * delta * A
    return torch.linalg.solve(M, eye + alpha * delta * A), torch.linalg.solve(M, delta * B)


@answers("discretization.bilinear-symbolic")
def by_hand(A, B, delta, alpha):
    M = 1 - delta * A + alpha * delta * A
    return sympy.expand((1 + alpha * A * delta) / M), B / (M / delta)


@answers("discretization.zoh-stable")
def as_a_mean_of_exponentials(z):
    nodes, weights = np.polynomial.legendre.leggauss(24)  # the mean of e^s for s from 0 to z
    nodes, weights = torch.tensor((nodes + 1) / 2), torch.tensor(weights / 2)
    return (torch.exp(z[..., None] * nodes) * weights).sum(-1)


# 05


@answers("scans.join")
def join_by_matrices(earlier, later):
    def matrix(step):
        a, b = map(torch.as_tensor, step)
        rows = (a, b), (torch.zeros_like(a), torch.ones_like(a))
        return torch.stack([torch.stack(row, -1) for row in rows], -2)

    both = matrix(later) @ matrix(earlier)
    return both[..., 0, 0], both[..., 0, 1]


@answers("scans.hillis-steele")
def by_halves(steps, join):
    """Sklansky's tree: as few rounds, fewer joins."""
    if len(steps) == 1:
        return steps
    middle = (len(steps) + 1) // 2
    left, right = by_halves(steps[:middle], join), by_halves(steps[middle:], join)
    return left + [join(left[-1], each) for each in right]


@answers("scans.heinsen")
def by_complex_numbers_throughout(a, b):
    log_a, log_b = a.to(torch.complex128).log(), b.to(torch.complex128).log()
    S = torch.cumsum(log_a, axis=1)
    return torch.real(torch.exp(S + torch.logcumsumexp(log_b - S, 1)))


# 06


@answers("mamba.choose")
def choose_by_logaddexp(x, select, to_delta, delta_bias):
    together = torch.einsum("ble,fe->blf", x, select)
    r = to_delta.size(1)
    n = (together.size(-1) - r) // 2
    before = torch.einsum("blr,er->ble", together[..., :r], to_delta) + delta_bias
    return torch.logaddexp(before, torch.zeros(())), together[..., r : r + n], together[..., -n:]


@answers("mamba.selective-scan")
def unrolled_in_float64(x, delta, A, B, C, D):
    x, delta, A, B, C = (tensor.double() for tensor in (x, delta, A, B, C))
    S = torch.einsum("ble,en->blen", delta, A).cumsum(1)
    later = S[:, :, None] - S[:, None]  # b t s e n
    mask = torch.ones(x.shape[1], x.shape[1]).tril().bool()[None, :, :, None, None]
    kept = torch.where(mask, torch.where(mask, later, 0).exp(), 0)
    return torch.einsum("btsen,bse,bsn,btn->bte", kept, delta * x, B, C) + D * x


@answers("mamba.block")
def block_step_by_step(inputs, parts):
    memory = parts.start(len(inputs))
    branch, gate = parts.widen(parts.norm(inputs)).tensor_split(2, dim=-1)
    seen = parts.convolution(branch, memory.window)[0]
    found = parts.ssm(torch.nn.SiLU()(seen), memory.state)[0]
    return parts.narrow(torch.nn.functional.silu(gate).mul(found)).add(inputs)


@answers("mamba.step")
def step_in_numpy(x, state, delta, A, B, C, D):
    x, state, delta, A, B, C, D = (
        tensor.numpy().astype(np.float64) for tensor in (x, state, delta, A, B, C, D)
    )
    new = np.exp(delta[..., None] * A) * state + (delta * x)[..., None] * B[:, None]
    return (new * C[:, None]).sum(-1) + D * x, new


@answers("mamba.mask")
def mask_row_by_row(delta):
    rows = []
    left = torch.zeros_like(delta)
    for t in range(delta.shape[1]):
        left = left * torch.exp(-delta[:, t, None])
        left[:, t] = 1
        rows.append(left)
    return torch.stack(rows, dim=1)


# 07


@answers("interpretability.previous-letter")
def by_a_shifted_eye(pattern):
    before = np.eye(pattern.shape[-1], k=-1)
    return (pattern.numpy() * before).sum(axis=(-1, -2)) / before.sum()


@answers("interpretability.hidden-attention")
def by_asking_the_scan(delta, A, B, C):
    columns = []
    for s in range(delta.shape[1]):  # what one unit of x at s does to each y
        x = torch.zeros_like(delta)
        x[:, s] = 1
        columns.append(selective_scan(x, delta, A, B, C))
    return torch.stack(columns, dim=-1).transpose(1, 2)
