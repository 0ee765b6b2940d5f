import math
from dataclasses import replace

import pytest
import torch

from nmt.batches import LengthBuckets
from nmt.data import load_pairs
from nmt.evaluation import measure
from nmt.training import (
    TrainingConfig,
    _to_device,
    choose_device,
    learning_rate,
    start_training,
    train,
    train_epoch,
)
from nmt.transformer import Transformer, TransformerConfig

TINY = TransformerConfig(hidden_size=16, num_heads=2, encoder_layers=1, mlp_size=16)


@pytest.fixture(scope="module")
def pairs():
    chosen = [p for p in load_pairs("small") if len(p.source) in (4, 5)]  # few lengths, few batches
    train, val = ([p for p in chosen if p.split == split] for split in ("train", "val"))
    return train[:120] + val[:30]


def fresh(**changes):
    torch.manual_seed(0)
    return Transformer(replace(TINY, **changes))


def test_training_lowers_the_loss_and_ends_with_the_last_epoch(pairs):
    model = fresh()
    before, _ = measure(model, pairs)
    state = train(model, TrainingConfig(epochs=6, batch_size=16, learning_rate=1e-2), pairs=pairs)
    rows = state.progress.epochs
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert rows[-1]["train_loss"] < before - 0.5
    last = rows[-1]
    loss, accuracy = measure(model, [p for p in pairs if p.split == "val"])
    assert loss == pytest.approx(last["val_loss"], abs=1e-6) and accuracy == last["val_accuracy"]


def test_training_leaves_the_readers_random_numbers_alone(pairs):
    model, before = fresh(), torch.get_rng_state()
    train(model, TrainingConfig(epochs=1), pairs=pairs)
    assert torch.equal(torch.get_rng_state(), before)


def test_same_seed_same_weights_other_seed_other_weights(pairs):
    def weights(seed):
        model = fresh()
        train(model, TrainingConfig(epochs=1, batch_size=16, seed=seed), pairs=pairs)
        return model.output.weight.detach()

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


def test_accumulated_batches_equal_one_big_batch():
    words = load_pairs("small", "train")
    same_length = [p for p in words if (len(p.source), len(p.target)) == (6, 8)][:8]
    assert len(same_length) == 8

    def step(batch_size, accumulate):
        model = fresh(dropout=0.0).double()
        constant = {"warmup_epochs": 0.0, "schedule": "constant"}
        config = TrainingConfig(batch_size=batch_size, accumulate=accumulate, **constant)
        train_epoch(start_training(model, config), LengthBuckets(same_length, batch_size), config)
        return model.output.weight.detach()

    torch.testing.assert_close(step(2, 4), step(8, 1), rtol=1e-9, atol=1e-9)
    assert not torch.allclose(step(2, 1), step(8, 1), rtol=1e-6)


