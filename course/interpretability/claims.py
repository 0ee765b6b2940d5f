"""Two claims about trained models, taken apart: experiments that could refute each part, and a
verdict computed from them.

Of the transformer: an encoder head writes "the previous letter" into each position, so that a
cross-attention head finds the next letter; another takes `<SOS>` to the first vowel; at the word's
end attention returns to the start and copies the onset; and where it comes back to the letter that
`<SOS>` had found, the model writes "ay".

Of Mamba: what a state keeps of the letters before `<EOS>` vanishes, so the model packs the word
into its state at `<EOS>` and works from there as a recurrent network; and it "stops" at the dash as
well.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean

from course.interpretability.ablation import letter_written
from course.interpretability.alignment import Score, alignment_score, cross_patterns, score_looks
from course.interpretability.heads import first_vowel, score_heads
from course.interpretability.mamba_memory import (
    MemoryStatistics,
    Survival,
    accuracy_without_the_past,
)
from course.interpretability.misleading import (
    Question,
    previous_letter_heads,
    questions,
    show_another_letter,
    swap_neighbours,
)
from nmt.attention import PatternHook
from nmt.data import WordPair
from nmt.evaluation import measure
from nmt.interventions import redirect
from nmt.mamba import Mamba
from nmt.pig_latin import align, rule_class
from nmt.trace import Trace
from nmt.transformer import Transformer

MOVED = ("consonant", "cluster", "qu")  # classes whose words begin with letters that move
MOST = 0.5  # the share above which something holds "most of the time"
NEARLY_ALL, HARDLY_ANY = 0.9, 0.1


def ay_looking_away(model: Transformer, words: Sequence[str]) -> float:
    """How often is the a of "ay" still written, behind moved letters, with all on `<EOS>`?"""
    moved = [word for word in words if rule_class(word) in MOVED]
    crosses = [name for name in model.attention_layers() if name.endswith("cross_attention")]

    def away(batch: Sequence[str]) -> dict[str, PatternHook]:
        return dict.fromkeys(crosses, redirect([{len(word): len(word)} for word in batch]))

    written = letter_written(model, moved, [len(word) for word in moved], away)
    return sum(letter == "a" for letter in written) / len(moved)


def when_ay_begins(traces: Sequence[Trace]) -> dict[str, Score]:
    """Where heads look when they are to write the a of "ay": at the letter that `<SOS>` goes to, at
    `<EOS>`, or at the onset's last letter.

    Asked of words that begin with letters that move, so that these are three places.
    """
    moved = [one for one in traces if rule_class(one.word) in MOVED]
    patterns = cross_patterns(moved)
    keys: dict[str, Callable[[str], int]] = {
        "first vowel": first_vowel,
        "<EOS>": len,
        "last letter of the onset": lambda word: first_vowel(word) - 1,
    }
    return {
        name: score_looks(patterns, [[None] * len(one.word) + [key(one.word)] for one in moved])
        for name, key in keys.items()
    }


def onset_score(traces: Sequence[Trace]) -> Score:
    """Alignment of the letters that move to the end, in words that have such letters."""
    moved = [one for one in traces if rule_class(one.word) in MOVED]
    places = []
    for one in moved:
        first = first_vowel(one.word)
        copied = align(one.word)
        places.append([place if place is not None and place < first else None for place in copied])
    return score_looks(cross_patterns(moved), places)


@dataclass(frozen=True)
class Part:
    """One part of a claim, the numbers that were measured, and what follows from them.

    `verdict` is "confirmed", "refined" (true in part) or "refuted". Shares lie between 0 and 1.
    """

    claim: str
    verdict: str
    numbers: Mapping[str, float]


def by_thresholds(value: float, confirmed: float, refined: float) -> str:
    """The verdict: confirmed above the one threshold, refined above the other, else refuted."""
    return "confirmed" if value > confirmed else "refined" if value > refined else "refuted"


def judge(model: Transformer, traces: Sequence[Trace]) -> list[Part]:
    """The verdict on each of the claim's five parts, for one model and traces of the truth."""
    previous = score_heads(traces, "encoder")["previous letter"]
    return [
        _judge_looking_back(previous),
        _judge_finding(model, questions([one.word for one in traces]), previous),
        _judge_division(traces),
        _judge_return(traces),
        _judge_ay(model, traces),
    ]


def over_seeds(judged: Sequence[Sequence[Part]]) -> list[Part]:
    """Several seeds of one kind of machine under one verdict: theirs, where all agree, else
    "refined". Its numbers are their means; which head is the best is another one in each.
    """
    found = []
    for parts in zip(*judged):
        said = {one.verdict for one in parts}
        names = [name for name in parts[0].numbers if name not in ("layer", "head")]
        numbers = {name: mean(one.numbers[name] for one in parts) for name in names}
        verdict = said.pop() if len(said) == 1 else "refined"
        found.append(Part(parts[0].claim, verdict, numbers))
    return found


def _judge_looking_back(previous: Score) -> Part:
    """Refined: more than twice the chance level."""
    layer, head = previous.best()
    weight = previous.weight[layer, head].item()
    numbers = {"layer": layer, "head": head, "weight": weight, "chance": previous.chance,
               "heads above": int((previous.weight > MOST).sum())}  # fmt: skip
    verdict = by_thresholds(weight, MOST, 2 * previous.chance)
    return Part("an encoder head looks at the previous letter", verdict, numbers)


