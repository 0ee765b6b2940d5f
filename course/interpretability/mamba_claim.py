"""One claim about a trained Mamba, taken apart: numbers that could refute each part, and a verdict
that follows from them.

The claim: what a state keeps of the letters before `<EOS>` vanishes, so the model packs the word
into its state at `<EOS>` and works from there as a recurrent network; and it "stops" at the dash as
well.
"""

from collections.abc import Sequence
from statistics import mean

from course.interpretability.forgetting import accuracy_without_the_past
from course.interpretability.mamba_memory import MemoryStatistics, Survival
from course.interpretability.transformer_claim import Part, by_thresholds
from nmt.data import WordPair
from nmt.evaluation import measure
from nmt.mamba import Mamba

NEARLY_ALL, HARDLY_ANY = 0.9, 0.1


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
