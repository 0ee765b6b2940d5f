"""The explorers of notebooks 07 and 08: a head of each model at any step of any word, the map of an
embedding, and one channel of Mamba's memory.
"""

from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from typing import Any

from ipywidgets import Dropdown
from jaxtyping import Float
from torch import Tensor

from course.interpretability.embeddings import (
    STARTS,
    largest_perplexity,
    neighbours_kept,
    principal_components,
    tsne,
    vowel_grouping,
)
from course.plots.attention_step import STEP, Look, plot_attention_step
from course.plots.embeddings import LetterMap, plot_letter_maps
from course.plots.mamba_memory import plot_channel
from course.plots.style import Picture
from course.widgets.common import Explorer, explorer
from course.widgets.fields import number_field, one_word, word_field
from nmt.data import VOCABULARY
from nmt.decoding import greedy_decode
from nmt.mamba import Mamba
from nmt.pig_latin import align, to_pig_latin
from nmt.trace import GROUPS, MambaTrace, Trace, trace

LONGEST = 20  # letters that a figure shows without crowding
MOST_STEPS, MOST_WRONG = 64, 40
FLAT = ("PCA", "t-SNE")
FROM = ("the end of the answer", "<EOS>")
TSNE_STEPS = 500  # half of the usual: quick enough to answer a key


@lru_cache(maxsize=32)
def _traced(model: Any, word: str) -> Trace:
    """A model's own answer to one word: the next control that changes does not ask again."""
    found: Trace = trace(model, word)
    return found


@lru_cache(maxsize=32)
def _patterns(model: Any, word: str) -> Float[Tensor, "layers h t s"]:
    """Cross-attention, or Mamba's hidden attention by channel groups in its place."""
    found = _traced(model, word)
    return found.attention("cross", GROUPS if isinstance(found, MambaTrace) else None)


def _head_field(name: str, model: Any, start: tuple[int, int] | None) -> Dropdown:
    """Every head of every layer that writes, as (layer, head), or Mamba's groups of channels; it
    begins at `start`, or at the first one next to the output.
    """
    mamba = model.kind == "mamba"
    depth = model.config.num_layers if mamba else model.config.decoder_layers
    heads, what = (GROUPS, "group") if mamba else (model.config.num_heads, "head")
    every = [(layer, head) for layer in range(depth) for head in range(heads)]
    options = [(f"layer {layer}, {what} {head}", (layer, head)) for layer, head in every]
    return Dropdown(options=options, value=start or (depth - 1, 0), description=f"Head of {name}:")


def _look(name: str, model: Any, word: str, layer: int, head: int) -> Look:
    """One head, or group of channels, while the model spells `word` in its own way."""
    found, patterns = _traced(model, word), _patterns(model, word)
    what = "group" if isinstance(found, MambaTrace) else "head"
    rule = [*to_pig_latin(word), VOCABULARY.token(VOCABULARY.eos)]
    copied, asked = [*align(word), None], found.asked
    both = enumerate(zip(asked, rule))
    wrong = next((row for row, (own, right) in both if own != right), min(len(asked), len(rule)))
    known = [place <= wrong and place < len(rule) for place in range(len(asked))]
    return Look(
        name,
        f"{name}, layer {layer}, {what} {head}: {word} → {found.written}",
        patterns[layer, head],
        found.source,
        asked,
        [copied[place] if told else None for place, told in enumerate(known)],
        [rule[place] if told else None for place, told in enumerate(known)],
        found.logits.softmax(dim=-1),
    )


def show_attention(
    models: Mapping[str, Any], word: str, heads: Mapping[str, tuple[int, int]], step: int = 1
) -> Picture:
    """Models side by side, by name, while each spells `word` (letters a–z and dashes, at most 20)
    in its own way, a row for each step.

    Args:
        heads: by the models' names the layer and the head, or group of channels.
        step: from 1; one beyond the last shows the last.

    Raises:
        ValueError: for a word that can't be shown.
    """
    word = one_word(word, LONGEST)
    looks = [_look(name, model, word, *heads[name]) for name, model in models.items()]
    return plot_attention_step(looks, step - 1)


def _wrong_words(models: Mapping[str, Any], words: Sequence[str]) -> dict[str, str]:
    """What a menu shows → the word, for the first words that each model gets wrong."""
    found = {"choose one …": ""}
    for name, model in models.items():
        answers = zip(words, greedy_decode(model, words)) if words else ()
        wrong = [(word, own) for word, own in answers if own != to_pig_latin(word)]
        fits = [(word, own) for word, own in wrong if len(word) <= LONGEST][:MOST_WRONG]
        found |= {f"{name}: {word} → {own}": word for word, own in fits}
    return found


