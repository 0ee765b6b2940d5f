"""Exercises of notebook 01: the rule with its alignment, and batches of one pair of lengths."""

import random
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from course.checking.compare import kind_of
from course.checking.exercise import Exercise, Inputs, Slips, Unfit, pick, table
from nmt.batches import LengthBuckets
from nmt.pig_latin import align, to_pig_latin

Spelled = tuple[str, list[int | None]]
Pairs = list[tuple[str, str]]

WORDS = (
    "at team street queen square yes rhythm fly mrs up question eye quay scratch acquaint".split()
)


def spell(word: str) -> Spelled:
    """So many letters move to the end, and something is added."""
    vowels = [letter in "aeiou" or (letter == "y" and i > 0) for i, letter in enumerate(word)]
    moved = vowels.index(True) if any(vowels) and word[0] != "y" else 0
    if moved and word[moved - 1 : moved + 1] == "qu":
        moved += 1
    suffix = "way" if word[0] in "aeiou" else "ay"
    places = [*range(moved, len(word)), *range(moved)]
    return word[moved:] + word[:moved] + suffix, places + [None] * len(suffix)


def _spell(slips: Slips, word: str) -> Spelled:
    def vowel(place: int, letter: str) -> bool:
        y = "y_first" in slips if place == 0 else "no_y" not in slips
        return letter in "aeiou" or (letter == "y" and y)

    vowels = [vowel(place, letter) for place, letter in enumerate(word)]
    starts_with_y = word[0] == "y" and "y_first" not in slips and "y_moves" not in slips
    moved = vowels.index(True) if any(vowels) and not starts_with_y else 0
    if "y_moves" in slips and word[0] == "y":
        moved = next((i for i, each in enumerate(vowels) if each and i), 0)
    here = pick(slips, moved > 0, no_qu=False, qu_first=moved == 1)
    moved += here and word[moved - 1 : moved + 1] == "qu"
    moved = min(moved, 1) if "one" in slips else moved
    moved = int(word[0] not in "aeiou") if "first" in slips else moved
    with_way = pick(slips, "aeiou", always_ay="", y_first="aeiouy")
    suffix = pick(slips, "way" if word[0] in with_way else "ay", always_way="way")
    suffix = "yay" if "yay" in slips and suffix == "way" else suffix
    suffix = "way" if "way_unmoved" in slips and moved == 0 else suffix
    spelled = word[moved:] + word[:moved] + suffix
    places: list[int | None] = [*range(moved, len(word)), *range(moved)]
    if "index" in slips:
        places = [word.index(letter) for letter in spelled[: len(word)]]
    if "wrong_way" in slips:
        places = [places.index(place) for place in range(len(word))]
    if "from_one" in slips:
        places = [place + 1 for place in places if place is not None]
    added = [-1 if "minus" in slips else None] * (0 if "short" in slips else len(suffix))
    return spelled, [*places, *added]


def _words() -> Inputs:
    chance = random.Random(0)
    made_up = ["".join(chance.choices("aeiouybcdrstqu", k=chance.randint(2, 9))) for _ in range(12)]
    return ((f"the word {word}", (word,)) for word in dict.fromkeys([*WORDS, *made_up]))


RULE = Exercise(
    name="data.rule",
    minutes=20,
    difficulty=2,
    answer=spell,
    course=(to_pig_latin, align),
    inputs=_words,
    notice="""Notice that your alignment holds every place of the word exactly once: the rule
        moves letters, and loses none.""",
    slipped=_spell,
    mistakes=table("""
        no_y: y never counts as a vowel
            Say rhythm aloud. Which letter of it does the work of a vowel?
        y_first: y at the beginning treated as a vowel
            What does the table say about a run that starts with y: way or ay?
        y_moves: y at the beginning moves
            Which letters of yes move, by the table?
        no_qu: the u of qu stays behind
            quick becomes ickquay. Which letters have moved?
        qu_first: qu found at the beginning only
            square has a qu too. Where does it stand among the letters that move?
        one first: one letter moves
            street begins with three consonants. How many of them move?
        always_ay: ay after a vowel too
            What is added to a word that begins with a, e, i, o or u?
        way_unmoved: way wherever nothing moves
            Nothing moves in yes and mrs either. What does the table add there?
        always_way: way after every word
            What is added to a word that begins with t?
        yay: yay instead of way
            Some speakers say yay. What does the table add after a vowel?
        minus: a number where None is asked for
            −1 is a place in Python: the last one. How does the goal mark an added letter?
        from_one: places counted from 1
            Where does the first letter of a Python string stand?
        wrong_way: alignment the wrong way round
            Go through the letters that are written. For each: from which place of the word does it
            come?
        index: the first letter of its kind
            street has two t and two e. Which of them does index find?
        short: alignment without the added letters
            One entry for each letter that is written: what stands there for a and y?
    """),
    parts=("spelling", "origin"),
    later="""The words before this one are right. Under which line of the table does this one
        fall, and what does that line ask for?""",
)


