"""One claim about a trained transformer, taken apart: experiments that could refute each part, and
a verdict computed from them.

The claim: an encoder head writes "the previous letter" into each position, so that a
cross-attention head finds the next letter; another takes `<SOS>` to the first vowel; at the word's
end attention returns to the start and copies the onset; and where it comes back to the letter that
`<SOS>` had found, the model writes "ay".
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from course.interpretability.ablation import Change, letter_written
from course.interpretability.alignment import Score, alignment_score, cross_patterns, score_looks
from course.interpretability.heads import first_vowel, score_heads
from nmt.interventions import redirect
from nmt.pig_latin import align, rule_class, to_pig_latin
from nmt.trace import Trace
from nmt.transformer import Transformer

MOVED = ("consonant", "cluster", "qu")  # classes whose words begin with letters that move


@dataclass(frozen=True)
class Question:
    """A word, and two of its letters: the one that comes next after `query` letters are written,
    and another of the same word.

    Both stand behind the first letter written, and no letter of the word occurs twice, so "the
    letter after c" names one place.
    """

    word: str
    query: int
    place: int
    other: int


def questions(words: Sequence[str], seed: int = 0) -> list[Question]:
    """One question about each word that has no letter twice and at least three letters behind the
    first one written.
    """
    found = []
    for word in words:
        vowel = first_vowel(word)
        places = range(vowel + 1, len(word))
        if len(set(word)) == len(word) and "-" not in word and len(places) >= 3:
            place, other = random.Random(f"{word}, {seed}").sample(places, 2)
            found.append(Question(word, place - vowel, place, other))
    return found


def _answers(asked: Sequence[Question], written: Sequence[str]) -> dict[str, float]:
    """Shares of the questions answered by the letter at `place`, at `other`, or any other sign."""
    counts = Counter(
        (
            "place"
            if letter == question.word[question.place]
            else "other"
            if letter == question.word[question.other]
            else "neither"
        )
        for question, letter in zip(asked, written)
    )
    return {name: counts[name] / len(asked) for name in ("place", "other", "neither")}


def show_another_letter(model: Transformer, asked: Sequence[Question]) -> dict[str, float]:
    """Does the decoder go by the letter that it has just written, or by how many it has written?

    The last letter written is replaced by the letter before `other`. Who goes by that letter writes
    the letter at `other`; who counts writes the one at `place`.

    Returns:
        The shares that wrote the letter at "place", at "other", or "neither".
    """
    shown = [to_pig_latin(one.word)[: one.query - 1] + one.word[one.other - 1] for one in asked]
    return _answers(
        asked,
        letter_written(
            model, [one.word for one in asked], [one.query for one in asked], answers=shown
        ),
    )


def swap_neighbours(
    model: Transformer,
    asked: Sequence[Question],
    heads: Mapping[str, Sequence[int]],
    swap: bool = True,
) -> dict[str, float]:
    """If two letters of the source swap what they see as "the letter before", does the decoder go
    to the wrong one?

    In the named encoder heads, `place` looks at the letter before `other`, and `other` at the
    letter before `place`. If the decoder finds its next letter by what these heads have written, it
    now goes to `other`.

    Args:
        model, asked: the model and the questions.
        heads: names of encoder layers, each with the numbers of its heads.
        swap: False makes each look at its own letter before, with all weight: the control.

    Returns:
        As `show_another_letter`.
    """
    turned = {
        one.word: {
            one.place: (one.other if swap else one.place) - 1,
            one.other: (one.place if swap else one.other) - 1,
        }
        for one in asked
    }
    change: Change = lambda words: {  # noqa: E731
        layer: redirect([turned[word] for word in words], *numbers)
        for layer, numbers in heads.items()
    }
    return _answers(
        asked,
        letter_written(model, [one.word for one in asked], [one.query for one in asked], change),
    )


def turn_attention(
    model: Transformer, asked: Sequence[Question], layers: Sequence[str], heads: Sequence[int] = ()
) -> dict[str, float]:
    """Does the model write the letter that attention is on, or is the map a bystander?

    At the question's query the heads of the named cross-attention layers put all their weight on
    the letter at `other`.

    Args:
        model, asked: the model and the questions.
        layers: names of layers, such as "decoder.1.cross_attention".
        heads: numbers of heads; all, where none is named.

    Returns:
        As `show_another_letter`.
    """
    turned = {one.word: {one.query: one.other} for one in asked}
    change: Change = lambda words: dict.fromkeys(
        layers, redirect([turned[word] for word in words], *heads)
    )  # noqa: E731
    return _answers(
        asked,
        letter_written(model, [one.word for one in asked], [one.query for one in asked], change),
    )


def swap_more_and_more(
    model: Transformer, asked: Sequence[Question], scores: Tensor, swap: bool = True
) -> list[dict[str, float]]:
    """`swap_neighbours` in the head with the best previous-letter score, then in the best two, and
    so on to all heads of the encoder.

    Args:
        model, asked, swap: as there.
        scores: (encoder layers, heads), such as `score_heads(traces, "encoder")["previous
            letter"].weight`.
    """
    chosen: dict[str, list[int]] = {}
    found = []
    for number in scores.flatten().argsort(descending=True).tolist():
        layer, head = divmod(number, scores.shape[1])
        chosen.setdefault(f"encoder.{layer}.self_attention", []).append(head)
        found.append(swap_neighbours(model, asked, chosen, swap))
    return found


def ay_looking_away(model: Transformer, words: Sequence[str]) -> float:
    """How often is the a of "ay" still written when all cross-attention looks at `<EOS>` there? Of
    words whose first letters move.
    """
    moved = [word for word in words if rule_class(word) in MOVED]
    away: Change = lambda batch: {  # noqa: E731
        name: redirect([{len(word): len(word)} for word in batch])
        for name in model.attention_layers()
        if name.endswith("cross_attention")
    }
    written = letter_written(model, moved, [len(word) for word in moved], away)
    return sum(letter == "a" for letter in written) / len(moved)


def when_ay_begins(traces: Sequence[Trace]) -> dict[str, Score]:
    """Where heads look when they are to write the a of "ay": at the letter that `<SOS>` goes to, at
    `<EOS>`, or at the onset's last letter.

    Asked of words that begin with letters that move, so that these are three places.

    Raises:
        ValueError: if there is no such word.
    """
    moved = [one for one in traces if rule_class(one.word) in MOVED]
    patterns = cross_patterns(moved)
    keys = {"first vowel": [first_vowel(one.word) for one in moved], "<EOS>": [len(one.word) for one in moved],
            "last letter of the onset": [first_vowel(one.word) - 1 for one in moved]}  # fmt: skip
    return {
        name: score_looks(
            patterns, [[None] * len(one.word) + [key] for one, key in zip(moved, places)]
        )
        for name, places in keys.items()
    }


def onset_score(traces: Sequence[Trace]) -> Score:
    """Alignment of the letters that move to the end, in words that have such letters."""
    moved = [one for one in traces if rule_class(one.word) in MOVED]
    places = [
        [
            place if place is not None and place < first_vowel(one.word) else None
            for place in align(one.word)
        ]
        for one in moved
    ]
    return score_looks(cross_patterns(moved), places)


@dataclass(frozen=True)
class Part:
    """One part of the claim, what was measured, and what follows: "confirmed", "refined" or
    "refuted".
    """

    claim: str
    measured: str
    verdict: str

    def __str__(self) -> str:
        return f"{self.verdict.upper()}: {self.claim}\n    {self.measured}"


def judge(model: Transformer, traces: Sequence[Trace], *, enough: float = 0.5) -> list[Part]:
    """The verdict on each part of the claim, for one model. `enough`: the share above which
    something counts as "most of the time".

    Args:
        model: a trained transformer.
        traces: of its words, with the truth.
        enough: between 0 and 1.
    """
    words = [one.word for one in traces]
    asked = questions(words)
    encoder, cross = score_heads(traces, "encoder")["previous letter"], score_heads(traces, "cross")
    layer, head = encoder.best()
    swapped, kept = (
        swap_more_and_more(model, asked, encoder.weight),
        swap_more_and_more(model, asked, encoder.weight, swap=False),
    )
    moved = [with_swap["other"] - without["other"] for with_swap, without in zip(swapped, kept)]
    most = max(range(len(moved)), key=moved.__getitem__)
    shown = show_another_letter(model, asked)
    copy, start = alignment_score(cross_patterns(traces), words), cross["first vowel, at <SOS>"]
    copiers, starters = copy.share > enough, start.share > enough
    both = int((copiers & starters).sum())
    onset, ay = onset_score(traces), when_ay_begins(traces)
    own = int((ay["first vowel"].share > enough).sum())
    rest = {name: score.share.max().item() for name, score in ay.items()}
    away = ay_looking_away(model, words)
    chosen = encoder.weight[layer, head].item()
    return [
        Part(
            "an encoder head looks at the previous letter",
            f"layer {layer} head {head} puts {chosen:.0%} of its weight there (chance {encoder.chance:.0%}); "
            f"{int((encoder.weight > enough).sum())} of {encoder.weight.numel()} encoder heads more than {enough:.0%}.",
            "confirmed" if chosen > enough else "refined" if chosen > 2 * encoder.chance else "refuted",
        ),
        Part(
            "by what that one head has written, the decoder finds the next letter",
            f"when two letters swap their neighbours in this head alone, the decoder goes to the wrong one in {swapped[0]['other']:.0%} of "
            f"{len(asked)} words; in the best {most + 1} heads, {swapped[most]['other']:.0%} (without the swap {kept[most]['other']:.0%}). "
            f"And it counts, too: shown another letter as the last one written, it follows that letter in {shown['other']:.0%} and keeps "
            f"count in {shown['place']:.0%}.",
            "confirmed" if moved[0] > enough else "refined" if moved[most] > 0.2 else "refuted",
        ),
        Part(
            "one cross-attention head copies, and another takes <SOS> to the first vowel",
            f"{int(copiers.sum())} of {copiers.numel()} heads look at the copied letter most of the time, {int(starters.sum())} go from "
            f"<SOS> to the letter that is written first, and {both} do both.",
            "refuted" if 2 * both >= int(starters.sum()) else "refined" if both else "confirmed",
        ),
        Part(
            "at the word's end attention returns to the start and copies the onset",
            f"of the letters that move, the best head has its largest weight on the right one for {onset.share.max():.0%}.",
            "confirmed" if onset.share.max() > 0.9 else "refined" if onset.share.max() > enough else "refuted",
        ),
        Part(
            'at the letter that <SOS> had found the model writes "ay"',
            f'when "ay" begins, {own} of {copiers.numel()} heads look back at that letter most of the time; the best head for each place: '
            + ", ".join(f"{name} {share:.0%}" for name, share in rest.items())
            + f" of the words. With all of them turned to <EOS> there, the a is still written in {away:.0%}.",
            "confirmed" if own > copiers.numel() / 2 and away < enough else "refined" if own else "refuted",
        ),
    ]  # fmt: skip
