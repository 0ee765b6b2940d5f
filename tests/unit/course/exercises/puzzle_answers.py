"""Right answers to puzzles, experiments and bugs that are to be found, written in other ways."""

import numpy as np
import torch
import torch.nn.functional as F
from other_answers import ANSWERS, answers

__all__ = ["ANSWERS", "answers"]


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
    length, k = vectors.shape
    turned = torch.empty_like(vectors)
    for i in range(0, k, 2):
        angle = torch.arange(length) / base ** (i / k)
        turned[:, i] = vectors[:, i] * angle.cos() - vectors[:, i + 1] * angle.sin()
        turned[:, i + 1] = vectors[:, i] * angle.sin() + vectors[:, i + 1] * angle.cos()
    return turned


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
    wide = [[*word, size] for size in (4 * d, r + n + n, 2 * d)]
    return [*wide, [*word, 2 * d, n], [b, 2 * d, n], [*word, d]]


@answers("mamba.convolution")
def shifted_additions(x, weight, bias):
    k, length = weight.shape[0], x.shape[1]
    seen = torch.cat((torch.zeros_like(x[:, :1]).expand(-1, k - 1, -1), x), dim=1)
    return bias + sum(seen[:, j : j + length] * weight[j] for j in range(k))


def _nats(model, source, target):
    return F.cross_entropy(model(source, target[:, :-1]).flatten(0, 1), target[:, 1:].flatten())


@answers("interpretability.ablation")
def by_a_hook_of_its_own(model, source, target, layer, head):
    part = model.attention_layers()[layer]
    training, hook = model.training, part.pattern_hook

    def silence(weights):
        weights = weights.clone()
        weights[:, head] = 0
        return weights

    model.train(False)
    try:
        before = _nats(model, source, target)
        part.pattern_hook = silence
        return before.item(), _nats(model, source, target).item()
    finally:
        part.pattern_hook = hook
        model.train(training)


@answers("report.against-itself")
def by_masks(right, p_value, level):
    count, found = len(right), []
    for bits in range(2**count):
        chosen = torch.tensor([bool(bits >> run & 1) for run in range(count)])
        if chosen.sum() == count // 2:
            found.append(float(p_value(right[chosen], right[~chosen]) < level))
    return torch.tensor(found).mean()
