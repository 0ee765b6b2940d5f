"""Traces: what a model did with a word, seen without changing it."""

import pytest
import torch

from nmt.data import VOCABULARY
from nmt.decoding import evaluating, greedy_decode
from nmt.pig_latin import to_pig_latin
from nmt.trace import KINDS, MambaTrace, TransformerTrace, trace, trace_ssm

WORDS = ["street", "ox", "is", "school", "an"]


def test_a_transformers_trace_holds_every_pattern_of_a_plain_pass(transformer) -> None:
    found = trace(transformer, "street", truth=True)
    assert isinstance(found, TransformerTrace) and found.written == "eetstray"
    assert found.source == [*"street", "<EOS>"]
    assert found.target == ["<SOS>", *"eetstray"]
    assert found.asked == [*"eetstray", "<EOS>"]
    shapes = [tuple(found.attention(kind).shape) for kind in KINDS]
    assert shapes == [(1, 2, 7, 7), (2, 2, 9, 9), (2, 2, 9, 7)]
    for shape, kind in zip(shapes, KINDS):
        torch.testing.assert_close(found.attention(kind).sum(-1), torch.ones(shape[:-1]))
    assert not found.decoder.triu(1).any()
    source, target = ([VOCABULARY.encode("street") + [28]], [[27] + VOCABULARY.encode("eetstray")])
    with evaluating(transformer):
        logits = transformer(torch.tensor(source), torch.tensor(target))
        hidden = transformer.embedding(torch.tensor(source))
        layer = transformer.encoder[0]
        _, weights = layer.self_attention(layer.attention_norm(hidden), return_weights=True)
    torch.testing.assert_close(found.logits, logits[0].clone(), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(found.encoder, weights.clone())
    assert found.predicted == [VOCABULARY.token(number) for number in logits[0].argmax(-1).tolist()]
    assert list(found.vectors) == ["encoder.0", "decoder.0", "decoder.1"]
    last = transformer.decoder_norm(found.vectors["decoder.1"])
    torch.testing.assert_close(transformer.output(last), found.logits)


def test_a_trace_leaves_the_model_as_it_was(transformer, mamba) -> None:
    for model in (transformer, mamba):
        trace(model.train(), "ox")
        assert model.training, "the mode of the model must be given back"
        assert not any(module._forward_hooks for module in model.modules())
    assert all(layer.pattern_hook is None for layer in transformer.attention_layers().values())
    assert all(layer.trace_hook is None for layer in mamba.ssm_layers().values())


@pytest.mark.parametrize("kind", ["transformer", "mamba"])
def test_many_words_at_once_are_the_same_as_one_by_one(kind, request) -> None:
    model = request.getfixturevalue(kind).train()  # dropout must not be heard
    together = trace(model, WORDS)
    assert [found.word for found in together] == WORDS
    assert [found.written for found in together] == greedy_decode(model, WORDS)
    for word, found in zip(WORDS, together):
        alone = trace(model, word)
        ours, theirs = ((each.logits, each.attention("cross")) for each in (found, alone))
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)
    true = [found.written for found in trace(model, WORDS, truth=True)]
    assert true == [to_pig_latin(word) for word in WORDS]
    assert trace(model, []) == []


def test_mambas_trace_has_one_entry_for_each_token_and_layer(mamba) -> None:
    found = trace(mamba, "street", written="eets")
    assert isinstance(found, MambaTrace)
    assert found.delta.shape == (2, 12, 16)
    assert found.decay.shape == (2, 12, 16, 3)
    assert found.hidden_attention().shape == (2, 16, 12, 12)
    traces, read = trace_ssm(mamba, "street", "eets")
    assert [VOCABULARY.token(number) for number in read] == [*found.source, *found.target]
    torch.testing.assert_close(traces["blocks.1.ssm"].delta[0], found.delta[1])
    recorded = found.logits, found.hidden_attention(with_skip=True), found.ssm["blocks.0.ssm"].D
    assert not any(tensor.requires_grad for tensor in recorded)


def test_groups_of_channels_go_from_short_to_long_memory(mamba) -> None:
    found = trace(mamba, "school", written="oolsch")
    memory = found.decay.abs().mean(dim=(1, 3))
    for layer, groups in enumerate(found.channel_groups(3)):
        assert sorted(sum(groups, [])) == list(range(16))
        assert [len(group) for group in groups] == [6, 5, 5]
        ordered = memory[layer, sum(groups, [])]
        assert (ordered.diff() >= 0).all()


def test_grouped_hidden_attention_is_one_triangle_in_three_parts(mamba) -> None:
    found = trace(mamba, "school", written="oolsch")
    encoder, decoder, cross = (found.attention(kind, groups=4) for kind in KINDS)
    assert encoder.shape == decoder.shape == cross.shape == (2, 4, 7, 7)
    ones = torch.ones(2, 4, 7, dtype=torch.float64)
    torch.testing.assert_close(encoder.sum(-1), ones)
    torch.testing.assert_close(cross.sum(-1) + decoder.sum(-1), ones)
    strength = found.hidden_attention()[1, found.channel_groups(4)[1][2]].abs().sum(0)
    torch.testing.assert_close(cross[1, 2, 5], strength[12, :7] / strength[12].sum())


def test_bad_input_is_refused(transformer, mamba) -> None:
    found, heads = (trace(model, "ox", written="ox") for model in (mamba, transformer))
    for message, wrong in (
        ("é", lambda: trace(mamba, "café", written="")),
        ("empty", lambda: trace(mamba, "", written="a")),
        ("not both", lambda: trace(mamba, "ox", written="a", truth=True)),
        ("2 words need", lambda: trace(mamba, ["ox", "an"], written=["a"])),
        ("16 channels make 1 to 16 groups, not 17", lambda: found.attention("cross", groups=17)),
        ("choose one of encoder, decoder, cross", lambda: found.attention("all")),
        ("heads of its own", lambda: heads.attention("cross", groups=2)),
    ):
        with pytest.raises(ValueError, match=message):
            wrong()


def test_an_answer_that_opens_a_new_word_can_be_traced_too(mamba) -> None:
    """Untrained models write `<SOS>` among their letters."""
    alone, with_another = trace(mamba, ["ox", "is"], written=["a<SOS>b", "abc"])
    assert alone.target == ["<SOS>", "a", "<SOS>", "b"]
    assert alone.asked == ["a", "<SOS>", "b", "<EOS>"]
    assert alone.logits.shape == with_another.logits.shape == (4, 29)
    assert trace_ssm(mamba, "ox", "a<SOS>b")[1] == [14, 23, 28, 27, 0, 27, 1]
