"""Batches of one length and padded ones: every word once, and the same logits for both."""

from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import tiny_mamba, tiny_transformer

from nmt.batches import NOT_ASKED, Batch, LengthBuckets, PaddedBatch, RandomBatches
from nmt.data import VOCABULARY, WordPair, load_pairs
from nmt.pig_latin import DASH, LETTERS
from nmt.positions import SCHEMES
from nmt.training import TrainingConfig, start_training, token_loss, train, train_epoch

LAYERS = {"encoder_layers": 2, "decoder_layers": 2, "dropout": 0.0}
PAIRS = load_pairs("small", "train")
LENGTH = {pair: len(pair.source) for pair in PAIRS}
MIXED = [min(PAIRS, key=LENGTH.get), max(PAIRS, key=LENGTH.get), *PAIRS[10:15]]


def two_layers(**options):
    return tiny_transformer(**LAYERS, **options).double()


@pytest.mark.parametrize("rotary_cross", [False, True])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_padded_batch_gives_the_logits_of_the_words_alone(scheme, rotary_cross):
    model = two_layers(positions=scheme, rotary_cross=rotary_cross)
    batch = PaddedBatch.of(MIXED)
    logits = model(batch.source, batch.target[:, :-1], **batch.masks())
    for pair, row in zip(MIXED, logits, strict=True):
        alone = Batch.of([pair])
        expected = model(alone.source, alone.target[:, :-1])[0]
        torch.testing.assert_close(row[: len(expected)], expected, rtol=1e-9, atol=1e-9)


def test_without_its_mask_padding_changes_the_logits():
    model, batch = two_layers(), PaddedBatch.of(MIXED)
    words = batch.source, batch.target[:, :-1]
    with_mask, without = model(*words, **batch.masks()), model(*words)
    shortest = int(batch.source_mask.sum(dim=1).argmin())
    assert not torch.allclose(with_mask[shortest, 0], without[shortest, 0], rtol=1e-3)


def test_loss_and_gradient_are_those_of_the_words_alone():
    padded, apart = two_layers(), two_layers()
    loss = token_loss(padded, PaddedBatch.of(MIXED))
    loss.backward()
    expected = sum(token_loss(apart, Batch.of([pair])) for pair in MIXED)
    expected.backward()
    torch.testing.assert_close(loss, expected)
    for ours, theirs in zip(padded.parameters(), apart.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-8, atol=1e-8)


def test_labels_ask_for_the_words_characters_and_nothing_else():
    batch = PaddedBatch.of(MIXED)
    labels = batch.labels()
    for pair, row, source, mask in zip(MIXED, labels, batch.source, batch.source_mask, strict=True):
        assert row[row != NOT_ASKED].tolist() == [*VOCABULARY.encode(pair.target), VOCABULARY.eos]
        assert source[mask].tolist() == [*VOCABULARY.encode(pair.source), VOCABULARY.eos]
    asked = int((labels != NOT_ASKED).sum())
    assert batch.characters == asked == sum(len(pair.target) + 1 for pair in MIXED)
    assert len(batch) == len(MIXED) and batch.to("cpu").source.equal(batch.source)


def test_some_words_of_a_batch_are_the_batch_of_those_words():
    whole, rows = PaddedBatch.of(MIXED), [4, 0, 2]
    chosen, alone = whole.select(rows), PaddedBatch.of([MIXED[row] for row in rows])
    for ours, theirs in zip(vars(chosen).values(), vars(alone).values(), strict=True):
        assert torch.equal(ours, theirs)


def test_the_training_loss_counts_no_padding():
    model = two_layers()
    config = TrainingConfig(batch_size=50, learning_rate=1e-12, batching="random", weight_decay=0.0)
    measured = train_epoch(start_training(model, config), RandomBatches(MIXED, 50), config)
    characters = sum(len(pair.target) + 1 for pair in MIXED)
    loss = sum(token_loss(model, Batch.of([pair])).item() for pair in MIXED)
    assert measured == pytest.approx(loss / characters)


