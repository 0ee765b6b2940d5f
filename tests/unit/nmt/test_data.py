"""Vocabulary, pairs and splits. The stored rows are tested in tests/unit/test_data_build.py."""

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import nmt.data
from nmt.data import COLUMNS, SPLITS, VOCABULARY, load_pairs, load_words, split_of
from nmt.pig_latin import DASH, LETTERS

WORDS = st.text(alphabet=LETTERS + DASH, min_size=1, max_size=12)

# Vocabulary


def test_vocabulary_numbers() -> None:
    assert VOCABULARY.size == 29
    assert VOCABULARY.encode("az-") == [0, 25, 26]
    assert (VOCABULARY.sos, VOCABULARY.eos) == (27, 28)
    assert [VOCABULARY.token(number) for number in (0, 26, 27, 28)] == ["a", "-", "<SOS>", "<EOS>"]


@given(WORDS)
def test_decode_undoes_encode(word: str) -> None:
    assert VOCABULARY.decode(VOCABULARY.encode(word)) == word
    assert VOCABULARY.decode(torch.tensor(VOCABULARY.encode(word))) == word


def test_decode_stops_at_the_first_end_and_hides_no_mistake() -> None:
    a, b, sos, eos = 0, 1, VOCABULARY.sos, VOCABULARY.eos
    assert VOCABULARY.decode([sos, a, b, eos, a, eos]) == "ab"
    assert VOCABULARY.decode([a, b]) == "ab"
    assert VOCABULARY.decode([eos]) == ""
    assert VOCABULARY.decode([sos, a, sos, b]) == "a<SOS>b"


@pytest.mark.parametrize("number", [-1, 29])
def test_numbers_outside_the_vocabulary(number: int) -> None:
    with pytest.raises(ValueError, match=f"{number} is no token number"):
        VOCABULARY.decode([0, number])


def test_encode_names_the_bad_character() -> None:
    with pytest.raises(ValueError, match="character 3 is 'é'"):
        VOCABULARY.encode("caé")
    with pytest.raises(ValueError, match="empty"):
        VOCABULARY.encode("")


# Splits and pairs


@pytest.mark.parametrize(
    ("word", "split"), [("the", "train"), ("elinor", "val"), ("street", "test")]
)
def test_split_of_follows_the_hash(word: str, split: str) -> None:
    # u is 0.3274, 0.8548 and 0.9908: `printf 'piglatin-split:street' | sha256sum` begins with fda5,
    # and 0xfda5 / 0x10000 = 0.9908.
    assert split_of(word) == split


def test_splits_make_up_the_whole() -> None:
    pairs = load_pairs("small")
    for split in SPLITS:
        assert load_pairs("small", split) == [pair for pair in pairs if pair.split == split] != []


@pytest.mark.usefixtures("without_type_checks")
@pytest.mark.parametrize(
    ("message", "wrong"),
    [
        ("no data set 'medium'.*'small' and 'large'", lambda: load_pairs("medium")),
        ("the large data set only", lambda: load_pairs("small", as_in_course=True)),
        ("no split 'validation'.*'train', 'val'", lambda: load_pairs("small", "validation")),
        ("no population 'dickens'", lambda: load_words("dickens")),
    ],
)
def test_bad_questions(message: str, wrong) -> None:
    with pytest.raises(ValueError, match=message):
        wrong()


HEADER = "\t".join(COLUMNS) + "\n"
ROW = "team\teamtay\tconsonant\ttrain\tausten\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "line 1: the header"),
        ("word,pig_latin\n", "line 1: the header"),
        (HEADER + ROW + "team\teamt", "line 3: not a word pair"),
        (HEADER + ROW.replace("train", "trian"), "line 2: not a word pair"),
        (HEADER + ROW.replace("team", "te am"), "line 2: a word may hold only"),
        (HEADER + ROW.replace("eamtay", "\udcff\udcfe"), "line 2: a word may hold only"),
        (HEADER + ROW * 3, "3 pairs where 3,198 belong; restore it from git"),
    ],
)
def test_damaged_files_are_named_with_their_line(
    tmp_path: Path, monkeypatch, content: str, message: str
) -> None:
    (tmp_path / "small.tsv").write_bytes(content.encode(errors="surrogateescape"))
    monkeypatch.setattr(nmt.data, "DATA_FOLDER", tmp_path)
    with pytest.raises(ValueError, match=rf"small\.tsv.*{message}"):
        load_pairs("small")


def test_a_missing_file_is_named(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(nmt.data, "DATA_FOLDER", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"small\.tsv is missing.*make data"):
        load_pairs("small")
