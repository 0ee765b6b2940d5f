"""Maps and measures of tables, against definitions and against scikit-learn."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import silhouette_score

from course.interpretability.embeddings import (
    angles,
    cosines,
    kind_of_token,
    nearest_pairs,
    neighbours_kept,
    principal_components,
    tsne,
    vowel_grouping,
)
from nmt.data import VOCABULARY

KINDS = [kind_of_token(token) for token in VOCABULARY.tokens]


def random_table(seed: int, width: int = 16, rows: int = 29) -> torch.Tensor:
    return torch.randn(rows, width, generator=torch.Generator().manual_seed(seed))


def test_kinds_of_tokens() -> None:
    assert [KINDS.count(kind) for kind in ("vowel", "consonant", "y", "other")] == [5, 20, 1, 3]
    for kind, token in zip(("vowel", "consonant", "y", "other", "other"), "a b y - <SOS>".split()):
        assert kind_of_token(token) == kind


@given(st.integers(0, 10_000))
def test_principal_components_are_those_of_the_covariance_with_fixed_signs(seed: int) -> None:
    table = random_table(seed, 5)
    found = principal_components(table)
    centred = (table - table.mean(dim=0)).double()
    values = torch.linalg.eigvalsh(centred.T @ centred).flip(0)
    torch.testing.assert_close(found.coordinates.square().sum(dim=0), values[:2])
    assert found.shares == pytest.approx((values[:2] / values.sum()).tolist())
    largest, farthest = found.coordinates.max(dim=0), found.coordinates.abs().max(dim=0)
    assert torch.equal(largest.values, farthest.values), "the farthest is positive"
    # Turning the table, or mirroring it, changes nothing that can be seen.
    turned = principal_components(table @ torch.linalg.qr(random_table(seed + 1, 5, 5)).Q)
    torch.testing.assert_close(turned.coordinates, found.coordinates, atol=1e-4, rtol=1e-4)


def test_tsne_from_pca_leaves_nothing_to_chance_and_a_random_start_does() -> None:
    def placed(seed: int, start: str) -> torch.Tensor:
        return tsne(random_table(0), 4, seed, start, steps=250)

    assert torch.equal(placed(0, "pca"), placed(7, "pca"))
    first = placed(3, "random")
    assert torch.equal(first, placed(3, "random"))
    assert not torch.allclose(first, placed(4, "random"))


def test_tsne_keeps_two_far_groups_apart() -> None:
    table = random_table(0)
    table[:12] += 20
    flat = tsne(table, 5, 0)
    together = torch.cdist(flat, flat)
    assert together[:12, :12].max() < together[:12, 12:].min()


ALIKE, TOO_LARGE = "rows of this table are all alike", "finite and below 1e15"
REFUSED = {
    "zeros": (torch.zeros(29, 64), ALIKE),
    "one row for all": (random_table(0, 64, 1).expand(29, 64), ALIKE),
    "rounding": (1 + 1e-7 * random_table(0, 64), ALIKE),
    "far away": (1e8 + torch.eye(29), ALIKE),
    "tiny": (1e-20 * random_table(0, 64), ALIKE),
    "large": (1e18 * random_table(0, 64), TOO_LARGE),
    "infinite": (math.inf * random_table(0, 64), TOO_LARGE),
    "not numbers": (math.nan * random_table(0, 64), TOO_LARGE),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", REFUSED)
def test_a_table_that_no_map_can_show_is_refused_before_it_ends_the_process(name: str) -> None:
    table, complaint = REFUSED[name]
    for start in ("pca", "random"):
        with pytest.raises(ValueError, match=complaint):
            tsne(table, 5, 0, start)
    with pytest.raises(ValueError, match=complaint):
        principal_components(table)


@pytest.mark.parametrize("start", ["pca", "random"])
def test_one_row_that_differs_is_spread_enough(start: str) -> None:
    table = torch.zeros(29, 8)
    table[3] = 1
    assert bool(tsne(table, 5, 0, start, steps=250).isfinite().all())
    assert principal_components(table).shares == pytest.approx((1, 0))


def test_neighbours_kept_counts_the_same_nearest_row() -> None:
    line = torch.tensor([[0.0], [1.0], [3.0], [7.0]])
    assert neighbours_kept(line, line * 5) == 1
    assert neighbours_kept(line, torch.tensor([[0.0], [10.0], [3.0], [9.0]])) == 0  # 1 ↔ 3, 0 ↔ 2


def test_angles_of_known_tables() -> None:
    # The second is the best that three rows of two can do.
    three = torch.tensor([[1.0, 0.0], [-0.5, math.sqrt(3) / 2], [-0.5, -math.sqrt(3) / 2]])
    for table, cosine in ((torch.eye(4), 0), (three, 0.5)):
        found = angles(table)
        assert (found.typical, found.largest, found.bound) == pytest.approx((cosine,) * 3)
    assert angles(torch.eye(4)).chance == 0.5


@given(st.integers(0, 10_000), st.sampled_from([8, 16, 32, 64]))
def test_no_table_beats_the_bound_and_random_ones_stand_near_chance(seed: int, width: int) -> None:
    found = angles(random_table(seed, width))
    assert found.largest >= found.bound and found.typical == pytest.approx(found.chance, rel=0.25)
    assert (found.bound > 0) == (width < 29)


def test_cosines_ignore_lengths() -> None:
    table = random_table(3)
    torch.testing.assert_close(cosines(table), cosines(table * torch.rand(29, 1).add(0.1)))


@settings(max_examples=10)
@given(st.integers(0, 10_000), st.floats(0, 2))
def test_the_silhouette_is_that_of_scikit_learn_and_p_is_a_share(seed: int, shift: float) -> None:
    table = random_table(seed)
    table[[0, 4, 8, 14, 20], 0] += shift
    found = vowel_grouping(table)
    rows = [row for row, kind in enumerate(KINDS) if kind in ("vowel", "consonant")]
    expected = silhouette_score(
        table.double().numpy()[rows], [KINDS[row] for row in rows], metric="cosine"
    )
    assert found.silhouette == pytest.approx(expected, abs=1e-9)
    assert found.p_value + 1e-12 >= 1 / 53_130 and found.p_value <= 1
    if abs(found.p_value - 0.05) > 2 / 53_130:  # nearer, one labelling or two decide
        assert (found.p_value < 0.05) == (found.silhouette > found.high)


def test_vowels_that_keep_together_get_the_smallest_p_and_other_letters_do_not() -> None:
    table = random_table(1)
    table[[0, 4, 8, 14, 20], 0] += 9
    together = vowel_grouping(table)
    assert together.p_value == pytest.approx(1 / 53_130)
    assert together.silhouette > 0.1 > together.high
    # n … z take the rows of a … m.
    mixed = vowel_grouping(torch.cat((table[13:26], table[:13], table[26:])))
    assert mixed.p_value > 0.05
    assert together.z > 4 > mixed.z  # one labelling in 53,130 lies about four deviations out
    assert together.z * together.deviation == pytest.approx(together.silhouette - together.expected)


def test_p_values_of_random_tables_are_spread_evenly() -> None:
    values = sorted(vowel_grouping(random_table(seed)).p_value for seed in range(30))
    # Kolmogorov–Smirnov, one in a hundred.
    assert max(abs(value - (place + 0.5) / 30) for place, value in enumerate(values)) < 0.29


def test_nearest_pairs_come_by_name() -> None:
    table = torch.tensor([[1.0, 0], [0.9, 0.1], [0, 1.0]])
    pairs = nearest_pairs(torch.cat((table, -table)), list("xyzabc"))
    assert len(pairs) == 5 and [pair[:2] for pair in pairs[:2]] == [("x", "y"), ("a", "b")]
    assert pairs[0][2] > pairs[2][2] > pairs[4][2]
