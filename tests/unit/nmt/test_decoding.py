"""Greedy decoding with and without its cache, and the translator around it."""

from dataclasses import dataclass

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tiny import tiny_transformer
from torch import nn

from nmt.data import VOCABULARY
from nmt.decoding import (
    _INVISIBLE,
    Seq2Seq,
    Translation,
    evaluating,
    greedy_decode,
    translate,
)
from nmt.pig_latin import DASH, LETTERS, to_pig_latin
from nmt.positions import SCHEMES
from nmt.transformer import Transformer

WORDS = st.lists(st.text(alphabet=LETTERS + DASH, min_size=1, max_size=9), min_size=1, max_size=8)


@dataclass(frozen=True)
class Notes:
    """What the rule model remembers: the whole answers, and how much of them is written."""

    answers: torch.Tensor
    written: int

    def select(self, rows: torch.Tensor) -> "Notes":
        return Notes(self.answers[rows], self.written)


class RuleModel(Seq2Seq):
    """A "model" that knows the rule, and notes which steps it was asked for."""

    def __init__(self, rule=to_pig_latin) -> None:
        super().__init__()
        self.rule, self.weight = rule, nn.Parameter(torch.zeros(()))
        self.batch_sizes: list[int] = []
        self.modes: list[bool] = []

    def _answers(self, source: torch.Tensor) -> torch.Tensor:
        self.modes.append(self.training)
        spelled = [self.rule(VOCABULARY.decode(ids)) for ids in source]
        rows = [VOCABULARY.encode(word) if word else [] for word in spelled]
        return torch.tensor([(row + 200 * [VOCABULARY.eos])[:200] for row in rows])

    def forward(self, source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        answers = self._answers(source)[:, : target.shape[1]]
        return nn.functional.one_hot(answers, VOCABULARY.size).double()

    def start(self, source: torch.Tensor) -> Notes:
        return Notes(self._answers(source), 0)

    def step(self, token: torch.Tensor, cache: Notes) -> tuple[torch.Tensor, Notes]:
        self.batch_sizes.append(len(token))
        logits = nn.functional.one_hot(cache.answers[:, cache.written], VOCABULARY.size).double()
        return logits, Notes(cache.answers, cache.written + 1)


def random_model(seed: int, scheme: str) -> Transformer:
    """Untrained, but eager to stop, so that it spells different nonsense for different words."""
    model = tiny_transformer(seed, positions=scheme).double()
    with torch.no_grad():
        model.output.bias[VOCABULARY.eos] = 1.0
    return model


# Greedy decoding


@settings(max_examples=25)
@given(st.integers(0, 1000), st.sampled_from(SCHEMES), WORDS)
def test_the_cache_changes_nothing(seed: int, scheme: str, words: list[str]) -> None:
    model = random_model(seed, scheme)
    assert greedy_decode(model, words) == greedy_decode(model, words, use_cache=False)


@given(WORDS, st.integers(1, 4), st.booleans())
def test_every_answer_comes_to_its_word(words: list[str], batch_size: int, use_cache: bool) -> None:
    answers = greedy_decode(RuleModel(), words, batch_size=batch_size, use_cache=use_cache)
    assert answers == [to_pig_latin(word) for word in words]


def test_words_leave_the_batch_at_their_end() -> None:
    model = RuleModel()
    assert greedy_decode(model, ["easy", "team", "mmmm"]) == ["easyway", "eamtay", "mmmmay"]
    # eamtay and mmmmay: 6 letters and <EOS>; easyway: one more
    assert model.batch_sizes == [3] * 7 + [1]


@pytest.mark.parametrize("use_cache", [True, False])
@pytest.mark.parametrize("max_steps", [1, 3, 5, 6, 7])
def test_max_steps(use_cache: bool, max_steps: int) -> None:
    options = {"max_steps": max_steps, "use_cache": use_cache}
    answers = greedy_decode(RuleModel(), ["team", "at"], **options)
    assert answers == ["eamtay"[:max_steps], "atway"[:max_steps]]


@pytest.mark.parametrize("use_cache", [True, False])
def test_a_model_that_never_stops_is_stopped(use_cache: bool) -> None:
    endless = RuleModel(lambda word: "a" * 200)
    short, long = greedy_decode(endless, ["team", "b" * 30], use_cache=use_cache)
    assert (len(short), len(long)) == (24, 60)


def test_a_model_may_have_nothing_to_say() -> None:
    assert greedy_decode(RuleModel(lambda word: ""), ["team"]) == [""]
    assert greedy_decode(RuleModel(), []) == []


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("use_cache", [True, False])
def test_dropout_is_off_while_decoding_and_the_mode_is_restored(training, use_cache) -> None:
    model = RuleModel().train(training)
    greedy_decode(model, ["team"], use_cache=use_cache)
    assert set(model.modes) == {False}
    assert model.training == training
    with pytest.raises(RuntimeError, match="midway"), evaluating(model):
        raise RuntimeError("midway")
    assert model.training == training and torch.is_grad_enabled()


@pytest.mark.parametrize(
    ("words", "options", "message"),
    [
        (["team", ""], {}, "word 1 is empty"),
        (["Team"], {}, "character 1 is 'T'"),
        (["two words"], {}, "character 4 is ' '"),
        (["team"], {"max_steps": 0}, "max_steps must be at least 1, not 0"),
    ],
)
def test_errors(words: list[str], options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        greedy_decode(RuleModel(), words, **options)


# The translator


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("i went shopping", "iway entway oppingshay"),
        ("The air conditioning is working!", "Ethay airway onditioningcay isway orkingway!"),
        ("  Two  spaces,\ttab\nand line.", "  Otway  acesspay,\tabtay\nandway inelay."),
        ("NASA and I", "ASANAY andway Iway"),
        ("Good-humoured -- well, my-my", "Oodgay-umouredhay -- ellway, ymay-ymay"),
        ("“Quick,” (she) said…", "“Ickquay,” (eshay) aidsay…"),
        ("don't", "onday'tay"),
        ("", ""),
        (" — - !", " — - !"),
    ],
)
def test_translate(text: str, expected: str) -> None:
    assert translate(RuleModel(), text) == Translation(expected, ())


