"""Change any head of a transformer on any word, and see the letters change."""

from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache

from ipywidgets import Dropdown, Widget
from torch import Tensor

from course.interpretability.head_changes import ChangedHeads, HeadChange, Spelled
from course.plots.interventions import Map, plot_intervention
from course.plots.style import Picture
from course.widgets.common import Explorer, explorer
from course.widgets.fields import one_word, word_field
from nmt.data import VOCABULARY
from nmt.transformer import Transformer

LONGEST = 20  # letters of a word that still fit a figure
FIRST = "encoder 0, head 2"
SAID = {  # the changes of `head_changes`, as the explorer calls them
    "spreads its weight evenly": "uniform",
    "switched off (zero)": "off",
    "writes its mean": "mean",
    "writes what it writes for the second word": "another word",
    "looks one place earlier": "earlier",
    "looks one place later": "later",
    "left as it is": "nothing",
}


def head_options(model: Transformer) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Every head and every whole layer, as "cross 1, head 0": its layer's name and its heads."""
    found: dict[str, tuple[str, tuple[int, ...]]] = {}
    every = tuple(range(model.config.num_heads))
    for name in model.attention_layers():
        part, number, kind = name.split(".")
        title = "encoder" if part == "encoder" else "decoder self"
        if kind.startswith("cross"):
            title = "cross"
        for head in every:
            found[f"{title} {number}, head {head}"] = name, (head,)
        found[f"{title} {number}, all {len(every)} heads"] = name, every
    return found


class Bench:
    """A model with its words, and what an explorer has kept: changes that hold beside the one that
    is chosen.
    """

    def __init__(self, model: Transformer, words: Sequence[str]) -> None:
        self.model, self.heads = ChangedHeads(model, words), head_options(model)
        self.kept: dict[str, str] = {}  # by the name of the head what is done to it
        self.untouched = lru_cache(maxsize=64)(self.model.spell)

    @cached_property
    def right(self) -> Tensor:
        """Which words the untouched model spells right."""
        return self.model.right()

    def holding(self, head: str, how: str) -> dict[str, str]:
        """All changes that hold, the chosen one last."""
        rest = {name: what for name, what in self.kept.items() if name != head}
        return rest if SAID[how] == "nothing" else rest | {head: how}

    def changes(self, holding: Mapping[str, str]) -> list[HeadChange]:
        """The same for the model."""
        return [HeadChange(*self.heads[head], SAID[how]) for head, how in holding.items()]

    def show(self, word: str, how: str, head: str, other: str) -> Picture:
        """The picture of one word under the changes.

        Raises:
            ValueError: for a word that can't be shown.
        """
        word, other = one_word(word, LONGEST), one_word(other, LONGEST)
        holding = self.holding(head, how)
        before = self.untouched(word)
        answer = before.spelling.answer
        after = self.model.spell(word, self.changes(holding), other, answer)
        second = {"another word": f" ({other})"}
        told = [f"{name}: {what}{second.get(SAID[what], '')}" for name, what in holding.items()]
        maps = [self._map(before, head, "untouched")]
        if SAID[how] == "another word":
            maps.append(self._map(self.untouched(other), head, f"as it looks at {other}"))
        elif SAID[how] != "mean":  # which has no look
            maps.append(self._map(after, head, "now"))
        return plot_intervention(before.spelling, after.spelling, told, maps)

    def _map(self, spelled: Spelled, head: str, when: str) -> Map:
        layer, heads = self.heads[head]
        weights = spelled.patterns[layer][list(heads)].mean(dim=0)
        spelling = spelled.spelling
        source = [*spelling.source, VOCABULARY.token(VOCABULARY.eos)]
        target = ["<SOS>", *spelling.written][: len(spelling.written)]
        queries = source if layer.startswith("encoder") else target
        keys = source if not layer.endswith("self_attention") else queries
        mean = " (mean)" if len(heads) > 1 else ""
        return f"{head}{mean}, {when}", weights, queries, keys


def show_intervention(
    model: Transformer,
    words: Sequence[str],
    word: str = "street",
    how: str = "spreads its weight evenly",
    head: str = FIRST,
    other: str = "brown",
) -> Picture:
    """The figure that `explore_interventions` begins with, or would show at these settings.

    Args:
        words: over which a head's mean is taken.
        word, other: to be spelled, and the second word.
        how, head: one of `SAID`, one of `head_options`.

    Raises:
        ValueError: for a word that can't be shown.
    """
    return Bench(model, words).show(word, how, head, other)


def explore_interventions(
    model: Transformer, words: Sequence[str], word: str = "street", other: str = "brown"
) -> Explorer:
    """Type a word, choose a head and what is done to it; the letters before and after, and where
    the head looks.

    Buttons keep a change while the next one is chosen, undo all, and go on to the next of `words`
    that the change breaks, or that the untouched model gets wrong.
    """
    bench = Bench(model, words)
    heads = list(bench.heads)
    start = FIRST if FIRST in heads else heads[0]
    controls = {
        "word": word_field(word),
        "how": Dropdown(options=list(SAID), description="What happens:"),
        "head": Dropdown(options=heads, value=start, description="To head:"),
        "other": word_field(other, "Second word:"),
    }

    def keep(controls: Mapping[str, Widget]) -> str:
        head, how = controls["head"].value, controls["how"].value
        bench.kept = bench.holding(head, how)
        if not bench.kept:
            return "Nothing is changed, so there is nothing to keep."
        return f"Kept: {'; '.join(bench.kept)}. Choose the next head: both changes hold."

    def undo(controls: Mapping[str, Widget]) -> str:
        bench.kept.clear()
        controls["how"].value = "left as it is"
        return "The model is whole again."

    def to_next(rows: Tensor, controls: Mapping[str, Widget]) -> int:
        """Take the next of the words in `rows`; which of them that is, from 1."""
        chosen = [bench.model.words[row] for row in rows.tolist()]
        chosen = [one for one in chosen if len(one) <= LONGEST]
        own = controls["word"].value.strip().lower()
        number = (chosen.index(own) + 1) % len(chosen) if own in chosen else 0
        controls["word"].value = chosen[number]
        return number + 1

    def to_broken(controls: Mapping[str, Widget]) -> str:
        try:
            second = one_word(controls["other"].value, LONGEST)
        except ValueError:
            return ""  # said when it is drawn
        holding = bench.holding(controls["head"].value, controls["how"].value)
        now = bench.model.right(bench.changes(holding), second)
        broken = (bench.right & ~now).nonzero()[:, 0]
        told = f"{int(now.sum())} of {len(now)} words are right, {int(bench.right.sum())} untouched"
        if not len(broken):
            return f"{told}: this breaks none of them."
        number = to_next(broken, controls)
        return f"{told}. Of {len(broken)} words that break, this is number {number}."

    def to_wrong(controls: Mapping[str, Widget]) -> str:
        wrong = (~bench.right).nonzero()[:, 0]
        if not len(wrong):
            return "The untouched model spells all of these words right."
        number = to_next(wrong, controls)
        return f"Number {number} of {len(wrong)} words that the untouched model gets wrong."

    buttons = {
        "keep this change": keep,
        "undo all": undo,
        "next word that breaks": to_broken,
        "next word wrong by itself": to_wrong,
    }
    return explorer(controls, bench.show, buttons=buttons)
