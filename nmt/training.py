"""The training loop, and around it AdamW, a schedule, and a record."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nmt.batches import Batch, LengthBuckets, RandomBatches
from nmt.data import WordPair, load_pairs, training_words
from nmt.decoding import Seq2Seq
from nmt.evaluation import measure

SCHEDULES = ("constant", "cosine", "plateau")
BATCHINGS = ("length", "random")


@dataclass(frozen=True)
class TrainingConfig:
    """Everything that fixes a training run besides the model, as plain data.

    `accumulate` batches of `batch_size` words make one step; `gradient_clip` is the largest allowed
    norm of the gradient (0: no limit). `plateau_patience` epochs without a better validation loss
    are tolerated before the "plateau" schedule halves the rate. `device` is where to work, and no
    setting of the run: it may change when an interrupted run goes on (tried from CUDA to the CPU;
    MPS is untested).

    `words` training words are used (0: all), always the same ones, and any smaller number is a part
    of them; the validation words stay all those of the data set. An epoch, after which everything
    is measured, is `passes` passes over them. `batching` puts words of one "length" together, or
    "random" ones, padded, which only the transformer can read.
    """

    data: str = "small"
    epochs: int = 60
    batch_size: int = 128
    accumulate: int = 1
    learning_rate: float = 3e-3
    weight_decay: float = 0.01
    schedule: str = "cosine"
    warmup_epochs: float = 2.0
    plateau_patience: int = 5
    gradient_clip: float = 1.0
    label_smoothing: float = 0.0
    seed: int = 0
    device: str = "auto"
    words: int = 0
    passes: int = 1
    batching: str = "length"

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "accumulate", "passes"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        if not (self.learning_rate > 0 and math.isfinite(self.learning_rate)):
            raise ValueError(f"learning_rate must be a positive number, not {self.learning_rate}")
        for name in ("weight_decay", "warmup_epochs", "gradient_clip", "words"):
            if not (getattr(self, name) >= 0 and math.isfinite(getattr(self, name))):
                raise ValueError(f"{name} must not be negative, but is {getattr(self, name)}")
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(f"label_smoothing is below 1 and not {self.label_smoothing}")
        choices = {"schedule": SCHEDULES, "batching": BATCHINGS, "data": ("small", "large")}
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                value = repr(getattr(self, name))
                raise ValueError(f"unknown {name} {value}; choose one of {', '.join(allowed)}")


@dataclass
class Progress:
    """Where a run stands besides weights and optimiser: all that the next epoch depends on."""

    # one row an epoch: losses, accuracies, learning rate, seconds
    epochs: list[dict[str, Any]] = field(default_factory=list)
    steps: int = 0
    plateau_factor: float = 1.0  # "plateau" halves it when too many epochs in a row
    plateau_waited: int = 0  # (so many by now) have brought no better validation loss
    plateau_best: float | None = None  # than this


@dataclass
class TrainingState:
    """A run between two epochs, whole: a copy of it trains on to the same weights, bit for bit."""

    model: Seq2Seq
    optimizer: torch.optim.AdamW
    progress: Progress
    random_state: Tensor  # of torch's generator, which draws the dropout
    interrupted: bool = False  # whether the last call of `train` was stopped early


def choose_device(name: str = "auto") -> torch.device:
    """The device of that name; "auto" is the CPU, fast enough for the models of this course."""
    return torch.device("cpu" if name == "auto" else name)


def token_loss(model: Seq2Seq, batch: Batch, label_smoothing: float = 0.0) -> Tensor:
    """The sum over target tokens of −log p(token | source, tokens before it), in nats."""
    batch = batch.to(model.device)
    logits = model(batch.source, batch.target[:, :-1], **batch.masks())  # (b, t, v)
    labels = batch.labels().flatten()  # (b · t); padding is left out
    return F.cross_entropy(
        logits.flatten(0, 1), labels, reduction="sum", label_smoothing=label_smoothing
    )


def learning_rate(
    config: TrainingConfig, step: int, steps_per_epoch: int, plateau_factor: float = 1.0
) -> float:
    """The rate of a step: warm-up from 0, then constant, a half cosine to 0, or halved at plateaus.

    Source of the cosine: Loshchilov & Hutter 2017, "SGDR", equation 5, without restarts.
    """
    warmup = config.warmup_epochs * steps_per_epoch
    rate = config.learning_rate * min(1.0, (step + 1) / max(warmup, 1))
    if config.schedule == "cosine":
        done = max(0.0, step - warmup) / max(1.0, config.epochs * steps_per_epoch - warmup)
        rate *= 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
    return rate * plateau_factor


def start_training(model: Seq2Seq, config: TrainingConfig) -> TrainingState:
    """A run before its first epoch, on `config.device`; only matrices decay, unless spared."""
    model.to(choose_device(config.device))  # before the optimiser: its state lies where these do
    parameters = list(model.parameters())
    spared = {p for p in parameters if p.ndim <= 1 or getattr(p, "no_weight_decay", False)}
    groups = [
        {"params": [p for p in parameters if p not in spared], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p in spared], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=config.learning_rate, fused=True)
    return TrainingState(model, optimizer, Progress(), torch.get_rng_state())


def train_epoch(
    state: TrainingState, batches: LengthBuckets | RandomBatches, config: TrainingConfig
) -> float:
    """`config.passes` passes over the words; the mean loss on the way, in nats a token.

    Batches of one length are quick but one-sided: a batch of 4-letter words pulls the weights
    towards 4-letter words, and a bucket with one word in it pulls as hard as one with 128. So
    `accumulate` batches are added up, each weighed by its tokens. Raises ArithmeticError if the
    loss is no longer a number.
    """
    model, optimizer, progress = state.model, state.optimizer, state.progress
    steps_per_epoch = math.ceil(config.passes * len(batches) / config.accumulate)
    total, tokens = 0.0, 0
    model.train()
    for group in _groups(batches, len(progress.epochs), config):
        rate = learning_rate(config, progress.steps, steps_per_epoch, progress.plateau_factor)
        for parameter_group in optimizer.param_groups:
            parameter_group["lr"] = rate

        optimizer.zero_grad()
        in_group = sum(batch.characters for batch in group)
        for batch in group:
            loss = token_loss(model, batch, config.label_smoothing)
            (loss / in_group).backward()
            total += loss.item()
        if config.gradient_clip:
            nn.utils.clip_grad_norm_(model.parameters(), config.gradient_clip)
        optimizer.step()

        progress.steps += 1
        tokens += in_group
    if not math.isfinite(total):
        epoch = len(progress.epochs) + 1
        raise ArithmeticError(f"the loss became {total} in epoch {epoch}; lower the learning_rate")
    return total / tokens


def _groups(
    batches: LengthBuckets | RandomBatches, epoch: int, config: TrainingConfig
) -> Iterator[list[Batch]]:
    """The batches of an epoch, those together that make one step."""
    passes = range(config.passes * epoch, config.passes * (epoch + 1))
    all_batches = chain.from_iterable(batches.epoch(number) for number in passes)
    while group := list(islice(all_batches, config.accumulate)):
        yield group


def finish_epoch(
    state: TrainingState,
    config: TrainingConfig,
    seen: Sequence[WordPair],
    held_out: Sequence[WordPair],
    began: tuple[float, float],
) -> None:
    """Measure, note the epoch's row, and slow down on a plateau."""
    progress, model = state.progress, state.model
    train_loss, train_accuracy = measure(model, seen)
    val_loss, val_accuracy = measure(model, held_out)
    row = {
        "epoch": len(progress.epochs) + 1,
        "train_loss": train_loss,
        "val_loss": val_loss,
        "train_accuracy": train_accuracy,
        "val_accuracy": val_accuracy,
        "learning_rate": state.optimizer.param_groups[0]["lr"],
        "seconds": time.perf_counter() - began[0],
        "cpu_seconds": time.process_time() - began[1],
    }
    progress.epochs.append(row)

    if progress.plateau_best is None or val_loss < progress.plateau_best:
        progress.plateau_best, progress.plateau_waited = val_loss, 0
    else:
        progress.plateau_waited += 1
    if config.schedule == "plateau" and progress.plateau_waited > config.plateau_patience:
        progress.plateau_factor, progress.plateau_waited = progress.plateau_factor / 2, 0
    state.random_state = torch.get_rng_state()


