"""Explorers of attention: mask and temperature in a look-up, and what positions can ask for."""

import math
from typing import Any

import torch
from einops import rearrange
from ipywidgets import Dropdown
from jaxtyping import Float
from torch import Tensor

from course.plots.attention import plot_attention_map
from course.plots.plane import REACH, plot_plane
from course.plots.positions import plot_looking_behind
from course.plots.style import Picture
from course.widgets.common import Explorer, explorer
from course.widgets.fields import number_field, one_word, word_field
from nmt.attention import attention_weights
from nmt.pig_latin import align, to_pig_latin
from nmt.positions import RotaryPositions, sinusoidal_table

LONGEST = 20  # letters that a map shows without crowding
SIZE = 32  # coordinates of the vectors that the explorers build
TEMPERATURES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 2.0, 5.0, 10.0, 100.0)
BASES = (2.0, 3.0, 5.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 10_000.0)
SHARPNESS = 8.0  # by how much the position head's queries are stretched


def look_up_weights(
    word: str, mask: str = "none", temperature: float = 0.2, positions: str = "one-hot"
) -> Float[Tensor, "t s"]:
    """The look-up that spells `word` in Pig Latin: each target letter asks for the source position
    that the rule copies.

    weights = softmax(query · key / temperature), with one vector of length 1 for each position. A
    letter that the rule adds asks for the `<EOS>` that ends the source.

    Args:
        word: letters a–z and dashes, at most 20.
        mask: "none", or "causal" (target place t sees source places 0 … t only: a mistake in
            cross-attention, to be looked at).
        temperature: above 0; small is sharp, large is even.
        positions: "one-hot", or "sinusoidal" for rows of the sinusoidal table.
    """
    wanted = [len(word) if place is None else place for place in align(word)]
    length = len(word) + 1
    table = torch.eye(length)  # vectors of length 1, one for each position
    if positions == "sinusoidal":
        table = sinusoidal_table(length, SIZE, base=30.0) / math.sqrt(SIZE / 2)
    causal = torch.ones(len(wanted), length, dtype=torch.bool).tril()
    # The root undoes that of `attention_weights`.
    query = table[wanted] * math.sqrt(table.shape[1]) / temperature
    return attention_weights(query, table, causal if mask == "causal" else None)


def show_look_up(
    word: str, mask: str = "none", temperature: float = 0.2, positions: str = "one-hot"
) -> Picture:
    """The map of `look_up_weights`, with the rule's letters in green frames."""
    word = one_word(word, LONGEST)
    weights = look_up_weights(word, mask, temperature, positions)
    letters, keys = list(to_pig_latin(word)), [*word, "<EOS>"]
    title = f"temperature {temperature:g}, mask: {mask}"
    return plot_attention_map(weights, letters, keys, truth=align(word), title=title)


def explore_attention(word: str = "team") -> Explorer:
    """Change word, mask, temperature and position vectors of `show_look_up`, and watch the
    weights.
    """
    controls: dict[str, Any] = {
        "word": word_field(word),
        "mask": Dropdown(options=["none", "causal"], description="Mask:"),
        "temperature": Dropdown(options=TEMPERATURES, value=0.2, description="Temperature:"),
        "positions": Dropdown(options=["one-hot", "sinusoidal"], description="Position vectors:"),
    }
    return explorer(controls, show_look_up)


def show_plane(
    query_x: float = 2.0, query_y: float = 1.0, key_x: float = 1.5, key_y: float = -1.0
) -> Picture:
    """A query, and the keys of *team*: that of *t* goes where it is put, the others stay."""
    keys = {"t": (key_x, key_y), "e": (1.5, 1.5), "a": (-1.5, 1.0), "m": (-1.0, -1.5)}
    return plot_plane((query_x, query_y), keys)