# Batches of one length, and how words come into batches

WORDS = st.text(alphabet=LETTERS + DASH, min_size=1, max_size=12)


def spelled(batch: Batch) -> list[tuple[str, ...]]:
    return [tuple(map(VOCABULARY.decode, pair)) for pair in zip(batch.source, batch.target)]


def words_of(batches: LengthBuckets | RandomBatches, number: int) -> list[list[str]]:
    """The English words of each batch of an epoch."""
    return [[source for source, _ in spelled(batch)] for batch in batches.epoch(number)]


def test_batch_layout() -> None:
    batch = Batch.of([WordPair.of("fly"), WordPair.of("the")])
    assert batch.source.tolist() == [[5, 11, 24, 28], [19, 7, 4, 28]]
    assert batch.target.tolist() == [[27, 24, 5, 11, 0, 24, 28], [27, 4, 19, 7, 0, 24, 28]]
    assert len(batch) == 2
    assert batch.to("cpu").source.equal(batch.source)


@given(
    st.lists(WORDS, min_size=1, max_size=40), st.integers(1, 9), st.integers(0, 5), st.booleans()
)
def test_every_pair_comes_exactly_once_an_epoch(words, batch_size, seed, shuffle) -> None:
    pairs = [WordPair.of(word) for word in words]
    in_bucket = Counter((len(pair.source), len(pair.target)) for pair in pairs)
    for batches, expected in (
        (LengthBuckets(pairs, batch_size, seed, shuffle), in_bucket.values()),
        (RandomBatches(pairs, batch_size, seed), [len(pairs)]),
    ):
        made = list(batches.epoch(3))
        assert len(made) == len(batches) == sum(-(-count // batch_size) for count in expected)
        assert all(1 <= len(batch) <= batch_size for batch in made)
        seen = Counter(pair for batch in made for pair in spelled(batch))
        assert seen == Counter((pair.source, pair.target) for pair in pairs)


@pytest.mark.parametrize("kind", [LengthBuckets, RandomBatches])
def test_the_order_depends_on_seed_and_epoch_alone(kind) -> None:
    some = PAIRS[::10]
    batches = kind(some, 8, seed=1)
    later = words_of(batches, 2)
    assert later == words_of(batches, 2) == words_of(kind(some, 8, seed=1), 2)
    assert later != words_of(batches, 3)
    assert later != words_of(kind(some, 8, seed=2), 2)


def test_shuffling_moves_words_within_and_batches_across_buckets() -> None:
    plain = words_of(LengthBuckets(PAIRS[::10], 8, shuffle=False), 0)
    mixed = words_of(LengthBuckets(PAIRS[::10], 8), 0)
    assert {frozenset(batch) for batch in plain} != {frozenset(batch) for batch in mixed}
    assert [len(batch[0]) for batch in plain] == sorted(len(batch[0]) for batch in plain)
    assert [len(batch[0]) for batch in mixed] != sorted(len(batch[0]) for batch in mixed)


RANDOM = TrainingConfig(epochs=1, batching="random")
SPLIT = [*MIXED, *load_pairs("small", "val")[:1]]


@pytest.mark.parametrize(
    ("message", "make"),
    [
        ("one source and target length", lambda: Batch.of([])),
        ("one source and target length", lambda: Batch.of(MIXED[:2])),
        ("source and target length", lambda: Batch.of([WordPair.of("fly"), WordPair.of("ant")])),
        ("at least one word", lambda: PaddedBatch.of([])),
        ("at least one word", lambda: RandomBatches([], 8)),
        ("batch_size is 0", lambda: RandomBatches(MIXED, 0)),
        ("no word pairs", lambda: LengthBuckets([], 32)),
        ("batch_size is 0", lambda: LengthBuckets(MIXED, 0)),
        ("has read padding has changed", lambda: train(tiny_mamba(), RANDOM, pairs=SPLIT)),
    ],
)
def test_what_makes_no_batch_is_refused(message, make) -> None:
    with pytest.raises(ValueError, match=message):
        make()
