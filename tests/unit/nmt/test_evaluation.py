import pytest

from nmt.checkpoints import build_model
from nmt.data import load_pairs
from nmt.decoding import greedy_decode
from nmt.evaluation import evaluate


def test_evaluation_counts_words_and_names_mistakes():
    model = build_model({"kind": "transformer", "hidden_size": 8, "num_heads": 1})
    pairs = load_pairs("small", "val")[:20]
    result = evaluate(model, pairs)
    answers = greedy_decode(model, [p.source for p in pairs])
    assert result.words == 20 and result.word_accuracy == 1 - len(result.mistakes) / 20
    assert {m.source: m.answer for m in result.mistakes} == {
        p.source: a for p, a in zip(pairs, answers, strict=True) if a != p.target
    }
    assert result.mistakes, "a model without training makes mistakes"
    with pytest.raises(ValueError, match="no words"):
        evaluate(model, [])
