"""Exercises of notebook 03, continued: a loss with padding, a step with two bugs, a cache."""

import copy
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course.checking.exercise import Case, Draw, Exercise, pick, seeded, table
from nmt.attention import MultiHeadAttention
from nmt.training import token_loss, train_epoch
from nmt.transformer import Transformer, TransformerConfig

Slips = frozenset[str]
Cache = tuple[Tensor, Tensor]


def padded_loss(logits: Tensor, asked: Tensor, real: Tensor) -> Tensor:
    """The mean of −log p over the tokens that are asked for."""
    log_p = logits.log_softmax(dim=-1)  # (b, t, v)
    surprise = -log_p.gather(2, asked[..., None])[..., 0]  # (b, t)
    return surprise[real].mean()


def _padded_loss(slips: Slips, logits: Tensor, asked: Tensor, real: Tensor) -> Tensor:
    logits = logits.softmax(dim=-1) if "twice" in slips else logits
    logits = logits * real[..., None] if "zeroed" in slips else logits
    log_p = logits.log_softmax(dim=1 if "axis" in slips else -1)
    log_p = logits if "raw" in slips else log_p.exp() if "p" in slips else log_p
    surprise = log_p.gather(2, asked[..., None])[..., 0] * (1 if "sign" in slips else -1)
    surprise = surprise / 0.6931471805599453 if "bits" in slips else surprise
    if {"no_mask", "zeroed"} & slips:
        return surprise.mean()
    real = ~real if "inverted" in slips else real
    total, words = (surprise * real).sum(), len(asked)
    per_word = (surprise * real).sum(1) / real.sum(1)
    return pick(
        slips, total / real.sum(), all=total / real.numel(), sum=total, words=per_word.mean(),
        number=total / words,
    )  # fmt: skip


def _loss_cases() -> list[Case]:
    numbers = torch.get_default_dtype()
    small = torch.tensor([[[0, 0], [0, 0]], [[3, 0], [5, 0]]], dtype=numbers)
    real = torch.tensor([[True, True], [True, False]])
    cases = [Case("two words of 2 and 1", (small, torch.tensor([[0, 1], [0, 1]]), real))]
    for seed, (lengths, v) in enumerate((([5, 2, 3], 7), ([4, 4], 29), ([1, 6, 6, 2], 4))):
        draw, longest = Draw(160 + seed), max(lengths)
        real = torch.arange(longest) < torch.tensor(lengths)[:, None]
        logits = draw.normal(len(lengths), longest, v)
        asked = draw.integers(v, len(lengths), longest)
        cases.append(Case(f"words of {', '.join(map(str, lengths))}", (logits, asked, real)))
    return cases


