"""The training loop: batches of one length, AdamW, a schedule, and a record of what happened."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nmt.allocator import keep_freed_memory
from nmt.batches import Batch, LengthBuckets, PaddedBatch, RandomBatches
from nmt.data import WordPair, load_pairs, training_words
from nmt.decoding import Seq2Seq
from nmt.evaluation import measure

SCHEDULES = ("constant", "cosine", "plateau")
BATCHINGS = ("length", "random")


@dataclass(frozen=True)
class TrainingConfig:
    """Everything that fixes a training run besides the model, as plain data.

    Units: `epochs` and `warmup_epochs` rounds over the training words; `batch_size` words;
    `gradient_clip` the largest allowed norm of the gradient (0: no limit). `accumulate` batches
    make one step. `plateau_patience` epochs without a better validation loss are borne before the
    "plateau" schedule halves the rate. `device` "auto" takes a GPU where there is one (CUDA and MPS
    are untested).

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
        for name in ("weight_decay", "warmup_epochs", "gradient_clip"):
            if not (getattr(self, name) >= 0 and math.isfinite(getattr(self, name))):
                raise ValueError(f"{name} must not be negative, but is {getattr(self, name)}")
        if self.words < 0:
            raise ValueError(
                f"words must be positive, or 0 for all training words, not {self.words}"
            )
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(
                f"label_smoothing must lie between 0 and 1, not {self.label_smoothing}"
            )
        if self.schedule not in SCHEDULES:
            raise ValueError(
                f"unknown schedule {self.schedule!r}; choose one of {', '.join(SCHEDULES)}"
            )
        if self.batching not in BATCHINGS:
            raise ValueError(
                f"unknown batching {self.batching!r}; choose one of {', '.join(BATCHINGS)}"
            )
        if self.data not in ("small", "large"):
            raise ValueError(f"unknown data set {self.data!r}; choose small or large")


@dataclass
class Progress:
    """Where a run stands: everything besides weights and optimiser that the next epoch depends on.
    Plain data.
    """

    epochs: list[dict[str, Any]] = field(
        default_factory=list
    )  # one row an epoch: losses, accuracies, learning rate, seconds
    best: dict[str, Any] = field(default_factory=dict)  # the row of the best epoch on validation
    steps: int = 0
    plateau_factor: float = 1.0  # "plateau" halves it when too many epochs in a row
    plateau_waited: int = 0  # (so many by now) have brought no better validation loss
    plateau_best: float | None = None  # than this


@dataclass
class TrainingState:
    """A run between two epochs, whole: a copy of it can be trained on and ends with the same
    weights, bit for bit.
    """

    model: Seq2Seq
    optimizer: torch.optim.AdamW
    progress: Progress
    best_weights: dict[str, Tensor]
    random_state: Tensor  # of torch's generator, which draws the dropout


def choose_device(name: str = "auto") -> torch.device:
    """The device to train on; "auto" means a GPU where torch sees one, else the CPU."""
    if name != "auto":
        return torch.device(name)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def token_loss(model: Seq2Seq, batch: Batch | PaddedBatch, label_smoothing: float = 0.0) -> Tensor:
    """The sum over a batch's target characters of −log p(character | source, characters before it),
    in nats. Padding costs nothing.
    """
    logits = model(batch.source, batch.target[:, :-1], **batch.masks())
    return F.cross_entropy(
        logits.flatten(0, 1),
        batch.labels().flatten(),
        reduction="sum",
        label_smoothing=label_smoothing,
    )


def learning_rate(
    config: TrainingConfig, step: int, steps_per_epoch: int, plateau_factor: float = 1.0
) -> float:
    """The learning rate of a step: a linear warm-up from 0, then constant, a half cosine down to 0,
    or halved at each plateau.

    Source of the cosine: Loshchilov & Hutter 2017, "SGDR", equation 5, without restarts.
    """
    warmup = config.warmup_epochs * steps_per_epoch
    rate = config.learning_rate * min(1.0, (step + 1) / max(warmup, 1))
    if config.schedule == "cosine":
        done = max(0.0, step - warmup) / max(1.0, config.epochs * steps_per_epoch - warmup)
        rate *= 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
    return rate * plateau_factor


def start_training(model: Seq2Seq, config: TrainingConfig) -> TrainingState:
    """A run before its first epoch. Weight decay applies to matrices only, and not to those marked
    `no_weight_decay`.
    """
    parameters = list(model.parameters())
    decayed = [p for p in parameters if p.ndim > 1 and not getattr(p, "no_weight_decay", False)]
    spared = [p for p in parameters if p.ndim <= 1 or getattr(p, "no_weight_decay", False)]
    groups = [
        {"params": decayed, "weight_decay": config.weight_decay},
        {"params": spared, "weight_decay": 0.0},
    ]
    return TrainingState(
        model,
        torch.optim.AdamW(groups, lr=config.learning_rate, fused=True),
        Progress(),
        {},
        torch.get_rng_state(),
    )


