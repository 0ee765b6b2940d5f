"""Invented words: does a model know the rule, or the words? Named after the bird of Berko's test
(1958).
"""

from __future__ import annotations

import random
from functools import cache

from nmt.data import load_words
from nmt.pig_latin import rule_class

WUG_CLASSES = ("vowel", "y-initial", "vowelless", "consonant", "cluster", "qu", "compound")

_CONSONANTS = "b c d f g h j k l m n p r s t v w z".split()
_CLUSTERS = (
    "bl br ch cl cr dr fl fr gl gr ph pl pr sc scr sh sk sl sm sn sp spl spr st str sw th thr tr"
    " tw wh".split()
)
_VOWELS = "a e i o u ai ea ee ie oa oo ou".split()
_ENDINGS = "b ck d ft g k l ld lt m mp n nd ng nt p r rd rk rm rn rt s sh st t th x".split()
_MIDDLES = "b d f g l ll m mb mp n nd nt p r rb rd s ss st t tt v".split()


def make_wugs(kind: str, number: int) -> list[str]:
    """`number` different invented words of one of `WUG_CLASSES`, always the same ones; none stands
    in our word lists.
    """
    chance = random.Random(f"wugs, {kind}, 0")
    found: dict[str, None] = {}
    while len(found) < number:
        word = _invent(kind, chance)
        if rule_class(word) == kind and word not in _known():
            found[word] = None
    return list(found)


def make_long_wugs(letters: int, number: int) -> list[str]:
    """`number` different invented words of exactly so many letters (6 at least), of one run, that
    begin with a consonant or a cluster.
    """
    chance = random.Random(f"long wugs, {letters}, 0")
    found: dict[str, None] = {}
    while len(found) < number:
        word = chance.choice(_CONSONANTS + _CLUSTERS)
        while len(word) < letters - 4:
            word += chance.choice(_VOWELS) + chance.choice(_MIDDLES)
        word += chance.choice(_VOWELS) + chance.choice(_ENDINGS)
        if len(word) == letters and word not in _known():
            found[word] = None
    return list(found)


def _invent(kind: str, chance: random.Random) -> str:
    """A word that should be of the class: the rule itself has the last word."""
    if kind == "compound":
        return "-".join(
            _invent(chance.choice(["consonant", "cluster", "vowel"]), chance) for _ in range(2)
        )
    if kind == "vowelless":
        return "".join(chance.choice(_CONSONANTS) for _ in range(chance.randint(2, 5)))
    onsets = {
        "vowel": [""],
        "y-initial": ["y"],
        "consonant": _CONSONANTS,
        "cluster": _CLUSTERS,
        "qu": ["qu", "squ"],
    }
    middle = chance.choice(["", chance.choice(_VOWELS) + chance.choice(_MIDDLES)])
    return chance.choice(onsets[kind]) + middle + chance.choice(_VOWELS) + chance.choice(_ENDINGS)


@cache
def _known() -> frozenset[str]:
    return frozenset(load_words("austen")) | frozenset(load_words("norvig"))