def _judge_finding(model: Transformer, asked: Sequence[Question], previous: Score) -> Part:
    """Confirmed by the best head alone; refined where all previous-letter heads together mislead
    the decoder in a fifth of the words. Both beyond the control, in which nothing is swapped.
    """
    several = previous_letter_heads(previous)
    groups = {"best head": [previous.best()], "previous-letter heads": several}
    numbers: dict[str, float] = {"words": len(asked)}
    moved = {}
    for name, chosen in groups.items():
        swapped, kept = (swap_neighbours(model, asked, chosen, swap) for swap in (True, False))
        numbers |= {f"{name}, swapped": swapped["other"], f"{name}, control": kept["other"]}
        moved[name] = swapped["other"] - kept["other"]
    shown = show_another_letter(model, asked)
    numbers |= {"follows the letter": shown["other"], "keeps its place": shown["place"]}
    verdict = by_thresholds(moved["best head"], MOST, 1)
    if verdict != "confirmed":
        verdict = by_thresholds(moved["previous-letter heads"], 1, 0.2)
    claim = "by what that head has written, the decoder finds the next letter"
    return Part(claim, verdict, numbers)


def _judge_division(traces: Sequence[Trace]) -> Part:
    """Refuted where half of the heads that start also copy."""
    copy = alignment_score(cross_patterns(traces), [one.word for one in traces]).share > MOST
    start = score_heads(traces, "cross")["first vowel, at <SOS>"].share > MOST
    copies, starts, both = (int(one.sum()) for one in (copy, start, copy & start))
    numbers = {"heads": copy.numel(), "copy": copies, "start": starts, "both": both}
    verdict = "refuted" if 2 * both >= starts else "refined" if both else "confirmed"
    claim = "one cross-attention head copies, another takes <SOS> to the first vowel"
    return Part(claim, verdict, numbers)


def _judge_return(traces: Sequence[Trace]) -> Part:
    share = onset_score(traces).share.max().item()
    verdict = by_thresholds(share, 0.9, MOST)
    return Part("at the word's end attention returns to the start", verdict, {"best head": share})


def _judge_ay(model: Transformer, traces: Sequence[Trace]) -> Part:
    """Confirmed where most heads look there, and the a depends on it."""
    scores = when_ay_begins(traces)
    looking = scores["first vowel"].share > MOST
    away = ay_looking_away(model, [one.word for one in traces])
    numbers = {"heads": looking.numel(), "looking": int(looking.sum()), "a, all looking away": away}
    numbers |= {f"best head, {name}": score.share.max().item() for name, score in scores.items()}
    most = looking.double().mean() > 0.5 and away < MOST
    verdict = "confirmed" if most else "refined" if looking.any() else "refuted"
    return Part('at the letter that <SOS> had found the model writes "ay"', verdict, numbers)


def judge_packing(
    model: Mamba, statistics: MemoryStatistics, pairs: Sequence[WordPair]
) -> list[Part]:
    """The verdict on each part of the claim, for one model. "refined": true of some layers or
    channels.

    The last part is tested in the fair form: the model reads `<EOS>` with its whole memory, then
    what is older is taken out of its states. What it has packed at `<EOS>` stays.

    Args:
        statistics: from `measure_memory`, over as many words as possible, for `<EOS>` and the dash.
        pairs: words to spell with states emptied; some of them with a dash.
    """
    compounds = [pair for pair in pairs if "-" in pair.source]
    vanished, usual = mean(statistics.vanished), measure(model, pairs)[1]
    packed = accuracy_without_the_past(model, pairs, after=True)
    at_end, at_dash = statistics.survival["<EOS>"], statistics.survival["-"]
    dash = {
        "right": measure(model, compounds)[1],
        "right, emptied before the dash": accuracy_without_the_past(model, compounds, "-"),
    }
    return [
        Part(
            "what states keep of the letters before <EOS> vanishes",
            by_thresholds(vanished, NEARLY_ALL, HARDLY_ANY),
            {"left": float(statistics.left.mean()), "channels with less than 5%": vanished},
        ),
        Part("<EOS> resets the states", _reset_verdict(at_end), _reset_numbers(at_end)),
        Part("it stops at the dash, too", _reset_verdict(at_dash), _reset_numbers(at_dash) | dash),
        Part(
            "at <EOS> the word is packed into the state, and nothing older is needed",
            by_thresholds(packed / usual if usual else 0, NEARLY_ALL, HARDLY_ANY),
            {"right": usual, "right, only what <EOS> wrote is left": packed},
        ),
    ]


def _reset_numbers(survival: Survival) -> dict[str, float]:
    return {
        "kept there": float(survival.at_token.mean()),
        "kept elsewhere": float(survival.elsewhere.mean()),
        "channels reset": mean(survival.reset),
    }


def _reset_verdict(survival: Survival) -> str:
    """Reset in most channels of every layer, in next to none of any, or in some."""
    if min(survival.reset) > 0.5:
        return "confirmed"
    return "refuted" if max(survival.reset) < HARDLY_ANY else "refined"
