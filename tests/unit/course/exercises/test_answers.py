"""Right answers pass, however they are written; those of the course itself too."""

import pytest
import torch
from judged import judged
from puzzle_answers import ANSWERS, answers

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

# The course's own: where nmt's function has another signature, in that of the exercise

for name, function in (
    ("attention.scaled-dot-product", scaled_dot_product_attention),
    ("attention.causal-mask", causal_mask),
    ("attention.sinusoidal-positions", sinusoidal_table),
    ("discretization.zoh-stable", phi1),
    ("scans.join", affine),
    ("scans.heinsen", heinsen),
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
    x, delta, B, C = (each[:, None] for each in (x, delta, B, C))
    y, after = selective_scan_with_state(x, delta, A, B, C, D, state)
    return y[:, 0], after


@answers("interpretability.hidden-attention")
def own_hidden(delta, A, B, C):
    x, D = torch.zeros_like(delta), delta.new_zeros(delta.shape[-1])
    return hidden_attention(SSMTrace(x, delta, A, B, C, D, "mixed"))


@pytest.mark.parametrize(("name", "function"), ANSWERS)
def test_a_right_answer_passes_however_it_is_written(name, function):
    verdict = judged(name, function)
    assert verdict.status == "correct", verdict


def test_each_exercise_has_one():
    assert {answer.values[0] for answer in ANSWERS} == exercises().keys()