@pytest.mark.parametrize(
    ("piece", "what"),
    [
        ("café", "é"),
        ("cafe\u0301", "\u0301"),  # the same, with the accent as a character of its own
        ("42", "24"),
        ("b4", "4"),
        ("snake_case", "_"),
        ("жук", "жку"),
        ("\u212aelvin", "\u212a"),  # the kelvin sign, whose lower case is an ordinary k
    ],
)
def test_what_cannot_be_translated_stays_and_is_reported(piece: str, what: str) -> None:
    expected = Translation(f"ymay {piece}, easeplay", ((piece, f"cannot translate '{what}'"),))
    assert translate(RuleModel(), f"my {piece}, please") == expected


@pytest.mark.parametrize("unseen", ["\u00ad", "\u200b", "\u200d", "\u2060", "\ufeff", "\u200f"])
def test_what_nobody_sees_inside_a_word_is_left_out(unseen: str) -> None:
    result = translate(RuleModel(), f"a {unseen}Str{unseen}eet{unseen}! 3{unseen}b {unseen} ")
    assert result.text == f"away Eetstray! 3{unseen}b {unseen} "
    assert result.untranslated == ((f"3{unseen}b", "cannot translate '3'"),)


def test_words_longer_than_the_model_can_read_stay() -> None:
    """With a trained position table that is half its length, for the answer may be twice as long;
    the model's own error does not stop the sentence.
    """
    for model, longest in ((RuleModel(), 64), (random_model(0, "learned"), 32)):
        too_long = "b" * (longest + 1)
        result = translate(model, f"{'b' * longest} {too_long}")
        assert result.untranslated == (("bbbbbbbbbbbb…", f"longer than {longest} letters"),)
        assert result.text.endswith(f" {too_long}")


def test_a_repeated_word_is_translated_once() -> None:
    model = RuleModel()
    assert translate(model, "Team team TEAM").text == "Eamtay eamtay EAMTAY"
    assert set(model.batch_sizes) == {1}


@settings(max_examples=50)
@example("A\xad")
@given(st.text(max_size=30))
def test_any_text_keeps_what_is_no_word(text: str) -> None:
    result = translate(RuleModel(), text)

    def no_word(written: str) -> str:  # what nobody sees may be left out, see above
        seen = _INVISIBLE.sub("", written)
        return "".join(c for c in seen if not (c.isalnum() or c == "_"))

    assert no_word(result.text) == no_word(text)
    assert all(piece in result.text for piece, _ in result.untranslated)