LOSS = Exercise(
    name="transformer.padded-loss",
    minutes=10,
    difficulty=2,
    answer=padded_loss,
    course=(token_loss,),
    cases=_loss_cases,
    notice=(
        "Notice that a long word counts more than a short one: the loss is per token, and padding"
        " is no token."
    ),
    slipped=_padded_loss,
    mistakes=table("""
        no_mask: padding counted as tokens
            What does the model have to write where the word has ended?
        zeroed: padding guessed, not left out
            Logits of 0 are a guess among all tokens, which costs log v. Is it asked for?
        all: divided by the padding too
            The sum is right. How many tokens were really asked for?
        words: a mean of means
            A word of one token and one of five: does each of the six tokens count the same?
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


def _training_step(
    slips: Slips, model: nn.Module, optimizer: Any, source: Tensor, target: Tensor
) -> float:
    read, asked = pick(
        slips, (target[:, :-1], target[:, 1:]), unshifted=(target[:, :-1],) * 2,
        late_unshifted=(target[:, 1:],) * 2,
        back=(target[:, 1:], target[:, :-1]),
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
    return loss.item()


def _three_steps(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """Three steps on one batch: the losses, and the weights after them."""
    model, optimizer, source, target = copy.deepcopy(arguments)
    losses = [function(model, optimizer, source, target) for _ in range(3)]
    weights = torch.cat([weight.detach().flatten() for weight in model.parameters()])
    return None if losses[0] is None else (losses[:1], losses[1:], weights)


def _step_cases() -> list[Case]:
    def make() -> tuple[Any, ...]:
        config = TransformerConfig(
            hidden_size=8, num_heads=2, mlp_size=8, dropout=0.0, encoder_layers=1, decoder_layers=1
        )
        model = Transformer(config)
        return model, torch.optim.SGD(model.parameters(), lr=0.5)

    return [
        Case(
            f"{b} word{'s' * (b > 1)} of {s} tokens",
            (*seeded(make, b), Draw(b).integers(26, b, s), Draw(t).integers(26, b, t)),
        )
        for b, s, t in ((1, 3, 5), (3, 4, 7))
    ]


STEP = Exercise(
    name="transformer.training-step",
    minutes=10,
    difficulty=2,
    answer=training_step,
    course=(train_epoch,),
    cases=_step_cases,
    observe=_three_steps,
    notice=(
        "Notice which of the two a falling loss could not show: both made it fall. Only what the"
        " model writes alone told."
    ),
    slipped=_training_step,
    mistakes=table("""
        unshifted late_unshifted: asked for the token that it reads
            At each place the model holds one token. Which one should it be asked for?
        adds_up: gradients add up
            backward() adds to what is there. Who clears away the gradient of the last batch?
        back: asked for the token before
            Which end of the target does the model never read, and which is never asked for?
        late no_step no_slope: the weights stay
            step() goes against the gradients that it finds. Is it called? Which call fills them
            in, and what happens to them before step() looks?
        early: stepped before the gradient is known
            Which gradient does step() use, and when is it made?
        uphill: up instead of down
            step() goes against the gradient of what you call backward() on. Of what?
        after: the loss after the step
            Which loss is asked for: that of the model as it came, or as you leave it?
        sum: a sum, not a mean
            Would a batch of twice as many words take a step twice as long?
        twice: softmax twice
            cross_entropy expects logits. What did you give it?
        swapped: source and target exchanged
            Which of its two arguments does the model read, and which does it continue?
    """),
    parts=("the first loss", "the next two losses", "the weights after three steps"),
    broken=frozenset({"unshifted", "adds_up"}),
)


def remember(query: Tensor, key: Tensor, value: Tensor, cache: Cache) -> tuple[Tensor, Cache]:
    """The new letter's key and value go behind the old ones; then it looks at all of them."""
    keys = torch.cat((cache[0], key), dim=1)  # (b, t + 1, k)
    values = torch.cat((cache[1], value), dim=1)
    weights = (query @ keys.mT / query.shape[-1] ** 0.5).softmax(dim=-1)  # (b, 1, t + 1)
    return weights @ values, (keys, values)


def _remember(
    slips: Slips, query: Tensor, key: Tensor, value: Tensor, cache: Cache
) -> tuple[Tensor, Cache]:
    old_keys, old_values = cache
    keys, values = torch.cat((old_keys, key), dim=1), torch.cat((old_values, value), dim=1)
    if "front" in slips:
        keys, values = torch.cat((key, old_keys), dim=1), torch.cat((value, old_values), dim=1)
    seen = pick(
        slips,
        (keys, values),
        before=cache,
        alone=(key, value),
        added=(old_keys + key, old_values + value),
    )
    root = pick(slips, query.shape[-1] ** 0.5, none=1, k=query.shape[-1])
    scores = query @ seen[0].mT / root
    weights = scores if "scores" in slips else scores.softmax(dim=1 if "axis" in slips else -1)
    kept = pick(
        slips,
        (keys, values),
        old=cache,
        new=(key, value),
        asked=(old_keys, values),
        queries=(torch.cat((old_keys, query), dim=1), values),
    )
    kept = seen if "added" in slips else kept
    kept = kept[::-1] if "turned" in slips else kept
    return weights @ seen[1], kept


def _cache_cases() -> list[Case]:
    numbers = torch.get_default_dtype()
    rows = [[[2, 0, 0, 0]]], [[[0, 1, 0, 0]]], [[[1, 3]]]
    query, key, value = (torch.tensor(row, dtype=numbers) for row in rows)
    old = torch.tensor([[[1, 0, 0, 0]]], dtype=numbers), torch.tensor([[[5, 1]]], dtype=numbers)
    cases = [Case("a second letter", (query, key, value, old))]
    for seed, (b, t, k, w) in enumerate(((1, 3, 8, 8), (3, 5, 16, 4), (2, 0, 4, 6))):
        draw = Draw(180 + seed)
        new = draw.normal(b, 1, k), draw.normal(b, 1, k), draw.normal(b, 1, w)
        cases.append(
            Case(f"{t} letters before", (*new, (draw.normal(b, t, k), draw.normal(b, t, w))))
        )
    return cases


CACHE = Exercise(
    name="transformer.cache",
    minutes=10,
    difficulty=2,
    answer=remember,
    course=(MultiHeadAttention,),
    cases=_cache_cases,
    notice=(
        "Notice that no mask was needed: what is still to be written is not in the cache. And that"
        " the cache is all that grows with the word."
    ),
    slipped=_remember,
    mistakes=table("""
        before: the new letter does not see itself
            Was its own key in the cache when it looked?
        alone: the cache is not read
            How many keys can the new letter look at?
        old: nothing is remembered
            Your output is right. What will the next letter find in the cache?
        new: all but the new letter forgotten
            The next letter looks at all letters so far. Which ones does your cache still hold?
        asked: keys forgotten, values kept
            Key and value of a letter belong together. Which of the two did you keep?
        queries: queries kept, not keys
            Who asks again later: the old letters, or the new one them?
        added: added to the old letters
            + adds numbers. How many letters are in the cache afterwards?
        front: the new letter in front
            The output is the same, but where is the newest letter expected next time?
        none: √k forgotten
            How large is a typical score when k is 256?
        k: divided by k, not by √k
            The variance of a score grows like k. How does its typical size grow?
        scores: no softmax
            What must the weights of the new letter sum to?
        axis: softmax over the queries
            There is one query. Over what should its weights sum to 1?
        turned: keys and values exchanged in the cache
            In which order did you get the two?
    """),
    parts=("the output", "the cache"),
)
