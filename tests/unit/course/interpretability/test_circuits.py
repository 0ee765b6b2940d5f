"""Circuits: the weights say what a pass does, and hand-made heads get the scores they deserve."""

from functools import partial

import pytest
import torch
from tiny import tiny_transformer

from course.interpretability.circuits import (
    attribute_logits,
    copying_scores,
    logit_lens,
    ov_matrices,
    scores_by_distance,
)
from nmt.data import VOCABULARY
from nmt.interventions import look_at, replace_patterns
from nmt.pig_latin import align, to_pig_latin
from nmt.transformer import Transformer

WORDS = ["street", "brown", "apple", "quick", "is"]
ENCODER, CROSS = "encoder.0.self_attention", "decoder.1.cross_attention"
make = partial(tiny_transformer, hidden_size=32, encoder_layers=2, decoder_layers=2)


def test_a_head_that_looks_at_one_place_writes_its_ov_matrix_times_what_stands_there() -> None:
    model = make()
    attention = model.attention_layers()[CROSS]
    inputs, memory = torch.randn(1, 3, 32), torch.randn(1, 4, 32)
    pattern = torch.zeros(3, 4)
    pattern[:, 2] = 1
    with torch.no_grad(), replace_patterns(model, {CROSS: look_at(pattern)}):
        written = attention(inputs, memory)
    expected = ov_matrices(model, CROSS).sum(dim=0) @ memory[0, 2]
    torch.testing.assert_close(written[0], expected.expand(3, 32))


@torch.no_grad()
def copier(head: int) -> Transformer:
    """A model whose encoder hands letters on as they are; one head writes what it reads."""
    model = make(mlp_size=4)
    for layer in model.encoder:
        layer.self_attention.to_output.weight.zero_()
        layer.mlp[2].weight.zero_()
        layer.mlp[2].bias.zero_()
    model.embedding.weight.copy_(torch.nn.functional.one_hot(torch.arange(29), 32).float())
    model.output.weight.copy_(model.embedding.weight)
    attention = model.attention_layers()[CROSS]
    half = slice(16 * head, 16 * head + 16)
    attention.to_key_value.weight[32:].normal_()
    value = attention.to_key_value.weight[32:][half]
    # As near to "copy" as rank 16 is.
    attention.to_output.weight[:, half] = torch.linalg.pinv(value)
    attention.to_output.weight[:, 16 - 16 * head : 32 - 16 * head] = 0
    return model


@pytest.mark.parametrize("head", [0, 1])
def test_a_head_made_to_copy_copies_and_a_silent_one_does_not(head: int) -> None:
    scores = copying_scores(copier(head), WORDS, CROSS)
    assert scores[head] > 0.9 and scores[1 - head] < 0.2


def test_shares_in_a_logit_add_up_to_it() -> None:
    model = make()
    parts = attribute_logits(model, WORDS)
    assert len(parts) == 1 + 2 * 2 * 2 + 2
    above, count = 0.0, 0
    with torch.no_grad():
        logits_of_bias = model.output(model.decoder_norm.bias)
        for word in WORDS:
            source = torch.tensor([[*VOCABULARY.encode(word), VOCABULARY.eos]])
            answer = to_pig_latin(word)
            target = torch.tensor([[VOCABULARY.sos, *VOCABULARY.encode(answer)]])
            logits = model(source, target)[0] - logits_of_bias
            for query, place in enumerate(align(word)):
                if place is not None:
                    right = VOCABULARY.encode(word[place])[0]
                    above += float(logits[query, right] - logits[query].mean())
                    count += 1
    assert sum(parts.values()) == pytest.approx(above / count, abs=1e-4)


def test_the_last_lens_is_the_model_and_silent_layers_change_nothing() -> None:
    model = make()
    with torch.no_grad():
        for parameter in model.decoder.parameters():
            parameter.zero_()
    found = logit_lens(model, WORDS)
    assert list(found) == ["embedding", "decoder.0", "decoder.1"]
    assert len(set(found.values())) == 1
    assert all(0 <= share <= 1 for share in logit_lens(make(), WORDS).values())


def test_a_head_that_turns_its_query_back_by_one_prefers_the_letter_before() -> None:
    model = make()
    attention = model.attention_layers()[ENCODER]
    with torch.no_grad():
        # the query's map is the key's, each pair of coordinates turned back by one place
        first, second = attention.to_key_value.weight[:32].reshape(2, 8, 2, 32).unbind(2)
        angle = attention.rotary.frequencies[None, :, None]
        cos, sin = angle.cos(), angle.sin()
        turned = torch.stack((first * cos + second * sin, second * cos - first * sin), dim=2)
        attention.to_query.weight.copy_(turned.reshape(32, 32))
    assert scores_by_distance(model, WORDS, ENCODER, range(-2, 3)).argmax(dim=1).tolist() == [1, 1]


def test_without_rotary_positions_no_distance_is_preferred() -> None:
    scores = scores_by_distance(make(positions="sinusoidal"), WORDS, ENCODER, range(-2, 3))
    torch.testing.assert_close(scores, scores[:, :1].expand_as(scores))
