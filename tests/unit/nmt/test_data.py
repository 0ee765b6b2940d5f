"""Vocabulary, pairs and splits."""

import csv
from collections import Counter
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import nmt.data
from nmt.data import COLUMNS, DATA_FOLDER, VOCABULARY, WordPair, load_pairs, load_words, split_of
from nmt.pig_latin import DASH, LETTERS, rule_class, to_pig_latin

WORDS = st.text(alphabet=LETTERS + DASH, min_size=1, max_size=12)
EDGES = ["street", "a", "to-", "good-humoured"]


@pytest.fixture(scope="module")
def small() -> list[WordPair]:
    return load_pairs("small")


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


def test_a_split_is_about_eight_one_one(small) -> None:
    shares = {
        split: count / len(small) for split, count in Counter(pair.split for pair in small).items()
    }
    assert shares == pytest.approx({"train": 0.8, "val": 0.1, "test": 0.1}, abs=0.02)


def test_splits_make_up_the_whole(small) -> None:
    parts = [load_pairs("small", split) for split in ("train", "val", "test")]
    assert sorted((pair for part in parts for pair in part), key=lambda pair: pair.source) == small
    for part, split in zip(parts, ("train", "val", "test"), strict=True):
        assert {pair.split for pair in part} == {split}


@pytest.mark.parametrize("name", ["small", "large"])
def test_stored_rows_follow_the_rule(name: str) -> None:
    with (DATA_FOLDER / f"{name}.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter="\t"))[1:]
    step = 1 if name == "small" else 7  # test_data_build compares every row of large
    for word, pig_latin, name_of_class, split, _ in rows[::step]:
        assert (pig_latin, name_of_class) == (to_pig_latin(word), rule_class(word))
        assert split == split_of(word)


def test_small_is_part_of_the_austen_words(small) -> None:
    austen = load_words("austen")
    assert {pair.source for pair in small} <= set(austen)
    assert "".join(f"{word}\n" for word in austen) == (DATA_FOLDER / "austen.txt").read_text(
        encoding="utf-8"
    )


def test_as_in_course_differs_in_19_words(without_type_checks) -> None:
    ours, theirs = load_pairs("large"), load_pairs("large", as_in_course=True)
    assert (len(ours), len(theirs)) == (22_383, 22_402)
    targets: dict[str, list[str]] = {}
    for pair in theirs:
        targets.setdefault(pair.source, []).append(pair.target)
    assert set(targets) == {pair.source for pair in ours}
    twice = {word: spellings for word, spellings in targets.items() if len(spellings) > 1}
    assert len(twice) == 19
    assert twice["square"] == ["aresquay", "uaresqay"]
    assert twice["md"] == ["mayday", "mday"]


@pytest.mark.usefixtures("without_type_checks")
def test_bad_questions() -> None:
    with pytest.raises(ValueError, match="no data set 'medium'.*'small' and 'large'"):
        load_pairs("medium")
    with pytest.raises(ValueError, match="concerns the large data set only"):
        load_pairs("small", as_in_course=True)
    with pytest.raises(ValueError, match="no split 'validation'; there are 'train', 'val', 'test'"):
        load_pairs("small", "validation")
    with pytest.raises(ValueError, match="no population 'dickens'"):
        load_words("dickens")


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
