"""One claim about a trained Mamba, taken apart: numbers that could refute each part, and a verdict
computed from them.

The claim: what a state keeps of the letters before `<EOS>` vanishes, so the model packs the word
into its state at `<EOS>` and works from there as a recurrent network; and it "stops" at the dash as
well.
"""

from __future__ import annotations

from collections.abc import Sequence

from course.interpretability.mamba_memory import (
    MemoryStatistics,
    Survival,
    accuracy_without_the_past,
)
from course.interpretability.transformer_claim import Part
from nmt.data import WordPair
from nmt.evaluation import measure
from nmt.mamba import Mamba

NEARLY_ALL, HARDLY_ANY = 0.9, 0.1


def judge_packing(
    model: Mamba, statistics: MemoryStatistics, pairs: Sequence[WordPair]
) -> list[Part]:
    """The verdict on each part of the claim, for one model: "confirmed", "refined" (true of some
    layers or channels) or "refuted".

    Args:
        model: a trained Mamba model.
        statistics: from `measure_memory`, over as many words as possible, for `<EOS>` and the dash.
        pairs: words to spell with states emptied; some of them with a dash.

    Raises:
        ValueError: if no pair has a dash, or `statistics` lack one of the two signs.
    """
    compounds = [pair for pair in pairs if "-" in pair.source]
    if not compounds or not {"<EOS>", "-"} <= set(statistics.survival):
        raise ValueError(
            "this claim needs words with a dash, and statistics for <EOS> and the dash"
        )
    gone = sum(statistics.vanished) / len(statistics.vanished)
    usual, emptied = measure(model, pairs)[1], accuracy_without_the_past(model, pairs)
    alone = [
        accuracy_without_the_past(model, pairs, layers=[layer])
        for layer in range(len(statistics.vanished))
    ]
    parted, whole = accuracy_without_the_past(model, compounds, "-"), measure(model, compounds)[1]
    return [
        Part(
            "what states keep of the letters before <EOS> vanishes",
            f"at the end of the answer {statistics.left.mean():.0%} of the source's letters is left"
            f" in the mean channel; less than 5% is left in {_by_layer(statistics.vanished)} of the"
            " channels, layer by layer.",
            _verdict(gone),
        ),
        Part(
            "<EOS> resets the states",
            f"{_across(statistics.survival['<EOS>'])}.",
            _reset_verdict(statistics.survival["<EOS>"]),
        ),
        Part(
            "it stops at the dash, too",
            f"{_across(statistics.survival['-'])}. With all states emptied before the dash,"
            f" {parted:.0%} of the words with a dash ({len(compounds)}) are right, without"
            f" {whole:.0%}.",
            _reset_verdict(statistics.survival["-"]),
        ),
        Part(
            "at <EOS> the word is packed into the state, and nothing older is needed",
            f"with all states emptied just before <EOS>, {emptied:.0%} of {len(pairs)} words are"
            f" right, without {usual:.0%}; emptied in one layer alone, {_by_layer(alone)}, layer by"
            " layer.",
            _verdict(emptied / usual if usual else 0),
        ),
    ]


def _across(survival: Survival) -> str:
    return (
        f"over {survival.steps} signs from {survival.sign} on, states keep"
        f" {survival.at_sign.mean():.0%} on average, elsewhere {survival.elsewhere.mean():.0%}"
        f" ({survival.windows} places); {_by_layer(survival.reset)} of the channels are reset,"
        " layer by layer"
    )


def _by_layer(shares: Sequence[float]) -> str:
    return ", ".join(f"{share:.0%}" for share in shares)


def _verdict(share: float) -> str:
    return "confirmed" if share >= NEARLY_ALL else "refuted" if share <= HARDLY_ANY else "refined"


def _reset_verdict(survival: Survival) -> str:
    """Reset in most channels of every layer, in next to none of any, or in some."""
    return (
        "confirmed"
        if min(survival.reset) > 0.5
        else "refuted"
        if max(survival.reset) < HARDLY_ANY
        else "refined"
    )