def explore_plane() -> Explorer:
    """Move the query and one key of `show_plane`, with a pointer on the figure or by numbers."""

    starts = {"query_x": 2.0, "query_y": 1.0, "key_x": 1.5, "key_y": -1.0}
    names = ("Query, across:", "Query, up:", "Key t, across:", "Key t, up:")
    controls = {
        field: number_field(name, value, -REACH, REACH, 0.1)
        for (field, value), name in zip(starts.items(), names)
    }
    for control in controls.values():
        control.layout.width = "170px"
    return explorer(controls, show_plane)


def looking_behind_scores(
    word: str, scheme: str = "rotary", distance: int = 1, base: float = 10.0
) -> Float[Tensor, "l l"]:
    """Scores of a head built by hand to find the letter `distance` places behind: every letter as a
    query with every letter as a key.

    Each letter is a random vector e(letter) plus what its scheme adds: nothing, a row of the table
    for its position, or (rotary) the same row 0 for all. A query is its letter's vector, turned by
    `distance` letters: the same turn W at every place of the word.

        score(p, q) = (W x_p) · x_q · sharpness / √k,

    and with rotary positions W x_p and x_q are turned by their places p and q first.

    Args:
        word: letters a–z and dashes, at most 20.
        scheme: "none", "sinusoidal", "learned" (as it starts, before training) or "rotary".
        distance: how far behind the wanted letter stands; negative is ahead.
        base: of the angles θ_i = base^(−2i/k): small turns fast.
    """
    # One random vector for each character.
    own = 0.15 * torch.randn(128, SIZE, generator=torch.Generator().manual_seed(0))
    vectors = own[[ord(letter) for letter in word]] + _added(scheme, len(word), base)
    rotary = RotaryPositions(SIZE, base)
    # (sin, cos) of the table runs against the turn of rotary positions, so the way back has the
    # other sign.
    turn = distance if scheme == "sinusoidal" else -distance
    queries = rotary(rearrange(vectors, "l k -> l 1 1 k"), start=turn)
    queries, keys = rearrange(queries, "l 1 1 k -> 1 1 l k"), rearrange(vectors, "l k -> 1 1 l k")
    if scheme == "rotary":
        queries, keys = rotary(queries), rotary(keys)
    return SHARPNESS * (queries @ keys.mT)[0, 0] / math.sqrt(SIZE)


def show_looking_behind(
    word: str, scheme: str = "rotary", distance: int = 1, base: float = 10.0
) -> Picture:
    """`looking_behind_scores` against distance for twelve equal letters, and the pattern that they
    make on `word`.
    """
    word = one_word(word, LONGEST)
    weights = looking_behind_scores(word, scheme, distance, base).softmax(dim=-1)
    alike = looking_behind_scores("a" * 12, scheme, distance, base)  # nothing but position speaks
    title = f"{scheme} positions, base {base:g}"
    return plot_looking_behind(alike, weights, list(word), distance, title=title)


def _added(scheme: str, length: int, base: float) -> Float[Tensor, "l k"]:
    """What a scheme adds to the letters."""
    if scheme == "none":
        return torch.zeros(length, SIZE)
    if scheme == "sinusoidal":
        return sinusoidal_table(length, SIZE, base)
    if scheme == "learned":  # as `PositionEmbedding` starts
        return 0.02 * torch.randn(length, SIZE, generator=torch.Generator().manual_seed(1))
    return sinusoidal_table(1, SIZE).expand(length, SIZE)


def explore_looking_behind(word: str = "strengthening") -> Explorer:
    """Change word, scheme, distance and base of `show_looking_behind`, and see which schemes can
    ask for "the letter before".
    """
    schemes = ["none", "sinusoidal", "learned", "rotary"]
    controls: dict[str, Any] = {
        "word": word_field(word),
        "scheme": Dropdown(options=schemes, value="rotary", description="Position scheme:"),
        "distance": Dropdown(options=range(-8, 9), value=1, description="Letters behind:"),
        "base": Dropdown(options=BASES, value=10.0, description="Base:"),
    }
    return explorer(controls, show_looking_behind)
