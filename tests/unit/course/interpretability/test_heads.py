"""Roles of heads: planted heads are recognised, and heads are matched across models."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from tiny import tiny_transformer

from course.interpretability.heads import (
    ROLES,
    describe_head,
    describe_heads,
    first_vowel,
    match_heads,
    overlap,
    previous_letter_score,
    score_heads,
)
from nmt.pig_latin import align, to_pig_latin
from nmt.trace import TransformerTrace, trace

WORDS = ["brown", "street", "apple", "planet", "sky"]


def rows(places: list[int], keys: int, sharp: float = 1.0) -> torch.Tensor:
    return sharp * F.one_hot(torch.tensor(places), keys).float() + (1 - sharp) / keys


def planted(word: str) -> TransformerTrace:
    """Encoder: a previous-letter and a first-vowel head. Decoder: itself, <SOS>. Cross: copies with
    0.6 of its weight; looks everywhere.
    """
    source, target = len(word) + 1, len(to_pig_latin(word)) + 1
    truth = [len(word) if place is None else place for place in [*align(word), None]]
    before = [max(place - 1, 0) for place in range(source)]
    encoder = rows(before, source), rows([first_vowel(word)] * source, source)
    decoder = torch.eye(target), rows([0] * target, target)
    cross = rows(truth, source, 0.6), rows(truth, source, 0.0)
    patterns = (torch.stack(heads)[None] for heads in (encoder, decoder, cross))
    return TransformerTrace(word, to_pig_latin(word), torch.zeros(target, 29), {}, *patterns)


def test_previous_letter_score_is_the_mean_below_the_diagonal() -> None:
    assert previous_letter_score(torch.eye(5).roll(-1, dims=1)) == 1
    assert previous_letter_score(torch.eye(5)) == 0
    pattern = torch.rand(2, 3, 4, 4)
    by_hand = (pattern[..., 1, 0] + pattern[..., 2, 1] + pattern[..., 3, 2]) / 3
    torch.testing.assert_close(previous_letter_score(pattern), by_hand)


def test_previous_letter_score_refuses_what_has_none(without_type_checks: None) -> None:
    with pytest.raises(ValueError, match="none before it"):
        previous_letter_score(torch.ones(1, 1))
    with pytest.raises(ValueError, match="2 by 3"):
        previous_letter_score(torch.ones(2, 3))


def test_planted_heads_get_full_marks_for_their_role_only() -> None:
    traces = [planted(word) for word in WORDS]
    encoder, decoder, cross = (
        score_heads(traces, kind) for kind in ("encoder", "decoder", "cross")
    )
    for head, role in enumerate(("previous letter", "first vowel")):
        assert encoder[role].best() == (0, head) and encoder[role].weight[0, head] == 1
    assert encoder["next letter"].weight[0, 0] == 0 and encoder["end of word"].weight.max() == 0
    assert decoder["itself"].weight[0, 0] == 1 > decoder["itself"].weight[0, 1]
    assert decoder["begin (<SOS>)"].weight[0].tolist() == [0, 1]
    for role in ("copied letter", "first vowel, at <SOS>", "<EOS>, nothing to copy"):
        assert cross[role].share[0, 0] == 1
    for score in cross.values():
        assert score.weight[0, 1] == pytest.approx(score.chance, abs=1e-6)


def test_roles_say_nothing_where_two_of_them_would_agree() -> None:
    one = planted("brown")
    assert ROLES["encoder"]["begin of word"](one)[:2] == [None, None]
    assert ROLES["cross"]["first vowel, at <SOS>"](planted("apple")) == [None]
    copied, begin = ROLES["cross"]["copied letter"](one), ROLES["cross"]["begin of word"](one)
    assert all(key is None for true, key in zip(copied, begin) if true == 0)


def test_descriptions_name_the_planted_heads() -> None:
    one = planted("street")
    assert describe_head(one, "encoder", 0, 0) == "looks at the letter before (100%)"
    assert describe_head(one, "encoder", 0, 1) == "looks at the first vowel (100%)"
    assert describe_head(one, "decoder", 0, 1) == "looks at <SOS> (100%)"
    assert describe_head(one, "cross", 0, 0).startswith("looks at the letter that is copied (6")
    assert describe_head(one, "cross", 0, 1) == "diffuse (its largest weight is 14% on average)"
    assert describe_heads(one, "cross").splitlines()[1].startswith("cross layer 0 head 1: diffuse")
    with pytest.raises(ValueError, match="choose one of encoder, decoder, cross"):
        score_heads([one], "all")


@given(st.permutations(range(4)))
def test_matching_undoes_a_permutation_of_heads(order: list[int]) -> None:
    torch.manual_seed(0)
    first = [(4 * torch.randn(2, 4, 5, 6)).softmax(-1) for _ in range(6)]
    second = [pattern[:, order] for pattern in first]
    found = match_heads(first, second)
    assert found.order == [[order.index(head) for head in range(4)]] * 2
    assert found.matched == pytest.approx([1, 1], abs=1e-6) and max(found.random) < 0.7


def test_overlap_is_one_for_the_same_and_zero_for_nothing_in_common() -> None:
    left, right = rows([0, 0], 2), rows([1, 1], 2)
    shared = overlap([torch.stack([left, right])[None]], [torch.stack([left, left])[None]])
    assert shared[0].tolist() == [[1, 1], [0, 0]]


def test_real_traces_can_be_scored() -> None:
    model = tiny_transformer()
    for kind, roles in ROLES.items():
        scores = score_heads(trace(model, WORDS, truth=True), kind)
        assert set(scores) == set(roles)
        assert all(score.weight.min() >= 0 and score.weight.max() <= 1 for score in scores.values())
