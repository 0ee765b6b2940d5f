"""One word, letter by letter: the word that greedy decoding gives, and its first mistake."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import tiny_transformer

from course.interpretability.spelling import Spelling, spell
from nmt.data import VOCABULARY
from nmt.decoding import evaluating, greedy_decode

MODEL = tiny_transformer()
NOTHING = torch.zeros(1, 29)


@settings(max_examples=20)
@given(st.text("abcxyz-", min_size=1, max_size=15))
def test_spelling_is_greedy_decoding_with_its_probabilities(word):
    spelling = spell(MODEL, word)
    ended = spelling.written[-1] == "<EOS>"
    assert spelling.answer == greedy_decode(MODEL, [word])[0]
    tokens = len(spelling.answer.replace("<SOS>", "?")) + ended
    assert len(spelling.probabilities) == len(spelling.written) == tokens
    torch.testing.assert_close(spelling.probabilities.sum(dim=1), torch.ones(len(spelling.written)))
    source = torch.tensor([[*VOCABULARY.encode(word), VOCABULARY.eos]])
    with evaluating(MODEL):
        first = MODEL(source, torch.tensor([[VOCABULARY.sos]]))[0, 0].softmax(dim=-1)
    torch.testing.assert_close(spelling.probabilities[0], first)


def test_a_right_word_has_no_mistake():
    spelling = Spelling("ox", (*"oxway", "<EOS>"), (*"oxway", "<EOS>"), NOTHING)
    assert (spelling.answer, spelling.truth, spelling.first_mistake) == ("oxway", "oxway", None)
    assert spelling.right_token(5) == "<EOS>"


@pytest.mark.parametrize(
    ("written", "first"), [("oxway-e", 5), ("oxe", 2), ("exway", 0), ("oxway---", 5)]
)
def test_the_first_mistake_is_found_and_nothing_is_right_after_it(written, first):
    tokens = (*written.removesuffix("e"), *(["<EOS>"] if written.endswith("e") else []))
    spelling = Spelling("ox", tokens, ("o", "x", "w", "a", "y", "<EOS>"), NOTHING)
    assert spelling.first_mistake == first
    assert spelling.right_token(first) == spelling.rule[first]
    assert spelling.right_token(first + 1) is None


@pytest.mark.parametrize(
    ("word", "complaint"),
    [("", "empty"), ("a" * 65, "65 letters are more than the 64"), ("naïve", "'ï'")],
)
def test_what_cannot_be_spelled_is_refused(word, complaint):
    with pytest.raises(ValueError, match=complaint):
        spell(MODEL, word)