def train(
    model: Seq2Seq,
    config: TrainingConfig,
    *,
    pairs: Sequence[WordPair] | None = None,
    state: TrainingState | None = None,
    on_epoch: Callable[[TrainingState], object] | None = None,
) -> TrainingState:
    """Train `model` to its last epoch.

    Its weights are those of the last epoch, not of the one that looked best on the validation
    words: then these words have chosen nothing, and may be reported.

    Args:
        model: a model with fresh weights, or that of `state`.
        pairs: training and validation words; None loads `config.data`.
        state: a run to go on with, as it was between two epochs.
        on_epoch: called after each epoch with the state; if it returns True, the run ends there.

    Returns the state; an interrupt (Ctrl-C) ends the run early, and `state.interrupted` says so.
    Raises ArithmeticError for an infinite loss, ValueError for missing words or unread padding.
    """
    learned, seen, held_out = _words(config, load_pairs(config.data) if pairs is None else pairs)
    batches = _batches(model, learned, config)
    with torch.random.fork_rng(devices=[]):  # the reader's own random numbers are left alone
        if state is None:
            torch.manual_seed(config.seed)
            state = start_training(model, config)
        _to_device(state, config)
        torch.set_rng_state(state.random_state)
        state.interrupted = False
        try:
            while len(state.progress.epochs) < config.epochs:
                began = time.perf_counter(), time.process_time()
                train_epoch(state, batches, config)
                finish_epoch(state, config, seen, held_out, began)
                if on_epoch and on_epoch(state) is True:
                    break
        except KeyboardInterrupt:
            state.interrupted = True
    return state


def _words(
    config: TrainingConfig, pairs: Sequence[WordPair]
) -> tuple[Sequence[WordPair], Sequence[WordPair], Sequence[WordPair]]:
    """The words to learn from, some of these to measure on, and as many that are held out."""
    learned = training_words([pair for pair in pairs if pair.split == "train"], config.words)
    held_out = [pair for pair in pairs if pair.split == "val"]
    if not learned or not held_out:
        raise ValueError(f"{len(learned)} words to learn from, {len(held_out)} held out; need both")
    every = max(1, len(learned) // len(held_out))
    return learned, learned[::every][: len(held_out)], held_out


def _batches(
    model: Seq2Seq, pairs: Sequence[WordPair], config: TrainingConfig
) -> LengthBuckets | RandomBatches:
    if config.batching == "length":
        return LengthBuckets(pairs, config.batch_size, seed=config.seed)
    if not model.reads_padding:
        raise ValueError("a state that has read padding has changed; use batching length")
    return RandomBatches(pairs, config.batch_size, seed=config.seed)


def _to_device(state: TrainingState, config: TrainingConfig) -> None:
    """Move a run to the device of `config`, if it is elsewhere, with an optimiser made there."""
    if state.model.device != choose_device(config.device):
        moments = state.optimizer.state_dict()
        state.optimizer = start_training(state.model, config).optimizer
        state.optimizer.load_state_dict(moments)
