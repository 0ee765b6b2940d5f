"""Answers that once passed, or got a name that was not theirs."""

import pytest
import torch
import torch.nn.functional as F
from judged import judged

from course.exercises.scans import look_back, my_join
from nmt.attention import scaled_dot_product_attention
from nmt.scan import scan

MASK = "attention.causal-mask"
ATTENTION = "attention.scaled-dot-product"


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

        training = model.training
        model.eval()
        before, part.pattern_hook = loss(), off
        try:
            return before, loss()
        finally:
            part.pattern_hook = None
            model.train(training)

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
