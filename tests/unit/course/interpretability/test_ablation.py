"""What is lost without a head: counted in words, by the same rule as greedy decoding."""

from copy import deepcopy

import pytest
import torch

from course.interpretability.ablation import (
    accuracy_without,
    ask,
    before,
    ideal_pattern,
    jobs,
    letter_written,
    loss_by_job,
    measure_loss,
    replace_heads,
    teacher_batches,
)
from nmt.data import VOCABULARY, WordPair, load_pairs
from nmt.decoding import greedy_decode
from nmt.evaluation import measure
from nmt.interventions import replace_patterns, switch_off
from nmt.pig_latin import align, to_pig_latin
from nmt.transformer import Transformer

WORDS = [pair.source for pair in load_pairs("small", "val")][::6]


def test_a_word_is_right_if_greedy_decoding_spells_it_right(model: Transformer) -> None:
    layer = "encoder.0.self_attention"
    for change in ({}, {layer: switch_off(0, 1, 2, 3)}):
        with replace_patterns(model, change):
            expected = [
                answer == to_pig_latin(word)
                for word, answer in zip(WORDS, greedy_decode(model, WORDS))
            ]
        found = ask(model, WORDS, lambda words, change=change: change).right
        assert found.tolist() == expected
    assert 0 < sum(expected) < len(WORDS), "the test needs words of both kinds"


def test_batches_give_every_word_once_and_pad_behind_the_end() -> None:
    seen = []
    for rows, source, target in teacher_batches(["ox", "be", "brown", "street"]):
        for row, read, asked in zip(rows, source.tolist(), target.tolist()):
            word = ["ox", "be", "brown", "street"][row]
            seen.append(row)
            assert read == [*VOCABULARY.encode(word), VOCABULARY.eos]
            assert asked[0] == VOCABULARY.sos and VOCABULARY.decode(asked) == to_pig_latin(word)
            assert set(asked[2 + len(to_pig_latin(word)) :]) <= {VOCABULARY.eos}
    assert sorted(seen) == [0, 1, 2, 3]


def test_a_loss_knows_its_heads_and_classes(model: Transformer) -> None:
    layer = "decoder.1.cross_attention"
    loss = measure_loss(model, WORDS, layer)
    assert loss.heads == (0, 1, 2, 3)
    assert loss.lost == pytest.approx(ask(model, WORDS).accuracy - loss.accuracy)
    assert set(loss.by_class) >= {"vowel", "consonant", "cluster"}
    assert accuracy_without(model, WORDS, layer) == loss.accuracy < 0.7
    assert accuracy_without(model, WORDS, layer, 0) > 0.7


def test_the_ideal_is_better_than_its_neighbours(model: Transformer) -> None:
    layer = "decoder.1.cross_attention"
    accuracy = {
        how: measure_loss(model, WORDS, layer, (), how).accuracy
        for how in ("ideal", "ideal+1", "ideal-1")
    }
    assert accuracy["ideal"] > 0.5 > max(accuracy["ideal+1"], accuracy["ideal-1"])
    for changed, how in (("encoder.0.self_attention", "ideal"), (layer, "half")):
        with pytest.raises(ValueError, match="choose off, mean"):
            measure_loss(model, WORDS, changed, [0], how)


def test_ideal_patterns_follow_the_rule() -> None:
    pattern = ideal_pattern(["brown", "apple"])
    torch.testing.assert_close(pattern.sum(-1), torch.ones(2, 9))
    for row, word in enumerate(["brown", "apple"]):
        for query, place in enumerate(align(word)):
            assert pattern[row, query, len(word) if place is None else place] == 1
    assert ideal_pattern(["brown"], 1)[0, 0, 3] == 1 and ideal_pattern(["apple"], -1)[0, 0, 0] == 1


def test_the_letter_written_is_the_next_of_the_answer(model: Transformer) -> None:
    assert letter_written(model, ["brown", "apple", "street"], [3, 5, 8]) == ["b", "w", "<EOS>"]
    assert letter_written(model, ["brown"], [0], answers=[""]) == ["o"]


def test_the_loss_is_that_of_evaluation_token_by_token(model: Transformer) -> None:
    found = ask(model, WORDS)
    loss, accuracy = measure(model, [WordPair.of(word) for word in WORDS])
    assert found.loss == pytest.approx(loss, rel=1e-4)
    assert found.right.double().mean().item() == pytest.approx(accuracy)
    assert [len(one) for one in found.losses] == [len(to_pig_latin(word)) + 1 for word in WORDS]


def test_a_head_is_replaced_by_its_mean_or_by_another_words_output_and_comes_back(
    model: Transformer,
) -> None:
    layer, size = "encoder.0.self_attention", 16
    words = ["street", "planet", "orange"]
    output = model.attention_layers()[layer].to_output
    seen: list[torch.Tensor] = []

    def written() -> torch.Tensor:
        with before(output, lambda _module, inputs: seen.append(inputs[0].clone())):
            ask(model, words)
        return seen[-1]

    own = written()
    with replace_heads(model, layer, [2], "mean", words):
        mean = written()
    with replace_heads(model, layer, [2], "resample"):
        other = written()
    head, rest = slice(2 * size, 3 * size), slice(0, 2 * size)
    torch.testing.assert_close(mean[..., head], own[..., head].mean(dim=(0, 1)).expand(3, 7, size))
    torch.testing.assert_close(other[..., head], own.roll(1, 0)[..., head])
    for changed in (mean, other):
        torch.testing.assert_close(changed[..., rest], own[..., rest])
    torch.testing.assert_close(written(), own)


def test_a_constant_head_is_its_own_mean(model: Transformer) -> None:
    layer = "decoder.1.self_attention"
    off = measure_loss(model, WORDS, layer).loss
    assert off > ask(model, WORDS).loss
    model = deepcopy(model)
    with torch.no_grad():  # values of zero: the layer writes nothing, and nothing can be lost
        model.attention_layers()[layer].to_key_value.weight[64:] = 0
    for how in ("off", "mean", "resample", "uniform"):
        assert measure_loss(model, WORDS, layer, (), how).loss == pytest.approx(off)


def test_each_token_has_a_job_and_losses_are_sorted_by_it(model: Transformer) -> None:
    copy, nothing = "another letter", "nothing to copy"
    found = ["first letter", copy, copy, "back to the onset", copy, nothing, nothing, nothing]
    assert jobs("brown") == found
    assert jobs("is") == ["first letter", copy, nothing, nothing, nothing, nothing]
    outcome = ask(model, ["brown", "is"])
    by_job = loss_by_job(["brown", "is"], outcome)
    assert by_job["back to the onset"] == pytest.approx(float(outcome.losses[0][3]))
    assert set(by_job) == set(found)
