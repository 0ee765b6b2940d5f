"""Interventions: they change what they name, and leave the model as it was."""

from dataclasses import replace

import pytest
import torch

from nmt.decoding import evaluating, greedy_decode
from nmt.interventions import (
    look_at,
    redirect,
    replace_choices,
    replace_patterns,
    replace_vectors,
    spread_evenly,
    switch_off,
)
from nmt.trace import trace

CROSS, ENCODER = "decoder.1.cross_attention", "encoder.0.self_attention"


def test_hooks_are_back_after_an_error_and_outer_ones_are_kept(transformer, mamba) -> None:
    own = transformer.attention_layers()[CROSS].pattern_hook = lambda weights: weights
    for change in (
        replace_patterns(transformer, {CROSS: switch_off(0), ENCODER: switch_off(1)}),
        replace_choices(mamba, {"blocks.0.ssm": lambda choice: choice}),
        replace_vectors(mamba, {"blocks.1": lambda vectors: vectors}),
    ):
        with pytest.raises(RuntimeError), change:
            raise RuntimeError
    assert transformer.attention_layers()[CROSS].pattern_hook is own
    assert transformer.attention_layers()[ENCODER].pattern_hook is None
    assert all(layer.trace_hook is None for layer in mamba.ssm_layers().values())
    assert not mamba.blocks[1]._forward_hooks


def test_an_unknown_name_changes_nothing(transformer, mamba) -> None:
    heads = {CROSS: switch_off(0), "decoder.7.cross_attention": switch_off(0)}
    choices, vectors = {"blocks.9": lambda choice: choice}, {"nothing": lambda vectors: vectors}
    for message, change in (
        (r"decoder\.7.*choose from encoder\.0", replace_patterns(transformer, heads)),
        ("blocks.9", replace_choices(mamba, choices)),
        ("nothing", replace_vectors(mamba, vectors)),
    ):
        with pytest.raises(ValueError, match=message), change:
            pass
    assert transformer.attention_layers()[CROSS].pattern_hook is None


def test_a_head_switched_off_adds_nothing(transformer) -> None:
    layer = transformer.attention_layers()[CROSS]
    inputs, memory = torch.randn(1, 3, 16), torch.randn(1, 5, 16)
    with evaluating(transformer), replace_patterns(transformer, {CROSS: switch_off(0)}):
        without = layer(inputs, memory)
    with torch.no_grad():
        layer.to_output.weight[:, :8] = 0  # what head 0 has to say is not listened to
        torch.testing.assert_close(without.clone(), layer(inputs, memory))


def test_changed_weights_are_what_the_trace_records(transformer) -> None:
    before = trace(transformer, "street", written="eets")
    even = {CROSS: spread_evenly(1), "decoder.0.self_attention": spread_evenly(causal=True)}
    with replace_patterns(transformer, even):
        with replace_patterns(transformer, {CROSS: switch_off(0)}):
            after = trace(transformer, "street", written="eets")
        outer = trace(transformer, "street", written="eets")
    torch.testing.assert_close(after.cross[1, 1], torch.full((5, 7), 1 / 7))
    assert not after.cross[1, 0].any() and outer.cross[1, 0].any()
    so_far = torch.ones(5, 5).tril() / torch.arange(1, 6)[:, None]
    torch.testing.assert_close(after.decoder[0, 0], so_far)
    torch.testing.assert_close(after.encoder, before.encoder)
    assert not torch.allclose(after.logits, before.logits)


def test_a_pattern_of_ones_own_serves_each_word_and_ends_with_its_rows(transformer) -> None:
    pattern = torch.eye(3)[torch.tensor([[0, 1], [2, 1]])]  # two words, two queries, three keys
    weights = torch.rand(2, 2, 4, 3)
    changed = look_at(pattern, 1)(weights)
    torch.testing.assert_close(changed[:, 1, :2], pattern)
    torch.testing.assert_close(changed[:, 1, 2:], weights[:, 1, 2:])
    torch.testing.assert_close(changed[:, 0], weights[:, 0])
    torch.testing.assert_close(look_at(pattern[0])(weights)[1, 0, :2], pattern[0])
    with replace_patterns(transformer, {CROSS: look_at(torch.eye(3, 3), 0)}):
        assert len(greedy_decode(transformer, ["ox", "an"], use_cache=False)) == 2


def test_even_weights_of_a_decoder_that_writes_letter_by_letter() -> None:
    # the fourth query alone, with the keys so far
    one_by_one = spread_evenly(causal=True)(torch.rand(1, 1, 1, 4))
    torch.testing.assert_close(one_by_one, torch.full((1, 1, 1, 4), 0.25))


@pytest.mark.parametrize(("kind", "part"), [("transformer", "decoder.1"), ("mamba", "blocks.1")])
def test_vectors_of_one_word_make_another_word_into_it(kind, part, request) -> None:
    model = request.getfixturevalue(kind)
    brown, crown = (trace(model, word, written="own") for word in ("brown", "crown"))
    assert not torch.allclose(brown.logits, crown.logits)
    with replace_vectors(model, {part: lambda vectors: crown.vectors[part].expand_as(vectors)}):
        patched = trace(model, "brown", written="own")
    torch.testing.assert_close(patched.logits, crown.logits)


def test_choices_of_mamba_can_be_changed(mamba) -> None:
    still = {"blocks.0.ssm": lambda choice: replace(choice, delta=0 * choice.delta)}
    with replace_choices(mamba, still):
        frozen = trace(mamba, "street", written="eets")
    assert not frozen.ssm["blocks.0.ssm"].delta.any() and frozen.ssm["blocks.1.ssm"].delta.all()
    # nothing is written into a state whose clock stands still
    assert not frozen.hidden_attention()[0].any()
    assert not torch.allclose(frozen.logits, trace(mamba, "street", written="eets").logits)


def test_redirect_turns_the_named_queries_of_the_named_heads() -> None:
    weights = torch.rand(2, 3, 4, 5).softmax(-1)
    turned = redirect([{1: 4}, {0: 2, 3: 0}], 2)(weights)
    assert turned[0, 2, 1].tolist() == [0, 0, 0, 0, 1]
    assert turned[1, 2, 0, 2] == turned[1, 2, 3, 0] == 1
    untouched = torch.ones(2, 3, 4, dtype=torch.bool)
    untouched[0, 2, 1] = untouched[1, 2, 0] = untouched[1, 2, 3] = False
    assert torch.equal(turned[untouched], weights[untouched])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (switch_off(2), "no head 2.*heads 0 to 1"),
        (look_at(torch.eye(3)), "3 keys, but this layer has 4"),
        (redirect([{}, {}]), "given for 2 words, but the batch has 1"),
        (redirect([{3: 0}]), "query 3 or key 0 is outside 3 queries by 4 keys"),
    ],
)
def test_what_is_not_there_is_named(change, message) -> None:
    with pytest.raises(ValueError, match=message):
        change(torch.rand(1, 2, 3, 4))
