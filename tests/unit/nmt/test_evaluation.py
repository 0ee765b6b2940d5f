import math

import pytest
import torch

from nmt.checkpoints import load_checkpoint
from nmt.data import load_pairs
from nmt.decoding import greedy_decode
from nmt.evaluation import evaluate, measure


def test_evaluation_counts_words_and_names_mistakes(transformer):
    pairs = load_pairs("small", "val")[:20]
    result = evaluate(transformer, pairs)
    answers = greedy_decode(transformer, [p.source for p in pairs])
    assert result.words == 20 and result.word_accuracy == 1 - len(result.mistakes) / 20
    assert {m.source: m.answer for m in result.mistakes} == {
        p.source: a for p, a in zip(pairs, answers, strict=True) if a != p.target
    }
    assert result.mistakes, "a model without training makes mistakes"


@pytest.mark.usefixtures("without_type_checks")
def test_one_pass_with_the_right_letters_tells_the_greedy_accuracy():
    shipped, held_out = load_checkpoint("transformer-small"), load_pairs("small", "val")
    wrong = {source for source, *_ in shipped.record["mistakes"]}
    pairs = [pair for pair in held_out if pair.source in wrong] + held_out[:40]
    loss, accuracy = measure(shipped.model, pairs)
    result = evaluate(shipped.model, pairs)
    assert (loss, accuracy) == (result.loss, result.word_accuracy)
    assert 0 < accuracy < 1, "else the comparison says nothing"


def test_guessing_costs_log_29_nats_a_character(transformer):
    pairs = load_pairs("small", "val")[:20]
    torch.nn.init.zeros_(transformer.output.weight)
    torch.nn.init.zeros_(transformer.output.bias)
    assert measure(transformer.double(), pairs)[0] == pytest.approx(math.log(29), abs=1e-6)
    with pytest.raises(ValueError, match="no words"):
        measure(transformer, [])
