"""Exercises of notebook 03, continued: a loss with padding, a step with two bugs."""

import copy
import inspect
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course.checking.exercise import Draw, Exercise, Inputs, Slips, pick, seeded, table, tensors
from nmt.training import token_loss, train_epoch
from nmt.transformer import Transformer, TransformerConfig


def padded_loss(logits: Tensor, asked: Tensor, real: Tensor) -> Tensor:
    """The mean of −log p over the tokens that are asked for."""
    log_p = logits.log_softmax(dim=-1)  # (b, t, v)
    surprise = -log_p.gather(2, asked[..., None])[..., 0]  # (b, t)
    return surprise[real].mean()


def _padded_loss(slips: Slips, logits: Tensor, asked: Tensor, real: Tensor) -> Tensor:
    logits = logits.softmax(dim=-1) if "twice" in slips else logits
    logits = logits * real[..., None] if "zeroed" in slips else logits
    if "later" in slips:
        logits, asked, real = logits[:, :-1], asked[:, 1:], real[:, 1:]
    log_p = logits.log_softmax(dim=1 if "axis" in slips else -1)
    log_p = logits if "raw" in slips else log_p.exp() if "p" in slips else log_p
    surprise = log_p.gather(2, asked[..., None])[..., 0] * (1 if "sign" in slips else -1)
    surprise = surprise / 0.6931471805599453 if "bits" in slips else surprise
    if {"no_mask", "zeroed"} & slips:
        return surprise.mean()
    real = pick(
        slips, real, inverted=~real, zero_ignored=asked != 0, zero_filled=real & (asked != 0),
        not_first=real & (torch.arange(real.shape[1]) > 0),
    )  # fmt: skip
    total, words = (surprise * real).sum(), len(asked)
    per_word = (surprise * real).sum(1) / real.sum(1)
    return pick(
        slips, total / real.sum(), all=total / real.numel(), sum=total, words=per_word.mean(),
        number=total / words,
    )  # fmt: skip


def _loss_inputs() -> Inputs:
    small, asked = tensors([[[0, 0, 0], [0, 0, 0]], [[3, 0, 0], [5, 0, 0]]]), [[0, 1], [0, 1]]
    real = torch.tensor([[True, True], [True, False]])
    yield "two words of 2 and 1", (*small, torch.tensor(asked), real)
    for seed, (lengths, v) in enumerate((([5, 2, 3], 7), ([4, 4], 29), ([1, 6, 6, 2], 4))):
        draw, longest = Draw(160 + seed), max(lengths)
        real = torch.arange(longest) < torch.tensor(lengths)[:, None]
        logits = draw.normal(len(lengths), longest, v)
        asked_for = draw.integers(v, len(lengths), longest)
        yield f"words of {', '.join(map(str, lengths))}", (logits, asked_for, real)


LOSS = Exercise(
    name="transformer.padded-loss",
    minutes=15,
    difficulty=2,
    answer=padded_loss,
    course=(token_loss,),
    inputs=_loss_inputs,
    notice="""Notice that a long word counts more than a short one: the loss is per token, and
        padding is no token.""",
    slipped=_padded_loss,
    mistakes=table("""
        no_mask: padding counted as tokens
            What does the model have to write where the word has ended?
        zero_ignored zero_filled: token 0 taken for padding
            Which places does ignore_index=0 leave out: those of padding, or those of a token?
        zeroed: padding guessed, not left out
            Logits of 0 are a guess among all tokens, which costs log v. Is it asked for?
        all: divided by the padding too
            The sum is right. How many tokens were really asked for?
        words: a mean of means
            A word of one token and one of five: does each of the six tokens count the same?
        not_first: the first token left out
            How many tokens of a word are asked for? Which is the first of them?
        later: asked for one token later
            Row t of the logits is the guess at `asked[:, t]`. Whom did you shift, and why?
        number: divided by the number of words
            You have nats per word. What is asked for?
        sum: a sum, not a mean
            Would a batch of twice as many words have twice the loss?
        inverted: the padding instead of the tokens
            What does True mean in `real`?
        twice: softmax twice
            log_softmax expects logits. What did you give it?
        raw: logits taken for logarithms
            Do your probabilities sum to 1? Which function sees to that?
        p: no logarithm
            A probability of 1/2 costs 0.69 nats. Which function says so?
        sign: the other sign
            A loss gets smaller when the model gets better. Does yours?
        bits: bits, not nats
            To which base is your logarithm?
        axis: softmax along the wrong axis
            The probabilities of what sum to 1: of tokens, or of places?
    """),
    trains=True,
)


