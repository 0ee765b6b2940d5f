"""Right answers that look nothing like ours: loops, matmul, other kinds of number, numpy, changes
in place. All must pass.
"""

import itertools
import math

import numpy as np
import pytest
import sympy
import torch
import torch.nn.functional as F
from einops import repeat
from judged import judged

from course.exercises import exercises
from course.interpretability.heads import previous_letter_score
from nmt.attention import MultiHeadAttention, causal_mask, scaled_dot_product_attention
from nmt.batches import LengthBuckets
from nmt.data import VOCABULARY, WordPair
from nmt.discretization import StateSpace, discretize_system, phi1
from nmt.hidden_attention import hidden_attention
from nmt.mamba import MambaConfig
from nmt.parallel_scan import affine, heinsen
from nmt.pig_latin import align, to_pig_latin
from nmt.positions import sinusoidal_table
from nmt.selective_scan import selective_scan, selective_scan_with_state
from nmt.selective_ssm import SelectiveSSM, SSMTrace

ANSWERS: list = []


def answers(name):
    def add(function):
        ANSWERS.append(pytest.param(name, function, id=f"{name}: {function.__name__}"))
        return function

    return add


# 01
# --------------------------------------------------------------------------------------------------


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
        group = list(group)
        while group:
            batches.append(group[:batch_size])
            del group[:batch_size]
    return batches


# 02
# --------------------------------------------------------------------------------------------------


@answers("attention.scaled-dot-product")
def by_matmul(query, key, value, mask):
    scores = query @ key.transpose(-1, -2) * query.size(-1) ** -0.5
    if mask is not None:
        scores[~mask.expand_as(scores)] = float("-inf")  # in place, on a tensor of its own
    weights = torch.softmax(scores, -1)
    return torch.matmul(weights, value), weights


@answers("attention.scaled-dot-product")
def by_loops_in_float64(query, key, value, mask):
    query, key, value = query.double(), key.double(), value.double()
    shape = (*query.shape[:-1], key.shape[-2])
    allowed = torch.ones(shape, dtype=torch.bool) if mask is None else mask.expand(shape)
    outputs, table = [], []
    for index in itertools.product(*map(range, shape[:-1])):
        scores = torch.stack(
            [
                query[index] @ key[(*index[:-1], s)] / math.sqrt(query.shape[-1])
                for s in range(shape[-1])
            ]
        )
        exponentials = torch.exp(scores - scores.max()) * allowed[index]
        table.append(exponentials / exponentials.sum())
        outputs.append(table[-1] @ value[index[:-1]])
    return torch.stack(outputs).view(*shape[:-1], -1), torch.stack(table).view(shape)


@answers("attention.causal-mask")
def by_lists(queries, keys):
    return [[key <= query + keys - queries for key in range(keys)] for query in range(queries)]


@answers("attention.causal-mask")
def by_numpy(queries, keys):
    return np.tri(queries, keys, keys - queries, dtype=bool)


@answers("attention.multi-head")
def head_by_head(inputs, memory, to_query, to_key, to_value, to_output, num_heads):
    size = inputs.shape[-1] // num_heads
    result = torch.zeros_like(inputs)
    for head in range(num_heads):
        own = slice(head * size, (head + 1) * size)
        query, key, value = (
            inputs @ to_query[own].T,
            memory @ to_key[own].T,
            memory @ to_value[own].T,
        )
        weights = (query @ key.mT / size**0.5).softmax(-1)
        result = result + weights @ value @ to_output[:, own].T
    return result


# 03
# --------------------------------------------------------------------------------------------------


@answers("attention.sinusoidal-positions")
def by_numpy_powers(length, hidden_size, base):
    angle = np.outer(
        np.arange(length), np.exp(-np.log(base) * np.arange(0, hidden_size, 2) / hidden_size)
    )
    return np.stack([np.sin(angle), np.cos(angle)], axis=-1).reshape(length, hidden_size)


@answers("transformer.encoder-layer")
def encoder_in_place(x, parts):
    for norm, part in (
        (parts.attention_norm, lambda y: parts.self_attention(y, y)),
        (parts.mlp_norm, parts.mlp),
    ):
        x = part(norm(x)).add_(x)
    return x


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
# --------------------------------------------------------------------------------------------------


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
# --------------------------------------------------------------------------------------------------