def test_schedules():
    cosine = TrainingConfig(epochs=10, learning_rate=1.0, warmup_epochs=2.0)
    rates = [learning_rate(cosine, step, 5) for step in range(50)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[9] == pytest.approx(1.0)
    assert max(rates) == pytest.approx(1.0)
    assert rates[10:] == sorted(rates[10:], reverse=True) and 0 < rates[-1] < 0.01
    assert rates[30] == pytest.approx(0.5)
    constant = TrainingConfig(schedule="constant", learning_rate=0.25, warmup_epochs=0.0)
    assert {learning_rate(constant, step, 5) for step in range(50)} == {0.25}
    plateau = TrainingConfig(schedule="plateau", warmup_epochs=0.0)
    assert learning_rate(plateau, 9, 5, 0.5) == pytest.approx(1.5e-3)


def test_plateau_halves_the_rate_when_validation_stands_still(pairs):
    still = {"plateau_patience": 0, "learning_rate": 1e-12, "warmup_epochs": 0.0}
    config = TrainingConfig(epochs=4, schedule="plateau", **still)
    model = fresh()
    torch.nn.init.zeros_(model.output.weight)
    for parameter in model.parameters():
        parameter.requires_grad_(parameter is model.output.bias)
    rows = train(model, config, pairs=pairs).progress.epochs
    assert rows[-1]["learning_rate"] < rows[0]["learning_rate"]


def test_weight_decay_spares_vectors_and_marked_matrices():
    model = fresh()
    model.output.weight.no_weight_decay = True
    decayed, spared = start_training(model, TrainingConfig(weight_decay=0.3)).optimizer.param_groups
    assert decayed["weight_decay"] == 0.3 and spared["weight_decay"] == 0.0
    assert all(p.ndim > 1 for p in decayed["params"])
    assert any(p is model.output.weight for p in spared["params"])
    assert any(p.ndim == 1 for p in spared["params"])
    assert len(decayed["params"]) + len(spared["params"]) == len(list(model.parameters()))


def test_words_of_both_splits_are_needed(pairs):
    for split in ("train", "val"):
        some = [pair for pair in pairs if pair.split == split]
        with pytest.raises(ValueError, match="need both"):
            train(fresh(), TrainingConfig(epochs=1), pairs=some)


def test_an_interrupt_ends_the_run_quietly_and_the_state_says_so(pairs):
    def stop(state):
        if len(state.progress.epochs) == 2:
            raise KeyboardInterrupt

    model, config = fresh(), TrainingConfig(epochs=3)
    state = train(model, config, pairs=pairs, on_epoch=stop)
    assert len(state.progress.epochs) == 2 and state.interrupted
    state = train(model, config, pairs=pairs, state=state)
    assert len(state.progress.epochs) == 3 and not state.interrupted


def test_whoever_is_called_after_an_epoch_may_end_the_run(pairs):
    state = train(fresh(), TrainingConfig(epochs=9), pairs=pairs, on_epoch=lambda state: True)
    assert len(state.progress.epochs) == 1 and not state.interrupted


# The meta device stands for a second one: it computes nothing, and refuses to meet the CPU.


def test_auto_is_the_cpu():
    assert choose_device() == torch.device("cpu") and choose_device("meta").type == "meta"


def devices_of(state):
    moments = state.optimizer.state.values()
    tensors = [m for each in moments for name, m in each.items() if name != "step"]
    return {tensor.device.type for tensor in (*parameters_of(state.optimizer), *tensors)}


def parameters_of(optimizer):
    return [p for group in optimizer.param_groups for p in group["params"]]


def test_a_run_can_go_on_on_another_device(pairs, monkeypatch):
    # There is no meta device for AdamW's fused form.
    plain = torch.optim.AdamW
    monkeypatch.setattr(torch.optim, "AdamW", lambda groups, lr, fused: plain(groups, lr))
    state = train(fresh(), TrainingConfig(epochs=1), pairs=pairs)
    assert len(state.optimizer.state) > 10 and devices_of(state) == {"cpu"}
    _to_device(state, TrainingConfig(device="meta"))
    assert state.model.device.type == "meta" and devices_of(state) == {"meta"}
    assert set(parameters_of(state.optimizer)) == set(state.model.parameters())


def test_a_diverging_run_says_what_to_do(pairs):
    settings = {"learning_rate": 1e30, "gradient_clip": 0.0, "warmup_epochs": 0.0}
    with pytest.raises(ArithmeticError, match="lower the learning_rate"):
        train(fresh(), TrainingConfig(epochs=5, **settings), pairs=pairs)


IMPOSSIBLE = [(name, 0) for name in ("epochs", "batch_size", "accumulate", "passes")]
IMPOSSIBLE += [("learning_rate", 0.0), ("learning_rate", math.nan), ("weight_decay", -1.0)]
IMPOSSIBLE += [("gradient_clip", math.inf), ("warmup_epochs", -1.0), ("words", -1)]
IMPOSSIBLE += [("label_smoothing", 1.0), ("schedule", "sawtooth"), ("data", "huge")]


@pytest.mark.parametrize(("key", "value"), [*IMPOSSIBLE, ("batching", "sorted")])
def test_impossible_settings_are_named(key, value):
    with pytest.raises(ValueError, match=key):
        TrainingConfig(**{key: value})


@pytest.mark.usefixtures("without_type_checks")
def test_an_epoch_may_be_several_passes_and_goes_on_with_new_orders(pairs):
    constant, states = {"schedule": "constant", "warmup_epochs": 0.0, "batch_size": 16}, []
    for epochs, passes in ((2, 3), (6, 1)):
        config = TrainingConfig(epochs=epochs, passes=passes, **constant)
        states.append(train(fresh(dropout=0.0), config, pairs=pairs))
        assert len(states[-1].progress.epochs) == epochs
    assert states[0].progress.steps == states[1].progress.steps
    assert torch.equal(*(state.model.output.weight for state in states))


def test_fewer_training_words_leave_the_validation_words_as_they_are(pairs):
    val = [pair for pair in pairs if pair.split == "val"]
    for words, steps in ((10, 1), (30, 3), (0, 12)):
        config = TrainingConfig(epochs=1, batch_size=10, words=words, batching="random")
        state = train(fresh(), config, pairs=pairs)
        assert state.progress.steps == steps
        assert state.progress.epochs[0]["val_loss"] == measure(state.model, val)[0]
    with pytest.raises(ValueError, match="121 training words are asked for, but there are 120"):
        train(fresh(), TrainingConfig(words=121), pairs=pairs)
