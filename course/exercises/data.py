"""Exercises of notebook 01: the rule with its alignment, and batches of one pair of lengths."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from course.checking.exercise import Case, Exercise
from nmt.batches import LengthBuckets
from nmt.data import VOCABULARY, WordPair
from nmt.pig_latin import align, to_pig_latin

Spelled = tuple[str, list[int | None]]
Pairs = list[tuple[str, str]]

WORDS = "team street apple queen square yes rhythm fly mrs up question eye quay scratch acquaint".split()


def _words() -> list[Case]:
    chance = random.Random(0)
    made_up = ["".join(chance.choices("aeiouybcdrstqu", k=chance.randint(2, 9))) for _ in range(12)]
    return [Case(f"the word {word}", (word,)) for word in dict.fromkeys([*WORDS, *made_up])]


RULE = Exercise(
    name="data.rule",
    minutes=20,
    difficulty=2,
    reference=lambda word: (to_pig_latin(word), align(word)),
    solution=(to_pig_latin, align),
    cases=_words,
    notice=(
        "Notice that your alignment holds every place of the word exactly once: the rule moves"
        " letters, and loses none."
    ),
    parts=("spelling", "origin"),
)


def _moved(word: str, *, y_first: bool = False, y_later: bool = True, qu: str = "anywhere") -> int:
    """How many letters move to the end, by a rule that may be wrong."""
    vowels = [
        letter in "aeiou" or (letter == "y" and (y_later if place else y_first))
        for place, letter in enumerate(word)
    ]
    if True not in vowels or (word[0] == "y" and not y_first):
        return 0
    first = vowels.index(True)
    follows = (
        first > 0
        and word[first - 1 : first + 1] == "qu"
        and (qu == "anywhere" or (qu == "at the beginning" and first == 1))
    )
    return first + follows


def _spelled(word: str, moved: int, vowels: str = "aeiou") -> Spelled:
    suffix = "way" if word[0] in vowels else "ay"
    origin = [*range(moved, len(word)), *range(moved), *[None] * len(suffix)]
    return word[moved:] + word[:moved] + suffix, origin


@RULE.mutant(
    "y never counts as a vowel", "Say rhythm aloud. Which letter of it does the work of a vowel?"
)
def _no_y(word: str) -> Spelled:
    return _spelled(word, _moved(word, y_later=False))


@RULE.mutant(
    "y at the beginning treated as a vowel",
    "What does the table say about a run that starts with y: way or ay?",
)
def _y_first(word: str) -> Spelled:
    return _spelled(word, _moved(word, y_first=True), "aeiouy")


@RULE.mutant("the u of qu stays behind", "quick becomes ickquay. Which letters have moved?")
def _no_qu(word: str) -> Spelled:
    return _spelled(word, _moved(word, qu="nowhere"))


@RULE.mutant(
    "qu found at the beginning only",
    "square has a qu too. Where does it stand among the letters that move?",
)
def _qu_first(word: str) -> Spelled:
    return _spelled(word, _moved(word, qu="at the beginning"))


@RULE.mutant("one letter moves", "street begins with three consonants. How many of them move?")
def _one(word: str) -> Spelled:
    return _spelled(word, min(1, _moved(word)))


@RULE.mutant("ay after a vowel too", "What is added to a word that begins with a, e, i, o or u?")
def _always_ay(word: str) -> Spelled:
    return _spelled(word, _moved(word), "")


@RULE.mutant("places counted from 1", "Where does the first letter of a Python string stand?")
def _from_one(word: str) -> Spelled:
    return to_pig_latin(word), [None if place is None else place + 1 for place in align(word)]


@RULE.mutant(
    "alignment the wrong way round",
    "Go through the letters that are written. For each: from which place of the word does it come?",
)
def _wrong_way(word: str) -> Spelled:
    origin = align(word)
    goes_to: list[int | None] = [origin.index(place) for place in range(len(word))]
    return to_pig_latin(word), goes_to + [None] * (len(origin) - len(word))


@RULE.mutant(
    "alignment without the added letters",
    "One entry for each letter that is written: what stands there for a and y?",
)
def _too_short(word: str) -> Spelled:
    return to_pig_latin(word), [place for place in align(word) if place is not None]


def _pairs(words: str) -> Pairs:
    return [(word, to_pig_latin(word)) for word in words.split()]


def _bucket_cases() -> list[Case]:
    mixed = _pairs(
        "team and street meat apple cat we eat stay is the tame good-bye beautiful dog up to-day"
        " mate afternoon it he strong"
    )
    chance = random.Random(1)
    letters = ["".join(chance.choices("aeioubcdrst", k=chance.randint(2, 5))) for _ in range(30)]
    return [
        Case("22 words", (mixed, 2)),
        Case("the same words, larger batches", (mixed, 5)),
        Case("made-up words", (_pairs(" ".join(dict.fromkeys(letters))), 3)),
        Case("one word", (_pairs("street"), 4)),
    ]


def _reference_buckets(pairs: Pairs, batch_size: int) -> list[Pairs]:
    words = [WordPair(source, target, "consonant", "train") for source, target in pairs]
    batches = LengthBuckets(words, batch_size, shuffle=False).epoch(0)
    return [
        [
            (VOCABULARY.decode(source), VOCABULARY.decode(target))
            for source, target in zip(b.source, b.target)
        ]
        for b in batches
    ]


def _batches(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """The batches in an order of their own, so that an answer may choose its order."""
    result = function(*arguments)
    try:
        batches = sorted(
            sorted((str(source), str(target)) for source, target in batch) for batch in result
        )
    except (TypeError, ValueError):  # not a list of lists of pairs: said as such
        return result
    return {
        "all pairs of all batches, sorted": sorted(pair for batch in batches for pair in batch),
        "the sizes of the batches, sorted": sorted(len(batch) for batch in batches),
        "the batches, sorted": batches,
    }


BUCKETS = Exercise(
    name="data.buckets",
    minutes=10,
    difficulty=1,
    reference=_reference_buckets,
    solution=(LengthBuckets,),
    cases=_bucket_cases,
    observe=_batches,
    notice=(
        "Notice how many batches hold a single word. Training must live with them: notebook 03 adds"
        " up the gradients of several."
    ),
)


def _grouped(pairs: Pairs, key: Callable[[tuple[str, str]], Any]) -> list[Pairs]:
    groups: dict[Any, Pairs] = defaultdict(list)
    for pair in pairs:
        groups[key(pair)].append(pair)
    return list(groups.values())


def _cut(pairs: Pairs, size: int) -> list[Pairs]:
    return [pairs[start : start + size] for start in range(0, len(pairs), size)]


def _lengths(pair: tuple[str, str]) -> tuple[int, int]:
    return len(pair[0]), len(pair[1])


@BUCKETS.mutant(
    "source length alone", "and and the have 3 letters each. How long are their targets?"
)
def _by_source(pairs: Pairs, batch_size: int) -> list[Pairs]:
    return [
        batch
        for group in _grouped(pairs, lambda pair: len(pair[0]))
        for batch in _cut(group, batch_size)
    ]


@BUCKETS.mutant(
    "target length alone", "eatway and aystay have 6 letters each. How long are their sources?"
)
def _by_target(pairs: Pairs, batch_size: int) -> list[Pairs]:
    return [
        batch
        for group in _grouped(pairs, lambda pair: len(pair[1]))
        for batch in _cut(group, batch_size)
    ]


@BUCKETS.mutant(
    "both lengths added up",
    "Two different pairs of lengths can have one sum. Which key keeps them apart?",
)
def _by_sum(pairs: Pairs, batch_size: int) -> list[Pairs]:
    return [
        batch
        for group in _grouped(pairs, lambda pair: sum(_lengths(pair)))
        for batch in _cut(group, batch_size)
    ]


@BUCKETS.mutant(
    "the rest thrown away",
    "What remains of a bucket when its full batches are cut off, and does every word come once an"
    " epoch?",
)
def _dropped(pairs: Pairs, batch_size: int) -> list[Pairs]:
    return [
        batch
        for group in _grouped(pairs, _lengths)
        for batch in _cut(group, batch_size)
        if len(batch) == batch_size
    ]


@BUCKETS.mutant("one word too many", "A batch may hold batch_size words. How many do yours hold?")
def _one_more(pairs: Pairs, batch_size: int) -> list[Pairs]:
    return [batch for group in _grouped(pairs, _lengths) for batch in _cut(group, batch_size + 1)]


@BUCKETS.mutant(
    "cut across buckets",
    "You sorted and then cut every batch_size words. What happens where the length changes within a"
    " batch?",
)
def _across(pairs: Pairs, batch_size: int) -> list[Pairs]:
    return _cut(sorted(pairs, key=_lengths), batch_size)


@BUCKETS.mutant("buckets not cut", "Which of your lines uses batch_size?")
def _uncut(pairs: Pairs, batch_size: int) -> list[Pairs]:
    return _grouped(pairs, _lengths)


EXERCISES = {each.name: each for each in (RULE, BUCKETS)}
