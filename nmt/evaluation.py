"""How good is a trained model? Loss, word accuracy, and the mistakes themselves."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch.nn.functional as F

from nmt.batches import LengthBuckets
from nmt.data import WordPair
from nmt.decoding import Seq2Seq, evaluating, greedy_decode


@dataclass(frozen=True)
class Mistake:
    """A word that the model spelled wrong: what was asked, what was right, what it wrote."""

    source: str
    target: str
    answer: str
    rule_class: str


@dataclass(frozen=True)
class Evaluation:
    """Loss in nats per target token (`<EOS>` counted), accuracy over whole words, and mistakes."""

    loss: float
    word_accuracy: float
    words: int
    mistakes: tuple[Mistake, ...]


def measure(
    model: Seq2Seq, pairs: Sequence[WordPair], batch_size: int = 512
) -> tuple[float, float]:
    """Loss in nats per target token and greedy word accuracy, from one pass with the right letters.

    No decoding is needed for the accuracy. Greedy decoding spells a word right exactly if at every
    step, with the right letters before it, the right letter is the most probable one: up to its
    first mistake it has written the right letters itself.

    Raises ValueError if there is no pair.
    """
    if not pairs:
        raise ValueError("there are no words to measure on")
    loss, characters, right = 0.0, 0, 0
    with evaluating(model):
        for batch in LengthBuckets(pairs, batch_size, shuffle=False).epoch(0):
            batch = batch.to(model.device)
            logits = model(batch.source, batch.target[:, :-1])  # (b, t, v)
            labels = batch.labels()  # (b, t)
            loss += F.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="sum").item()
            characters += labels.numel()
            right += int((logits.argmax(dim=-1) == labels).all(dim=1).sum())
    return loss / characters, right / len(pairs)


def evaluate(model: Seq2Seq, pairs: Sequence[WordPair]) -> Evaluation:
    """Measure the loss with the right letters given, and the words that the model spells alone.

    Raises ValueError if there is no pair.
    """
    loss, _ = measure(model, pairs)
    answers = greedy_decode(model, [pair.source for pair in pairs])
    mistakes = tuple(
        Mistake(pair.source, pair.target, answer, pair.rule_class)
        for pair, answer in zip(pairs, answers, strict=True)
        if answer != pair.target
    )
    return Evaluation(loss, 1 - len(mistakes) / len(pairs), len(pairs), mistakes)
