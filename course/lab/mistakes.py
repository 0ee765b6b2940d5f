"""What kind of mistake is it, and which words are hit? Every wrong answer gets one name; words are
counted by group.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import TypeVar

from nmt.data import WordPair
from nmt.pig_latin import to_pig_latin

KINDS = (
    "wrong onset",
    "lost ending",
    "dropped letter",
    "dropped stretch",
    "doubled letter",
    "copied twice",
    "wrong letter",
    "swapped letters",
    "several",
)
_MOST_CUTS = 5_000
Group = TypeVar("Group", bound=Hashable)


def kind_of_mistake(source: str, answer: str) -> str:
    """The name of a mistake: the first of these that fits, with t the right answer.

        wrong onset      the rule with another number of letters moved, in one part of the word or
                         several: school → choolsay
        lost ending      t up to some letter, then nothing: across → acrossw
        dropped letter   t without one letter: across → acrosway
        dropped stretch  t without several letters in a row
        doubled letter   t with one letter written twice: across → acrosssway
        copied twice     t that goes back some letters and goes on from there: across → acrossossway
        wrong letter     one letter is another
        swapped letters  two neighbours have changed places
        several          none of these alone

    Args:
        source: the English word.
        answer: what was written instead of its Pig Latin; may be empty.

    Raises:
        ValueError: if the answer is right, or the word can't be spelled.
    """
    right = to_pig_latin(source)
    if answer == right:
        raise ValueError(f"{source!r}: {answer!r} is right, so it is no kind of mistake")
    if answer in _other_onsets(source):
        return "wrong onset"
    if right.startswith(answer):
        return "lost ending"
    jump = _jump(right, answer)
    if jump:
        if jump > 0:
            return "dropped letter" if jump == 1 else "dropped stretch"
        return "doubled letter" if jump == -1 else "copied twice"
    wrong = [place for place, (a, b) in enumerate(zip(answer, right)) if a != b]
    if len(answer) == len(right) and len(wrong) == 1:
        return "wrong letter"
    if len(answer) == len(right) and len(wrong) == 2 and wrong[1] == wrong[0] + 1:
        first, second = wrong
        if (answer[first], answer[second]) == (right[second], right[first]):
            return "swapped letters"
    return "several"


def _jump(right: str, answer: str) -> int:
    """n if `answer` is `right` with one jump over n letters (negative: back over −n letters), else
    0.
    """
    missing = len(right) - len(answer)
    if not missing or -missing > len(right):  # nothing can be copied more than twice by one jump
        return 0
    for here in range(len(answer) + 1):
        there = here + missing  # the first `here` letters, then those from `there` on
        if 0 <= there <= len(right) and answer == right[:here] + right[there:]:
            return missing
    return 0


def _other_onsets(source: str) -> set[str]:
    """Every spelling that moves another number of letters in at least one part; with "way" where
    nothing is moved, else "ay".
    """
    parts = re.split(r"([a-z]+)", source)  # runs of letters stand at the odd places
    if prod(map(len, parts[1::2])) > _MOST_CUTS:
        return set()
    choices = []
    for place, part in enumerate(parts):
        moved = {part[cut:] + part[:cut] + ("ay" if cut else "way") for cut in range(len(part))}
        choices.append([to_pig_latin(part), *sorted(moved)] if place % 2 else [part])
    return {"".join(choice) for choice in product(*choices)} - {to_pig_latin(source)}


@dataclass(frozen=True)
class Rate:
    """How many of how many words are wrong."""

    wrong: int
    words: int

    @property
    def share(self) -> float:
        """Between 0 and 1."""
        return self.wrong / self.words


def rates(
    pairs: Iterable[WordPair], wrong: Collection[str], group: Callable[[WordPair], Group]
) -> dict[Group, Rate]:
    """Count wrong words group by group, groups in their order.

    Args:
        pairs: all words that were asked.
        wrong: the English words that were answered wrong.
        group: what a word is counted under, such as `lambda pair: len(pair.source)` or `lambda
            pair: pair.rule_class`.
    """
    counts: dict[Group, list[int]] = {}
    for pair in pairs:
        entry = counts.setdefault(group(pair), [0, 0])
        entry[0] += pair.source in wrong
        entry[1] += 1
    order = sorted(counts, key=lambda key: (isinstance(key, str), key))
    return {key: Rate(*counts[key]) for key in order}


def in_bands(counts: Mapping[str, Sequence[int]], width: int) -> dict[str, list[int]]:
    """[wrong, asked] by number, such as that of letters, added up in bands of `width` numbers: 1–3,
    4–6, … for 3.
    """
    found: dict[str, list[int]] = {}
    for number, (wrong, asked) in sorted(counts.items(), key=lambda one: int(one[0])):
        first = (int(number) - 1) // width * width + 1
        band = found.setdefault(f"{first}–{first + width - 1}", [0, 0])
        band[0], band[1] = band[0] + wrong, band[1] + asked
    return found


def count_kinds(mistakes: Sequence[Sequence[str]]) -> dict[str, int]:
    """How often each kind occurs among (English word, right answer, given answer), kinds in their
    fixed order, none left out.
    """
    found = [kind_of_mistake(source, answer) for source, _, answer in mistakes]
    return {kind: found.count(kind) for kind in KINDS}
