"""Batches of one length and padded ones: every word once, and the same logits for both."""

from collections import Counter
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nmt.batches import NOT_ASKED, Batch, LengthBuckets, PaddedBatch, RandomBatches
from nmt.data import VOCABULARY, WordPair, load_pairs
from nmt.mamba import Mamba, MambaConfig
from nmt.pig_latin import DASH, LETTERS
from nmt.positions import SCHEMES
from nmt.training import TrainingConfig, start_training, token_loss, train, train_epoch
from nmt.transformer import Transformer, TransformerConfig

CONFIG = TransformerConfig(
    hidden_size=16, num_heads=2, encoder_layers=2, decoder_layers=2, mlp_size=16, dropout=0.0
)
PAIRS = load_pairs("small", "train")
LENGTH = {pair: len(pair.source) for pair in PAIRS}
MIXED = [min(PAIRS, key=LENGTH.get), max(PAIRS, key=LENGTH.get), *PAIRS[10:15]]


def model_of(config=CONFIG):
    torch.manual_seed(0)
    return Transformer(config).double()


@pytest.mark.parametrize("rotary_cross", [False, True])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_padded_batch_gives_the_logits_of_the_words_alone(scheme, rotary_cross):
    model = model_of(replace(CONFIG, positions=scheme, rotary_cross=rotary_cross))
    batch = PaddedBatch.of(MIXED)
    logits = model(batch.source, batch.target[:, :-1], **batch.masks())
    for pair, row in zip(MIXED, logits, strict=True):
        alone = Batch.of([pair])
        expected = model(alone.source, alone.target[:, :-1])[0]
        torch.testing.assert_close(row[: len(expected)], expected, rtol=1e-9, atol=1e-9)


def test_without_its_mask_padding_changes_the_logits():
    model, batch = model_of(), PaddedBatch.of(MIXED)
    with_mask, without = (
        model(batch.source, batch.target[:, :-1], **masks) for masks in (batch.masks(), {})
    )
    shortest = int(batch.source_mask.sum(dim=1).argmin())
    assert not torch.allclose(with_mask[shortest, 0], without[shortest, 0], rtol=1e-3)


def test_loss_and_gradient_are_those_of_the_words_alone():
    padded, apart = model_of(), model_of()
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


def in_order(batches, number):
    return [VOCABULARY.decode(row) for batch in batches.epoch(number) for row in batch.source]


def test_every_word_comes_once_an_epoch_in_an_order_of_its_own():
    batches = RandomBatches(PAIRS[:100], 32, seed=1)
    epochs = [in_order(batches, number) for number in (0, 0, 1)]
    assert epochs[0] == epochs[1] != epochs[2]
    assert sorted(epochs[0]) == sorted(epochs[2]) == sorted(pair.source for pair in PAIRS[:100])
    assert len(batches) == 4 and [len(batch) for batch in batches.epoch(0)] == [32, 32, 32, 4]
    assert in_order(RandomBatches(PAIRS[:100], 32, seed=2), 0) != epochs[0]


def test_nothing_to_batch_is_refused():
    with pytest.raises(ValueError, match="at least one word"):
        PaddedBatch.of([])
    with pytest.raises(ValueError, match="at least one word"):
        RandomBatches([], 8)
    with pytest.raises(ValueError, match="batch_size is 0"):
        RandomBatches(PAIRS[:3], 0)


def test_training_on_padded_batches_learns_and_mamba_refuses_them():
    pairs = [*PAIRS[:150], *load_pairs("small", "val")[:20]]
    config = TrainingConfig(epochs=4, batch_size=16, learning_rate=1e-2, batching="random")
    torch.manual_seed(0)
    rows = train(Transformer(CONFIG), config, pairs=pairs).progress.epochs
    assert rows[-1]["train_loss"] < rows[0]["train_loss"] - 0.2
    with pytest.raises(ValueError, match="has read padding has changed"):
        train(Mamba(MambaConfig(hidden_size=8, num_layers=1)), config, pairs=pairs)


