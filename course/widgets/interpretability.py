"""The explorers of notebooks 07 and 08: a head at any step of any word, the map of an embedding,
and one channel of Mamba's memory.
"""

from collections.abc import Mapping
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
from course.plots.attention_step import STEP, plot_attention_step
from course.plots.embeddings import LetterMap, plot_letter_maps
from course.plots.mamba_memory import plot_channel
from course.plots.style import Picture
from course.widgets.common import Explorer, explorer, number_field, one_word, word_field
from nmt.data import VOCABULARY
from nmt.mamba import Mamba
from nmt.pig_latin import align, to_pig_latin
from nmt.trace import GROUPS, MambaTrace, Trace, trace

LONGEST = 20  # letters that a figure shows without crowding
MOST_STEPS = 64
FLAT = ("PCA", "t-SNE")
FROM = ("the end of the answer", "<EOS>")
TSNE_STEPS = 500  # half of the usual: quick enough to answer a key


@lru_cache(maxsize=32)
def _traced(model: Any, word: str) -> Trace:
    """A model's own answer to one word; the next control that changes on the same word does not ask
    again.
    """
    found: Trace = trace(model, word)
    return found


@lru_cache(maxsize=32)
def _patterns(model: Any, word: str) -> Float[Tensor, "layers h t s"]:
    """Cross-attention, or Mamba's hidden attention by channel groups in its place."""
    found = _traced(model, word)
    return found.attention("cross", GROUPS if isinstance(found, MambaTrace) else None)


def _layer_field(models: Mapping[str, Any]) -> Dropdown:
    """Every layer of every model that writes, as (name, layer); it begins at the layer next to the
    output of the first.
    """
    depths = {
        name: model.config.num_layers if model.kind == "mamba" else model.config.decoder_layers
        for name, model in models.items()
    }
    layers = [(name, layer) for name, depth in depths.items() for layer in range(depth)]
    options = [(f"{name}, layer {layer}", (name, layer)) for name, layer in layers]
    first = next(iter(models))
    value = (first, depths[first] - 1)
    return Dropdown(options=options, value=value, description="Model and layer:")


def show_attention(
    model: Any, word: str, layer: int, head: int, step: int, name: str = "model"
) -> Picture:
    """One head, or group of channels, while the model spells `word` in its own way; a step beyond
    the last shows the last.

    Raises:
        ValueError: for a word that can't be shown, or a head that is not there.
    """
    word = one_word(word, LONGEST)
    found, patterns = _traced(model, word), _patterns(model, word)
    layers, heads = patterns.shape[:2]
    what = "channel groups" if isinstance(found, MambaTrace) else "heads"
    if not 0 <= head < heads:
        raise ValueError(f"{name} has {what} 0 to {heads - 1}, not {head}")
    rule = [*to_pig_latin(word), VOCABULARY.token(VOCABULARY.eos)]
    copied = [*align(word), None]
    asked = found.asked
    both = enumerate(zip(asked, rule))
    wrong = next((row for row, (own, right) in both if own != right), min(len(asked), len(rule)))
    row = min(step, len(asked)) - 1
    right = rule[row] if row <= wrong and row < len(rule) else None
    truth = [
        copied[place] if place <= wrong and place < len(rule) else None
        for place in range(len(asked))
    ]
    title = f"{name}, layer {layer}, {what[:-1]} {head}: {word} → {found.written}"
    believed = found.logits[row].softmax(dim=-1)
    return plot_attention_step(
        patterns[layer, head], found.source, asked, truth, believed, right, row, title=title
    )


def explore_attention(models: Mapping[str, Any], word: str = "street", step: int = 1) -> Explorer:
    """Type a word, choose model and layer, head and step: the map, the next letter's probabilities,
    the rule's own letter in green.

    Args:
        models: by the name to show, such as {"transformer": …, "Mamba": …}.
        word, step: where to begin.
    """
    layers = _layer_field(models)
    heads = max(
        GROUPS if model.kind == "mamba" else model.config.num_heads for model in models.values()
    )
    controls = {
        "word": word_field(word),
        "layer": layers,
        "head": number_field("Head or channel group:", 0, 0, heads - 1),
        "step": number_field(f"{STEP}:", step, 1, MOST_STEPS),
    }

    def draw(word: str, layer: tuple[str, int], head: int, step: int) -> Picture:
        name, number = layer
        return show_attention(models[name], word, number, head, step, name)

    return explorer(controls, draw)


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
    """Choose an embedding, PCA or t-SNE and its settings.

    Args:
        tables: a row for each of the 29 tokens, by the name to show.
    """
    most = largest_perplexity(VOCABULARY.size)
    controls = {
        "table": Dropdown(options=list(tables), description="Embedding:"),
        "flat": Dropdown(options=FLAT, description="Map:"),
        "perplexity": number_field("Perplexity (t-SNE):", 5, 2, most),
        "seed": number_field("Seed (t-SNE):", 0, 0, 99),
        "start": Dropdown(options=STARTS, description="Start (t-SNE):"),
    }
    drawn = cache(lambda table, **settings: show_embedding(tables[table], name=table, **settings))
    return explorer(controls, lambda **settings: drawn(**settings))


def show_state(
    model: Mamba, word: str, layer: int, rank: int, since: str = FROM[0], name: str = "Mamba"
) -> Picture:
    """What one channel keeps of a word; channels count from the shortest memory of this word."""
    word = one_word(word, LONGEST)
    found = _traced(model, word)
    assert isinstance(found, MambaTrace)
    at = len(word) if since == FROM[1] else None
    return plot_channel(found, layer, rank, at, title=f"{name}, layer {layer}")


def explore_state(models: Mapping[str, Mamba], word: str = "street") -> Explorer:
    """Type a word, choose model and layer (such as A learned, or −1) and a channel: its steps, and
    what it keeps of each token.

    Args:
        models: Mamba models by the name to show, such as {"A = −1": …, "A learned": …}.
        word: where to begin.
    """
    layers = _layer_field(models)
    channels = max(model.config.expanded_size for model in models.values())
    controls = {
        "word": word_field(word),
        "layer": layers,
        "rank": number_field("Channel, by length of memory:", 1, 1, channels),
        "since": Dropdown(options=FROM, description="Looking back from:"),
    }

    def draw(word: str, layer: tuple[str, int], rank: int, since: str) -> Picture:
        name, number = layer
        return show_state(models[name], word, number, rank, since, name)

    return explorer(controls, draw)