def make_batches(pairs: Pairs, batch_size: int) -> list[Pairs]:
    """A dictionary of buckets, then slices of each."""
    buckets = defaultdict(list)
    for source, target in pairs:
        buckets[len(source), len(target)].append((source, target))
    return [
        bucket[start : start + batch_size]
        for bucket in buckets.values()
        for start in range(0, len(bucket), batch_size)
    ]


def _make_batches(slips: Slips, pairs: Pairs, batch_size: int) -> list[Pairs]:
    def key(pair: tuple[str, str]) -> Any:
        source, target = map(len, pair)
        return pick(slips, (source, target), source=source, target=target, total=source + target)

    buckets: dict[Any, Pairs] = defaultdict(list)
    for pair in sorted(pairs, key=key) if "across" in slips else pairs:
        buckets[0 if "across" in slips else key(pair)].append(pair)
    size = pick(slips, batch_size, more=batch_size + 1, uncut=len(pairs))
    batches = [
        bucket[start : start + size]
        for bucket in buckets.values()
        for start in range(0, len(bucket), size)
    ]
    return [each for each in batches if len(each) == size] if "dropped" in slips else batches


def _bucket_inputs() -> Inputs:
    def spelled(*words: str) -> Pairs:
        return [(word, to_pig_latin(word)) for word in words]

    mixed = spelled(
        *"team and street meat apple cat we eat stay is the tame good-bye beautiful dog up".split(),
        *"to-day mate afternoon it he strong".split(),
    )
    chance = random.Random(1)
    letters = ["".join(chance.choices("aeioubcdrst", k=chance.randint(2, 5))) for _ in range(30)]
    yield "three words", (spelled("team", "meat", "and"), 2)
    yield "one word", (spelled("street"), 4)
    yield "22 words", (mixed, 2)
    yield "the same words, larger batches", (mixed, 5)
    yield "made-up words", (spelled(*dict.fromkeys(letters)), 3)


def _batches(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """The batches in an order of their own, so that an answer may choose its order."""
    result = function(*arguments)
    if result is None:
        return None
    try:
        if isinstance(result, dict):
            raise TypeError
        batches = sorted(sorted((str(one), str(two)) for one, two in batch) for batch in result)
    except (TypeError, ValueError):
        expected = "a list of batches, each of them a list of pairs (source, target),"
        raise Unfit(expected, kind_of(result)) from None
    pairs = sorted(pair for batch in batches for pair in batch)
    return pairs, sorted(map(len, batches)), batches


BUCKETS = Exercise(
    name="data.buckets",
    minutes=10,
    difficulty=1,
    answer=make_batches,
    course=(LengthBuckets,),
    inputs=_bucket_inputs,
    observe=_batches,
    notice="""Notice how many batches hold a single word. Training must live with them: notebook
        03 adds up the gradients of several.""",
    slipped=_make_batches,
    mistakes=table("""
        source: source length alone
            “and” and “the” have 3 letters each. How long are their targets?
        target: target length alone
            eatway and aystay have 6 letters each. How long are their sources?
        total: both lengths added up
            Two different pairs of lengths can have one sum. Which key keeps them apart?
        dropped: the rest thrown away
            What remains of a bucket when its full batches are cut off, and does every word come
            once an epoch?
        more: one word too many
            A batch may hold batch_size words. How many do yours hold?
        across: cut across buckets
            You sorted and then cut every batch_size words. What happens where the length changes
            within a batch?
        uncut: buckets not cut
            Which of your lines uses batch_size?
    """),
    parts=("all pairs of all batches", "the sizes of the batches", "the batches"),
)

EXERCISES = {each.name: each for each in (RULE, BUCKETS)}