def train_epoch(
    state: TrainingState, buckets: LengthBuckets | RandomBatches, config: TrainingConfig
) -> float:
    """`config.passes` passes over the training words; the mean training loss on the way (with
    dropout), in nats per character.

    Batches of one length are quick but one-sided: a batch of 4-letter words pulls the weights
    towards 4-letter words, and a bucket with one word in it pulls as hard as one with 128. So
    `accumulate` batches are added up, each weighed by its characters.
    """
    device = next(iter(state.model.parameters())).device
    first = config.passes * len(state.progress.epochs)
    batches: Iterator[Batch | PaddedBatch] = chain.from_iterable(
        buckets.epoch(number) for number in range(first, first + config.passes)
    )
    steps_per_epoch = math.ceil(config.passes * len(buckets) / config.accumulate)
    total, characters = 0.0, 0
    state.model.train()
    while group := [batch.to(device) for batch in islice(batches, config.accumulate)]:
        in_group = sum(batch.characters for batch in group)
        rate = learning_rate(
            config, state.progress.steps, steps_per_epoch, state.progress.plateau_factor
        )
        for parameter_group in state.optimizer.param_groups:
            parameter_group["lr"] = rate
        state.optimizer.zero_grad()
        for batch in group:
            loss = token_loss(state.model, batch, config.label_smoothing)
            (loss / in_group).backward()
            total += loss.item()
        if config.gradient_clip:
            nn.utils.clip_grad_norm_(state.model.parameters(), config.gradient_clip)
        state.optimizer.step()
        state.progress.steps += 1
        characters += in_group
    if not math.isfinite(total):
        raise ArithmeticError(
            f"the loss became {total} in epoch {len(state.progress.epochs) + 1}; try a smaller"
            " learning_rate"
        )
    return total / characters


def finish_epoch(
    state: TrainingState,
    config: TrainingConfig,
    seen: Sequence[WordPair],
    held_out: Sequence[WordPair],
    began: tuple[float, float],
) -> None:
    """Measure, note the epoch's row, keep the weights if they are the best so far, and slow down on
    a plateau.
    """
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
    if not progress.best or (val_accuracy, -val_loss) > (
        progress.best["val_accuracy"],
        -progress.best["val_loss"],
    ):
        progress.best = row
        state.best_weights = {
            name: tensor.detach().clone() for name, tensor in model.state_dict().items()
        }
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
    on_epoch: Callable[[TrainingState], None] | None = None,
) -> TrainingState:
    """Train `model` and leave in it the weights of its best epoch on the validation words (accuracy
    first, then loss).

    Args:
        model: a model with fresh weights, or that of `state`.
        config: how to train.
        pairs: training and validation words; None loads `config.data`.
        state: a run to go on with, as it was between two epochs.
        on_epoch: called after each epoch with the state: to show curves, to save.

    Returns:
        The state after the last epoch. An interrupt (Ctrl-C, the notebook's stop button) ends the
        run early and quietly: `state.progress` tells how far it came.

    Raises:
        ArithmeticError: if the loss is no longer a number.
        ValueError: if there are no training or no validation words.
    """
    keep_freed_memory()
    pairs = load_pairs(config.data) if pairs is None else pairs
    train_pairs = training_words([pair for pair in pairs if pair.split == "train"], config.words)
    val_pairs = [pair for pair in pairs if pair.split == "val"]
    if not train_pairs or not val_pairs:
        raise ValueError(
            f"training needs words to learn from and words held out, not {len(train_pairs)} and"
            f" {len(val_pairs)}"
        )
    seen_pairs = train_pairs[:: max(1, len(train_pairs) // len(val_pairs))][
        : len(val_pairs)
    ]  # as many as held out
    buckets: LengthBuckets | RandomBatches = LengthBuckets(
        train_pairs, config.batch_size, seed=config.seed
    )
    if config.batching == "random":
        if not hasattr(model, "reads_padding"):
            raise ValueError(
                "only the transformer can read padded batches: a state that has read padding has"
                " changed; use batching length"
            )
        buckets = RandomBatches(train_pairs, config.batch_size, seed=config.seed)
    model.to(choose_device(config.device))
    with torch.random.fork_rng(devices=[]):  # the reader's own random numbers are left alone
        if state is None:
            torch.manual_seed(config.seed)
            state = start_training(model, config)
        torch.set_rng_state(state.random_state)
        try:
            while len(state.progress.epochs) < config.epochs:
                began = time.perf_counter(), time.process_time()
                train_epoch(state, buckets, config)
                finish_epoch(state, config, seen_pairs, val_pairs, began)
                if on_epoch:
                    on_epoch(state)
        except KeyboardInterrupt:
            pass
    if state.best_weights:
        model.load_state_dict(state.best_weights)
    return state
