"""What a table of vectors says: maps, angles between rows, and whether vowels keep together."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from nmt.data import VOCABULARY

VOWELS = "aeiou"
STARTS = ("pca", "random")


def kind_of_token(token: str) -> str:
    """The kind of a token: "vowel" (a, e, i, o, u), "y" (the rule takes it for either), "consonant"
    or "other" (dash, `<SOS>`, `<EOS>`).
    """
    if token in VOCABULARY.tokens[26:]:
        return "other"
    return "vowel" if token in VOWELS else "y" if token == "y" else "consonant"


def check_spread(table: Float[Tensor, "n d"]) -> None:
    """Raise `ValueError` for a table of which no map can be drawn: rows that are all alike, or
    differ by less than single precision, or numbers whose squares it cannot hold.
    """
    rows = table.detach().double()
    if not bool(torch.isfinite(rows).all()) or float(rows.abs().max()) > 1e15:
        raise ValueError("a map needs numbers that are finite and below 1e15")
    if float((rows - rows.mean(dim=0)).abs().max()) <= 1e-6 * float(rows.abs().max()) + 1e-15:
        raise ValueError("the rows of this table are all alike, so a map has nothing to show")


@dataclass(frozen=True, eq=False)
class Projection:
    """A flat map: coordinates of each row, and the share of the variance along each axis."""

    coordinates: Float[Tensor, "n c"] = field(repr=False)
    shares: tuple[float, ...]


def principal_components(table: Float[Tensor, "n d"]) -> Projection:
    """Where each row lies along the directions in which the rows differ most (PCA).

    A direction and its opposite are equally good. Here the choice is fixed: on each axis the row
    that lies farthest out is on the positive side. So the same table gives the same map on every
    machine.
    """
    from sklearn.decomposition import PCA  # takes a second to load, so only when asked for

    check_spread(table)
    pca = PCA(n_components=2, svd_solver="full")
    coordinates = torch.from_numpy(pca.fit_transform(table.detach().double().numpy()))
    farthest = coordinates.gather(0, coordinates.abs().argmax(dim=0, keepdim=True))
    return Projection(coordinates * farthest.sign(), tuple(pca.explained_variance_ratio_.tolist()))


def largest_perplexity(rows: int) -> int:
    """The largest whole perplexity below a third of the rows, the limit of t-SNE."""
    return max(2, -(-rows // 3) - 1)


def tsne(
    table: Float[Tensor, "n d"],
    perplexity: float | int = 5,
    seed: int = 0,
    start: str = "pca",
    steps: int = 1000,
) -> Float[Tensor, "n 2"]:
    """A flat map that tries to keep near rows near (t-SNE). Sizes of groups and distances between
    them mean nothing in it.

    Args:
        perplexity: about how many neighbours each row looks at, at least 2 and below n/3.
        seed: decides a random start.
        start: "pca" begins with the principal components and leaves nothing to chance; "random"
            begins anywhere.
        steps: of the descent, at least 250.

    Source: van der Maaten & Hinton 2008, JMLR 9; start by PCA: Kobak & Linderman 2021, Nature
    Biotechnology 39.
    """
    from sklearn.manifold import TSNE

    check_spread(table)
    found = TSNE(
        perplexity=perplexity, init=start, random_state=seed, max_iter=steps, learning_rate="auto"
    )
    return torch.from_numpy(found.fit_transform(table.detach().float().numpy()))


def neighbours_kept(table: Float[Tensor, "n d"], flat: Float[Tensor, "n c"]) -> float:
    """The share of rows whose nearest row on the map is their nearest row in the table, by
    Euclidean distance. Chance is 1/(n − 1).
    """
    nearest = [
        torch.cdist(x.double(), x.double()).fill_diagonal_(float("inf")).argmin(dim=1)
        for x in (table.detach(), flat)
    ]
    return float((nearest[0] == nearest[1]).double().mean())


def cosines(table: Float[Tensor, "n d"]) -> Float[Tensor, "n n"]:
    """The cosine of the angle between any two rows: 0 at right angles, 1 in the same direction."""
    rows = F.normalize(table.detach().double(), dim=1)
    return rows @ rows.T


@dataclass(frozen=True)
class Angles:
    """How nearly the rows of a table stand at right angles.

    `typical` is the root of the mean squared cosine between two rows; for random directions it is
    `chance` = 1/√d. `largest` is the largest |cosine|; no n rows of width d can keep it below
    `bound` = √((n − d) / (d (n − 1))), or 0 where d ≥ n (Welch 1974).
    """

    typical: float
    largest: float
    chance: float
    bound: float


def angles(table: Float[Tensor, "n d"]) -> Angles:
    """Measure the angles between the rows of a table, at least two."""
    n, d = table.shape
    off = cosines(table)[~torch.eye(n, dtype=torch.bool)]
    bound = float(np.sqrt(max(0, n - d) / (d * (n - 1))))
    return Angles(float(off.square().mean().sqrt()), float(off.abs().max()), float(d**-0.5), bound)


@dataclass(frozen=True)
class Grouping:
    """Whether two labelled groups keep together: the silhouette, from −1 to 1, and how it compares
    with other labels on the same rows.

    `p_value` is the share of all ways to choose as many rows for the first group whose silhouette
    is at least as large. `expected` is their mean, `deviation` their standard deviation, and `high`
    is exceeded by one in twenty.
    """

    silhouette: float
    p_value: float
    expected: float
    high: float
    deviation: float

    @property
    def z(self) -> float:
        """(silhouette − expected) / deviation: comparable between widths, which the silhouette is
        not, for a wide table's silhouettes by chance vary less.
        """
        return (self.silhouette - self.expected) / self.deviation


def vowel_grouping(table: Float[Tensor, "29 d"]) -> Grouping:
    """Do vowels and consonants form two groups, by the angles between their rows? y, the dash and
    the two other tokens are left out.

        silhouette = mean over letters of (b − a) / max(a, b)

    a and b are a letter's mean cosine distances to its own group and to the other one. The test is
    exact: all 53,130 ways to name 5 of the 25 letters vowels are tried.

    Source: Rousseeuw 1987, Journal of Computational and Applied Mathematics 20.
    """
    kinds = np.array([kind_of_token(token) for token in VOCABULARY.tokens])
    letters = np.isin(kinds, ("vowel", "consonant"))
    vowels = kinds[letters] == "vowel"
    distance = (1 - cosines(table)).numpy()[letters][:, letters]
    tried = _silhouettes(distance, _choices(len(vowels), int(vowels.sum())))
    observed = float(_silhouettes(distance, vowels[None])[0])
    p_value = float((tried >= observed - 1e-12).mean())
    high = float(np.quantile(tried, 0.95))
    return Grouping(observed, p_value, float(tried.mean()), high, float(tried.std()))


@cache
def _choices(n: int, size: int) -> Any:
    """Every way to choose `size` of n, a row of booleans each."""
    chosen = np.array(list(combinations(range(n), size)))
    rows = np.zeros((len(chosen), n), dtype=bool)
    np.put_along_axis(rows, chosen, True, axis=1)
    return rows


def _silhouettes(distance: Any, first: Any) -> Any:
    """The mean silhouette of each row of labels (True: first group), as
    `sklearn.metrics.silhouette_score` has it, for many at once.
    """
    size = first.sum(axis=1, keepdims=True)
    to_first, to_second = first @ distance, ~first @ distance  # each letter's sum over each group
    own = np.where(first, to_first / (size - 1), to_second / (first.shape[1] - size - 1))
    other = np.where(first, to_second / (first.shape[1] - size), to_first / size)
    return ((other - own) / np.maximum(own, other)).mean(axis=1)


def nearest_pairs(
    table: Float[Tensor, "n d"], names: Sequence[str]
) -> list[tuple[str, str, float]]:
    """The five pairs of rows with the largest cosines, by name."""
    between = cosines(table).triu(1)
    chosen = between.flatten().topk(5)
    return [
        (names[int(i) // len(names)], names[int(i) % len(names)], float(value))
        for value, i in zip(chosen.values, chosen.indices)
    ]