@answers("scans.join")
def join_by_matrices(earlier, later):
    def matrix(step):
        a, b = map(torch.as_tensor, step)
        return torch.stack(
            (torch.stack((a, b), -1), torch.stack((torch.zeros_like(a), torch.ones_like(a)), -1)),
            -2,
        )

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
# --------------------------------------------------------------------------------------------------


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
# --------------------------------------------------------------------------------------------------


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


def _nats(model, source, target):
    return F.cross_entropy(model(source, target[:, :-1]).flatten(0, 1), target[:, 1:].flatten())


@answers("interpretability.ablation")
def by_a_hook_of_its_own(model, source, target, layer, head):
    before = _nats(model, source, target)
    part = dict(model.named_modules())[layer]

    def silence(weights):
        weights = weights.clone()
        weights[:, head] = 0
        return weights

    before_us, part.pattern_hook = part.pattern_hook, silence
    try:
        return before.item(), _nats(model, source, target).item()
    finally:
        part.pattern_hook = before_us


@answers("report.against-itself")
def by_masks(right, p_value, level):
    count, found = len(right), []
    for bits in range(2**count):
        chosen = torch.tensor([bool(bits >> run & 1) for run in range(count)])
        if chosen.sum() == count // 2:
            found.append(float(p_value(right[chosen], right[~chosen]) < level))
    return torch.tensor(found).mean()


# The course's own: where nmt's function has another signature, in that of the exercise
# --------------------------------------------------------------------------------------------------

for name, function in (
    ("attention.scaled-dot-product", scaled_dot_product_attention),
    ("attention.causal-mask", causal_mask),
    ("attention.sinusoidal-positions", sinusoidal_table),
    ("discretization.zoh-stable", phi1),
    ("scans.join", affine),
    ("mamba.selective-scan", selective_scan),
    ("interpretability.previous-letter", previous_letter_score),
):
    answers(name)(function)
answers("data.rule")(lambda word: (to_pig_latin(word), align(word)))


@answers("data.buckets")
def own_buckets(pairs, batch_size):
    words = [WordPair(source, target, "consonant", "train") for source, target in pairs]
    decode = VOCABULARY.decode
    return [
        [(decode(source), decode(target)) for source, target in zip(batch.source, batch.target)]
        for batch in LengthBuckets(words, batch_size, shuffle=False).epoch(0)
    ]


@answers("attention.multi-head")
def own_heads(inputs, memory, to_query, to_key, to_value, to_output, num_heads):
    layer = MultiHeadAttention(inputs.shape[-1], num_heads).to(inputs.dtype)
    weights = {
        "to_query.weight": to_query,
        "to_key_value.weight": torch.cat((to_key, to_value)),
        "to_output.weight": to_output,
    }
    return torch.func.functional_call(layer, weights, (inputs, memory))


@answers("discretization.bilinear")
def own_bilinear(delta, A, B, alpha):
    n, m = B.shape
    system = StateSpace(A, B, A.new_zeros(1, n), A.new_zeros(1, m))
    discrete = discretize_system("generalized_bilinear", delta, system, alpha)
    return discrete.A, discrete.B


@answers("scans.heinsen")
def own_heinsen(a, b):
    return heinsen(a, b)


@answers("mamba.choose")
def own_choice(x, select, to_delta, delta_bias):
    e, rank = to_delta.shape
    n = (len(select) - rank) // 2
    ssm = SelectiveSSM(MambaConfig(hidden_size=e, expansion=1, state_size=n, delta_rank=rank))
    maps = (ssm.select, "weight", select), (ssm.to_delta, "weight", to_delta)
    for module, name, value in (*maps, (ssm, "delta_bias", delta_bias)):
        delattr(module, name)  # a plain tensor in the parameter's place: gradients reach it
        setattr(module, name, value)
    trace = ssm.choose(x)
    return trace.delta, trace.B, trace.C