def explore_attention(
    models: Mapping[str, Any],
    words: Sequence[str] = (),
    heads: Mapping[str, tuple[int, int]] | None = None,
    word: str = "street",
) -> Explorer:
    """Type a word, or choose one that a model gets wrong, and a head of each model: their maps side
    by side, and at the chosen step the next letter's probabilities. The steps can be played.

    Args:
        models: by the name to show, such as {"transformer": …, "Mamba": …}.
        words: among which to look for those that a model gets wrong.
        heads: by the same names the layer and the head to begin with.
        word: where to begin.
    """
    fields = {f"head_{name}": name for name in models}
    controls: dict[str, Any] = {"word": word_field(word)}
    for field, name in fields.items():
        controls[field] = _head_field(name, models[name], (heads or {}).get(name))
    controls["step"] = number_field(f"{STEP}:", 1, 1, MOST_STEPS)
    listed = [*_wrong_words(models, words).items()]
    wrong = Dropdown(options=listed, description="Words gone wrong:")

    def adjust(controls: Mapping[str, Any]) -> None:
        """As many steps as the longer answer has, and no wrong word but the one that is shown."""
        try:
            own = one_word(controls["word"].value, LONGEST)
        except ValueError:
            return  # said when it is drawn
        controls["step"].max = max(len(_traced(model, own).asked) for model in models.values())
        if wrong.value and wrong.value != own:
            wrong.index = 0

    def draw(word: str, step: int, **chosen: tuple[int, int]) -> Picture:
        heads = {name: chosen[field] for field, name in fields.items()}
        return show_attention(models, word, heads, step)

    def take(change: Any) -> None:
        if change["new"]:
            controls["word"].value = change["new"]

    wrong.observe(take, names="value")
    return explorer(controls, draw, adjust, beside=[wrong]).add_player(controls["step"])


def show_embedding(
    table: Float[Tensor, "29 d"],
    flat: str = "PCA",
    perplexity: int = 5,
    seed: int = 0,
    start: str = "pca",
    name: str = "",
) -> Picture:
    """The map of one embedding, by PCA or t-SNE, with the numbers that tell how far to trust it."""
    if flat == "PCA":
        found = principal_components(table)
        first, second = found.shares
        axes = (f"first axis ({first:.0%} of variance)", f"second axis ({second:.0%})")
        coordinates, title = found.coordinates, "PCA"
        caution = f"The two axes show {sum(found.shares):.0%} of the variance."
    else:
        coordinates, axes = tsne(table, perplexity, seed, start, steps=TSNE_STEPS), ("", "")
        title = f"t-SNE, perplexity {perplexity}, start {start}, seed {seed}"
        caution = "In t-SNE, sizes of groups and distances between them mean nothing."
    grouping, kept = vowel_grouping(table), neighbours_kept(table, coordinates)
    letter_map = LetterMap(f"{name}: {title}" if name else title, coordinates, axes)
    reading = (
        f"{kept:.0%} of the tokens have on the map the nearest neighbour that they have in all"
        f" {table.shape[1]} coordinates. {caution} In all coordinates the silhouette of vowels is"
        f" {grouping.silhouette:.2f} (p = {grouping.p_value:.2g})."
    )
    return plot_letter_maps([letter_map], reading=reading, columns=1)


def explore_embedding(tables: Mapping[str, Float[Tensor, "29 d"]]) -> Explorer:
    """Choose an embedding by its name, PCA or t-SNE and its settings."""
    most = largest_perplexity(VOCABULARY.size)
    controls = {
        "table": Dropdown(options=list(tables), description="Embedding:"),
        "flat": Dropdown(options=FLAT, description="Map:"),
        "perplexity": number_field("Perplexity (t-SNE):", 5, 2, most),
        "seed": number_field("Seed (t-SNE):", 0, 0, 99),
        "start": Dropdown(options=STARTS, description="Start (t-SNE):"),
    }
    drawn = cache(lambda table, **settings: show_embedding(tables[table], name=table, **settings))
    return explorer(controls, drawn)


def show_state(
    model: Mamba, word: str, layer: int, rank: int, since: str = FROM[0], name: str = "Mamba"
) -> Picture:
    """What one channel keeps of a word; channels count from the shortest memory of this word."""
    word = one_word(word, LONGEST)
    found = _traced(model, word)
    assert isinstance(found, MambaTrace)
    at = len(word) if since == FROM[1] else None
    return plot_channel(found, layer, rank, at, title=f"{name}, layer {layer}")


def explore_state(
    models: Mapping[str, Mamba], word: str = "street", layer: int | None = None
) -> Explorer:
    """Type a word, choose model and layer (such as A learned, or −1) and a channel: its steps, and
    what it keeps of each token.

    Args:
        models: Mamba models by the name to show, such as {"A = −1": …, "A learned": …}.
        word, layer: where to begin; without a layer, at the first model's last.
    """
    depths = {name: range(model.config.num_layers) for name, model in models.items()}
    every = [(name, layer) for name, depth in depths.items() for layer in depth]
    options = [(f"{name}, layer {layer}", (name, layer)) for name, layer in every]
    first = next(iter(models))
    start = (first, depths[first][-1] if layer is None else layer)
    channels = max(model.config.expanded_size for model in models.values())
    controls = {
        "word": word_field(word),
        "layer": Dropdown(options=options, value=start, description="Model and layer:"),
        "rank": number_field("Channel, by length of memory:", 1, 1, channels),
        "since": Dropdown(options=FROM, description="Looking back from:"),
    }

    def draw(word: str, layer: tuple[str, int], rank: int, since: str) -> Picture:
        name, number = layer
        return show_state(models[name], word, number, rank, since, name)

    return explorer(controls, draw)
