"""The task: an English word spelled in Pig Latin, and for every output letter the input letter that
it copies.

The rule works on each maximal run of letters a–z by itself. Dashes stay where they are.

    the run                          what happens                                         class
    starts with a, e, i, o or u      append "way"                                         vowel
    starts with y                    nothing moves, append "ay"                           y-initial
    has no a, e, i, o, u, y at all   nothing moves, append "ay"                           vowelless
    one consonant, then a vowel      the consonant moves to the end, then "ay"            consonant
    more consonants, then a vowel    they move to the end, then "ay"                      cluster
    … whose consonants end in q,     the u moves with them                                qu
      with a u behind it

After the first letter of a run, y counts as a vowel. This file needs nothing but the standard
library.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LETTERS = "abcdefghijklmnopqrstuvwxyz"
DASH = "-"
_RUN_CLASSES = ("vowel", "y-initial", "vowelless", "consonant", "cluster", "qu")
RULE_CLASSES = (*_RUN_CLASSES, "compound", "dashes")

# The first letter is a consonant and not y; from the second letter on, y ends the cluster like any
# other vowel.
_LEADING_CLUSTER = re.compile(r"[^aeiouy]+(?=[aeiouy])")
_RUN = re.compile(r"[a-z]+")


@dataclass(frozen=True)
class _Plan:
    """What happens to one run: `moved` leading letters go to the end, then `suffix` is added."""

    moved: int
    suffix: str
    rule_class: str


def to_pig_latin(word: str, *, move_qu: bool = True) -> str:
    """Spell a word in Pig Latin: `street` → `eetstray`, `good-humoured` → `oodgay-umouredhay`.

    Args:
        word: letters a–z and dashes, at least one of them.
        move_qu: whether the u of `qu` moves with the q (`square` → `aresquay`). Without it,
            `square` → `uaresqay`: the original course spelled a part of its words that way.

    Returns:
        The Pig Latin word. It is longer than `word` by 2 or 3 characters for each run of letters.

    Raises:
        ValueError: the word is empty, or holds a character that is neither a letter a–z nor a dash.
    """
    return "".join(character for character, _ in _spell(word, move_qu))


def align(word: str, *, move_qu: bool = True) -> list[int | None]:
    """Say for every character of the Pig Latin word which character of `word` it copies.

    Args:
        word, move_qu: as in `to_pig_latin`.

    Returns:
        One entry per character of `to_pig_latin(word)`: the source position (counted from 0) that
        it copies, or None for a letter of `way` or `ay` that the rule adds. Every source position
        appears exactly once.

    Raises:
        ValueError: as `to_pig_latin`.
    """
    return [position for _, position in _spell(word, move_qu)]


def rule_class(word: str) -> str:
    """Name the line of the rule that a word falls under: one of `RULE_CLASSES`.

    A word with several runs of letters is a `compound`, whatever its parts are; one without any
    letter is `dashes`.

    Raises:
        ValueError: as `to_pig_latin`.
    """
    check_word(word)
    runs = _RUN.findall(word)
    if not runs:
        return "dashes"
    return _plan(runs[0], move_qu=True).rule_class if len(runs) == 1 else "compound"


def check_word(word: str) -> None:
    """Raise a ValueError that names the first character, with its place, that can't be spelled."""
    if not word:
        raise ValueError("the word is empty; give at least one letter a–z or a dash")
    for place, character in enumerate(word, start=1):
        if character not in LETTERS and character != DASH:
            hint = "; use lower case" if character.lower() in LETTERS else ""
            raise ValueError(
                f"{word!r}: character {place} is {character!r}; only the letters a–z and the dash"
                f" can be spelled{hint}"
            )


def _spell(word: str, move_qu: bool) -> list[tuple[str, int | None]]:
    """Each character of the Pig Latin word, with the source position that it copies, or None."""
    check_word(word)
    spelled: list[tuple[str, int | None]] = []
    end = 0
    for run in _RUN.finditer(word):
        plan = _plan(run[0], move_qu)
        start, vowel = run.start(), run.start() + plan.moved
        dashes = range(end, start)
        copied = [*dashes, *range(vowel, run.end()), *range(start, vowel)]
        spelled += [(word[position], position) for position in copied]
        spelled += [(letter, None) for letter in plan.suffix]
        end = run.end()
    dashes = range(end, len(word))  # behind the last run
    return spelled + [(word[position], position) for position in dashes]


def _plan(run: str, move_qu: bool) -> _Plan:
    """The rule itself, for one run of letters."""
    if run[0] in "aeiou":
        return _Plan(0, "way", "vowel")
    if run[0] == "y":
        return _Plan(0, "ay", "y-initial")
    cluster = _LEADING_CLUSTER.match(run)
    if cluster is None:
        return _Plan(0, "ay", "vowelless")
    moved = cluster.end()
    if move_qu and run[moved - 1 : moved + 1] == "qu":
        return _Plan(moved + 1, "ay", "qu")
    return _Plan(moved, "ay", "consonant" if moved == 1 else "cluster")