def training_step(model: nn.Module, optimizer: Any, source: Tensor, target: Tensor) -> float:
    """Read all but the last token, ask for all but the first; forget, backward, step."""
    logits = model(source, target[:, :-1])
    loss = F.cross_entropy(logits.flatten(0, 1), target[:, 1:].flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def _found(model: nn.Module, optimizer: Any, source: Tensor, target: Tensor) -> float:
    read, asked = target[:, :-1], target[:, :-1]
    loss = F.cross_entropy(model(source, read).flatten(0, 1), asked.flatten())
    loss.backward()
    optimizer.step()
    return loss.item()


def _training_step(
    slips: Slips, model: nn.Module, optimizer: Any, source: Tensor, target: Tensor
) -> float | Tensor:
    read, asked = pick(
        slips, (target[:, :-1], target[:, 1:]), unshifted=(target[:, :-1],) * 2,
        late_unshifted=(target[:, 1:],) * 2,
        back=(target[:, 1:], target[:, :-1]),
        far=(target[:, :-2], target[:, 2:]),
    )  # fmt: skip
    logits = model(read, source) if "swapped" in slips else model(source, read)
    logits = logits.softmax(dim=-1) if "twice" in slips else logits
    logits = logits.flatten(0, 1)
    loss = F.cross_entropy(logits, asked.flatten(), reduction="sum" if "sum" in slips else "mean")
    if "early" in slips:
        optimizer.step()
    if "adds_up" not in slips and "late" not in slips:
        optimizer.zero_grad()
    if "no_slope" not in slips:
        (-loss if "uphill" in slips else loss).backward()
    if "late" in slips:
        optimizer.zero_grad()
    if "no_step" not in slips and "early" not in slips:
        optimizer.step()
    if "after" in slips:
        loss = F.cross_entropy(model(source, read).flatten(0, 1), asked.flatten())
    return loss if "graph" in slips else loss.item()


def _three_steps(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """Three steps on one batch: the losses, the weights after them, and whether a loss comes with
    the graph that made it.
    """
    model, optimizer, source, target = copy.deepcopy(arguments)
    losses = [function(model, optimizer, source, target) for _ in range(3)]
    weights = torch.cat([weight.detach().flatten() for weight in model.parameters()])
    graph = any(getattr(loss, "requires_grad", False) for loss in losses)
    kept = "a number and its graph" if graph else "a number"
    return None if losses[0] is None else (losses[:1], losses[1:], weights, kept)


def _step_inputs() -> Inputs:
    def make() -> tuple[Any, ...]:
        config = TransformerConfig(
            hidden_size=8, num_heads=2, mlp_size=8, dropout=0.0, encoder_layers=1, decoder_layers=1
        )
        model = Transformer(config)
        return model, torch.optim.SGD(model.parameters(), lr=0.5)

    for b, s, t in ((1, 3, 5), (3, 4, 7)):
        words = Draw(b).integers(26, b, s), Draw(t).integers(26, b, t)
        yield f"{b} word{'s' * (b > 1)} of {s} tokens", (*seeded(make, b), *words)


STEP = Exercise(
    name="transformer.training-step",
    minutes=10,
    difficulty=2,
    answer=training_step,
    course=(train_epoch,),
    inputs=_step_inputs,
    observe=_three_steps,
    notice="Notice that with either bug the loss fell; only what the model wrote gave them away.",
    slipped=_training_step,
    mistakes=table("""
        unshifted late_unshifted: asked for the token that it reads
            At each place the model holds one token. Which one should it be asked for?
        adds_up: gradients add up
            backward() adds to what is there. Who clears away the gradient of the last batch?
        far: asked for the token after the next
            How many tokens lie between what is read and what is asked?
        back: asked for the token before
            Which end of the target does the model never read, and which is never asked for?
        late no_step no_slope: the weights stay
            step() goes against the gradients that it finds. Is it called? Which call fills them in,
            and what happens to them before step() looks?
        early: stepped before the gradient is known
            Which gradient does step() use, and when is it made?
        uphill: up instead of down
            step() goes against the gradient of what you call backward() on. Of what?
        after: the loss after the step
            Which loss is asked for: that of the model as it came, or as you leave it?
        graph: the loss with its graph
            The signature promises a float. Who keeps the whole graph alive?
        sum: a sum, not a mean
            Would a batch of twice as many words take a step twice as long?
        twice: softmax twice
            cross_entropy expects logits. What did you give it?
        swapped: source and target exchanged
            Which of its two arguments does the model read, and which does it continue?
    """),
    parts=(
        "the first loss",
        "the next two losses",
        "the weights after three steps",
        "what is returned",
    ),
    broken=frozenset({"unshifted", "adds_up"}),
    stub=inspect.getsource(_found),
)