def test_the_training_loss_counts_no_padding():
    model = model_of()
    config = TrainingConfig(batch_size=50, learning_rate=1e-12, batching="random", weight_decay=0.0)
    measured = train_epoch(start_training(model, config), RandomBatches(MIXED, 50), config)
    characters = sum(len(pair.target) + 1 for pair in MIXED)
    assert measured == pytest.approx(
        sum(token_loss(model, Batch.of([pair])).item() for pair in MIXED) / characters
    )


# Batches of one length

WORDS = st.text(alphabet=LETTERS + DASH, min_size=1, max_size=12)


def spelled(batch: Batch) -> list[tuple[str, str]]:
    return [
        (VOCABULARY.decode(source), VOCABULARY.decode(target))
        for source, target in zip(batch.source, batch.target, strict=True)
    ]


def epoch_words(buckets: LengthBuckets, number: int) -> list[list[str]]:
    return [[source for source, _ in spelled(batch)] for batch in buckets.epoch(number)]


def test_batch_layout() -> None:
    batch = Batch.of([WordPair.of("fly"), WordPair.of("the")])
    assert batch.source.tolist() == [[5, 11, 24, 28], [19, 7, 4, 28]]
    assert batch.target.tolist() == [[27, 24, 5, 11, 0, 24, 28], [27, 4, 19, 7, 0, 24, 28]]
    assert len(batch) == 2
    assert batch.to("cpu").source.equal(batch.source)


@pytest.mark.parametrize("words", [[], ["fly", "street"], ["fly", "ant"]])
def test_a_batch_has_one_source_and_one_target_length(words: list[str]) -> None:
    with pytest.raises(ValueError, match="one source and target length"):
        Batch.of([WordPair.of(word) for word in words])


@given(
    st.lists(WORDS, min_size=1, max_size=40), st.integers(1, 9), st.integers(0, 5), st.booleans()
)
def test_every_pair_exactly_once_in_batches_of_one_length(
    words: list[str], batch_size: int, seed: int, shuffle: bool
) -> None:
    pairs = [WordPair.of(word) for word in words]
    buckets = LengthBuckets(pairs, batch_size, seed, shuffle)
    batches = list(buckets.epoch(3))
    assert len(batches) == len(buckets)
    assert all(1 <= len(batch) <= batch_size for batch in batches)
    seen = Counter(pair for batch in batches for pair in spelled(batch))
    assert seen == Counter((pair.source, pair.target) for pair in pairs)
    in_bucket = Counter((len(pair.source), len(pair.target)) for pair in pairs)
    assert len(batches) == sum(-(-count // batch_size) for count in in_bucket.values())


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    some = PAIRS[::10]
    buckets = LengthBuckets(some, 8, seed=1)
    later = epoch_words(buckets, 2)
    assert later == epoch_words(buckets, 2) == epoch_words(LengthBuckets(some, 8, seed=1), 2)
    assert later != epoch_words(buckets, 3)
    assert later != epoch_words(LengthBuckets(some, 8, seed=2), 2)


def test_shuffling_moves_words_within_and_batches_across_buckets() -> None:
    plain = epoch_words(LengthBuckets(PAIRS[::10], 8, shuffle=False), 0)
    mixed = epoch_words(LengthBuckets(PAIRS[::10], 8), 0)
    assert {frozenset(batch) for batch in plain} != {frozenset(batch) for batch in mixed}
    assert [len(batch[0]) for batch in plain] == sorted(len(batch[0]) for batch in plain)
    assert [len(batch[0]) for batch in mixed] != sorted(len(batch[0]) for batch in mixed)


def test_bad_buckets() -> None:
    with pytest.raises(ValueError, match="no word pairs"):
        LengthBuckets([], 32)
    with pytest.raises(ValueError, match="batch_size is 0"):
        LengthBuckets([WordPair.of("a")], 0)
