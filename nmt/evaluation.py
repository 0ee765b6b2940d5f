"""How good is a trained model? Loss, word accuracy, and the mistakes themselves."""

from collections.abc import Sequence
from dataclasses import dataclass

from nmt.data import WordPair
from nmt.decoding import Seq2Seq, greedy_decode
from nmt.training import measure


@dataclass(frozen=True)
class Mistake:
    """A word that the model spelled wrong: what was asked, what was right, what it wrote."""

    source: str
    target: str
    answer: str
    rule_class: str


@dataclass(frozen=True)
class Evaluation:
    """Loss in nats per target character (`<EOS>` counted), accuracy over whole words, and every mistake."""

    loss: float
    word_accuracy: float
    words: int
    mistakes: tuple[Mistake, ...]


def evaluate(model: Seq2Seq, pairs: Sequence[WordPair]) -> Evaluation:
    """Measure `model` on `pairs`: its loss with the right letters before it, its words when it spells alone.

    Args:
        model: a trained model.
        pairs: the words to ask, at least one.

    Raises:
        ValueError: if there is no pair.
    """
    loss, _ = measure(model, pairs)
    answers = greedy_decode(model, [pair.source for pair in pairs])
    mistakes = tuple(
        Mistake(pair.source, pair.target, answer, pair.rule_class)
        for pair, answer in zip(pairs, answers, strict=True)
        if answer != pair.target
    )
    return Evaluation(loss, 1 - len(mistakes) / len(pairs), len(pairs), mistakes)