@answers("mamba.step")
def own_step(x, state, delta, A, B, C, D):
    letter = (each[:, None] for each in (x, delta))
    y, after = selective_scan_with_state(*letter, A, B[:, None], C[:, None], D, state)
    return y[:, 0], after


@answers("interpretability.hidden-attention")
def own_hidden(delta, A, B, C):
    nothing = torch.zeros_like(delta), delta.new_zeros(delta.shape[-1])
    return hidden_attention(SSMTrace(nothing[0], delta, A, B, C, nothing[1], "mixed"))


# puzzles
# --------------------------------------------------------------------------------------------------


@answers("attention.shapes")
def as_lists(b, q, s, d, h):
    cut = [b, h, q, d // h]
    return cut, [b, h, q, s], np.array(cut), torch.tensor([b, q, d])


@answers("attention.leak")
def by_the_gradient(layer, x):
    x = x.requires_grad_()
    for place in range(x.shape[1] - 1):
        (slope,) = torch.autograd.grad((layer(x)[:, place] ** 2).sum(), x)
        if slope[:, place + 1 :].abs().max() > 1e-7:
            return True
    return False


@answers("attention.rotary")
def turned_by_hand(vectors, base):
    rows = []
    for place, row in enumerate(vectors):
        hands = []
        for i in range(0, len(row), 2):
            angle = torch.tensor(place / base ** (i / len(row)))
            hands.append(row[i] * angle.cos() - row[i + 1] * angle.sin())
            hands.append(row[i] * angle.sin() + row[i + 1] * angle.cos())
        rows.append(torch.stack(hands))
    return torch.stack(rows)


@answers("transformer.padded-loss")
def ignoring(logits, asked, real):
    return F.cross_entropy(logits.mT, asked.masked_fill(~real, -100))


@answers("transformer.training-step")
def the_step_by_hand(model, optimizer, source, target):
    loss = F.cross_entropy(model(source, target[:, :-1]).mT, target[:, 1:])
    weights = list(model.parameters())
    slopes = torch.autograd.grad(loss, weights)
    with torch.no_grad():
        for weight, slope in zip(weights, slopes):
            weight -= optimizer.param_groups[0]["lr"] * slope
    return float(loss.detach())


@answers("transformer.cache")
def the_last_row_of_all(query, key, value, cache):
    keys, values = torch.hstack((cache[0], key)), torch.hstack((cache[1], value))
    scores = torch.einsum("bqk,bsk->bqs", query, keys) * query.shape[2] ** -0.5
    return torch.einsum("bqs,bsw->bqw", scores.softmax(2), values), (keys, values)


@answers("scans.price")
def one_round_after_the_other(length):
    joins = rounds = 0
    while 2**rounds < length:
        joins, rounds = joins + length - 2**rounds, rounds + 1
    return [torch.tensor(joins), rounds]


@answers("scans.chunks")
def state_by_state(a, b, size):
    h, states = 0, []
    for decay, paid in zip(a, b):
        states.append(h := decay * h + paid)
    return torch.stack(states)


@answers("mamba.shapes")
def as_a_list(b, length, d, n, r):
    word = [b, length]
    return [
        *([*word, size] for size in (4 * d, r + n + n, 2 * d)),
        [*word, 2 * d, n],
        [b, 2 * d, n],
        [*word, d],
    ]


@answers("mamba.convolution")
def shifted_additions(x, weight, bias):
    k, length = weight.shape[0], x.shape[1]
    seen = torch.cat((torch.zeros_like(x[:, :1]).expand(-1, k - 1, -1), x), dim=1)
    return bias + sum(seen[:, j : j + length] * weight[j] for j in range(k))


@pytest.mark.parametrize(("name", "function"), ANSWERS)
def test_a_right_answer_passes_however_it_is_written(name, function):
    verdict = judged(name, function)
    assert verdict.status == "correct", verdict


def test_each_exercise_has_one():
    assert {answer.values[0] for answer in ANSWERS} == exercises().keys()


def test_repeat_is_no_answer():
    """A guard for this file: something near the truth fails."""
    near = lambda q, k: repeat(torch.arange(k) <= k // 2, "k -> q k", q=q)  # noqa: E731
    assert judged("attention.causal-mask", near).status == "wrong"
