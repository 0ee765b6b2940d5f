"""The rule's laws, and every line of its table."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nmt.pig_latin import DASH, LETTERS, RULE_CLASSES, align, check_word, rule_class, to_pig_latin

WORDS = st.text(alphabet=LETTERS + DASH, min_size=1, max_size=24)
RUNS = st.text(alphabet=LETTERS, min_size=1, max_size=12)
# Random letters seldom make "qu" or a word without vowels, so some of the words are put together
# from telling pieces.
PIECES = st.sampled_from(["qu", "q", "u", "y", "str", "a", "ee", "mr", "th", "-", "--"])
ANY_WORD = WORDS | st.lists(PIECES, min_size=1, max_size=8).map("".join)


@pytest.mark.parametrize(
    ("word", "pig_latin", "name"),
    [
        ("impress", "impressway", "vowel"),
        ("yet", "yetay", "y-initial"),
        ("mr", "mray", "vowelless"),
        ("team", "eamtay", "consonant"),
        ("street", "eetstray", "cluster"),
        ("fly", "yflay", "cluster"),
        ("quick", "ickquay", "qu"),
        ("square", "aresquay", "qu"),
        ("good-humoured", "oodgay-umouredhay", "compound"),
        # Edges that the table leaves to its words.
        ("a", "away", "vowel"),
        ("y", "yay", "y-initial"),
        ("my", "ymay", "consonant"),
        ("qu", "quay", "qu"),
        ("iraq", "iraqway", "vowel"),
        ("qatar", "atarqay", "consonant"),
        ("queue", "euequay", "qu"),
        ("rhythm", "ythmrhay", "cluster"),
        ("to-", "otay-", "consonant"),
        ("-at", "-atway", "vowel"),
        ("--", "--", "dashes"),
        ("a--b", "away--bay", "compound"),
    ],
)
def test_table(word: str, pig_latin: str, name: str) -> None:
    assert to_pig_latin(word) == pig_latin
    assert rule_class(word) == name


def test_without_the_qu_block() -> None:
    assert to_pig_latin("square", move_qu=False) == "uaresqay"
    assert align("quick", move_qu=False) == [1, 2, 3, 4, 0, None, None]


@given(ANY_WORD, st.booleans())
@example("good-humoured", True)
def test_nothing_is_lost(word: str, move_qu: bool) -> None:
    copied = [position for position in align(word, move_qu=move_qu) if position is not None]
    assert sorted(copied) == list(range(len(word)))


@given(ANY_WORD, st.booleans())
def test_alignment_agrees_with_the_spelling(word: str, move_qu: bool) -> None:
    target, alignment = to_pig_latin(word, move_qu=move_qu), align(word, move_qu=move_qu)
    letters = list(zip(target, alignment, strict=True))
    assert all(word[position] == letter for letter, position in letters if position is not None)
    added = "".join(letter for letter, position in letters if position is None)
    assert re.fullmatch("(w?ay)*", added)
    assert added.count("ay") == len(re.findall("[a-z]+", word))


@given(ANY_WORD)
def test_runs_are_independent(word: str) -> None:
    assert to_pig_latin(word) == re.sub("[a-z]+", lambda run: to_pig_latin(run[0]), word)


@given(RUNS)
def test_the_rule_class_tells_how_a_run_ends(run: str) -> None:
    name, target = rule_class(run), to_pig_latin(run)
    assert name in RULE_CLASSES
    first_vowel = re.search("[aeiouy]", run[1:])
    if name in {"vowel", "y-initial", "vowelless"}:
        assert target.startswith(run)
        assert len(target) - len(run) == (3 if name == "vowel" else 2)
    elif name == "qu":
        assert target.endswith("quay")
    else:
        assert first_vowel is not None
        assert target[0] == first_vowel[0]
        assert (name == "consonant") == (first_vowel.start() == 0)


@pytest.mark.parametrize("function", [to_pig_latin, align, rule_class, check_word])
@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("", "the word is empty"),
        ("don't", 'character 4 is "\'"'),
        ("two words", "character 4 is ' '"),
        ("Street", "character 1 is 'S'.*lower case"),
        ("naïve", "character 3 is 'ï'"),
        ("a1", "character 2 is '1'"),
        ("line\n", r"character 5 is '\\n'"),
    ],
)
def test_bad_words_are_named(function, word: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        function(word)


@given(st.text(max_size=8).filter(lambda text: not re.fullmatch("[a-z-]+", text)))
def test_everything_else_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match="empty|only the letters a–z and the dash"):
        to_pig_latin(word)
