from dataclasses import replace

import pytest
import torch

from nmt.batches import NOT_ASKED, Batch, PaddedBatch, RandomBatches
from nmt.data import VOCABULARY, load_pairs
from nmt.mamba import Mamba, MambaConfig
from nmt.positions import SCHEMES
from nmt.training import TrainingConfig, start_training, token_loss, train, train_epoch
from nmt.transformer import Transformer, TransformerConfig

CONFIG = TransformerConfig(
    hidden_size=16, num_heads=2, encoder_layers=2, decoder_layers=2, mlp_size=16, dropout=0.0
)
PAIRS = load_pairs("small", "train")
MIXED = [
    min(PAIRS, key=lambda pair: len(pair.source)),
    max(PAIRS, key=lambda pair: len(pair.source)),
    *PAIRS[10:15],
]


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
    assert (
        batch.characters
        == sum(len(pair.target) + 1 for pair in MIXED)
        == int((labels != NOT_ASKED).sum())
    )
    assert len(batch) == len(MIXED) and batch.to("cpu").source.equal(batch.source)


def test_some_words_of_a_batch_are_the_batch_of_those_words():
    whole, rows = PaddedBatch.of(MIXED), [4, 0, 2]
    for ours, theirs in zip(
        vars(whole.select(rows)).values(),
        vars(PaddedBatch.of([MIXED[row] for row in rows])).values(),
        strict=True,
    ):
        assert torch.equal(ours, theirs)


def test_every_word_comes_once_an_epoch_in_an_order_of_its_own():
    batches = RandomBatches(PAIRS[:100], 32, seed=1)
    epochs = [
        [VOCABULARY.decode(row) for batch in batches.epoch(number) for row in batch.source]
        for number in (0, 0, 1)
    ]
    assert epochs[0] == epochs[1] != epochs[2]
    assert sorted(epochs[0]) == sorted(epochs[2]) == sorted(pair.source for pair in PAIRS[:100])
    assert len(batches) == 4 and [len(batch) for batch in batches.epoch(0)] == [32, 32, 32, 4]
    other = [
        VOCABULARY.decode(row)
        for batch in RandomBatches(PAIRS[:100], 32, seed=2).epoch(0)
        for row in batch.source
    ]
    assert other != epochs[0]


def test_nothing_to_batch_is_refused():
    with pytest.raises(ValueError, match="at least one word"):
        PaddedBatch.of([])
    with pytest.raises(ValueError, match="no word pairs"):
        RandomBatches([], 8)
    with pytest.raises(ValueError, match="batch_size is 0"):
        RandomBatches(PAIRS[:3], 0)


def test_training_on_padded_batches_learns_and_mamba_refuses_them():
    pairs = [*PAIRS[:150], *load_pairs("small", "val")[:20]]
    config = TrainingConfig(epochs=4, batch_size=16, learning_rate=1e-2, batching="random")
    torch.manual_seed(0)
    rows = train(Transformer(CONFIG), config, pairs=pairs).progress.epochs
    assert rows[-1]["train_loss"] < rows[0]["train_loss"] - 0.2
    with pytest.raises(ValueError, match="only the transformer can read padded batches"):
        train(Mamba(MambaConfig(hidden_size=8, num_layers=1)), config, pairs=pairs)


def test_the_training_loss_counts_no_padding():
    model = model_of()
    config = TrainingConfig(batch_size=50, learning_rate=1e-12, batching="random", weight_decay=0.0)
    measured = train_epoch(start_training(model, config), RandomBatches(MIXED, 50), config)
    characters = sum(len(pair.target) + 1 for pair in MIXED)
    assert measured == pytest.approx(
        sum(token_loss(model, Batch.of([pair])).item() for pair in MIXED) / characters
    )
