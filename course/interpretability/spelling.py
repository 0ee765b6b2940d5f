"""One word, letter by letter: what a model writes, how sure it is of each letter, and what the rule
says.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from nmt.data import VOCABULARY
from nmt.decoding import MAX_WORD, MIN_STEPS, Seq2Seq, evaluating
from nmt.pig_latin import check_word, to_pig_latin


@dataclass(frozen=True)
class Spelling:
    """A word as a model spells it under greedy decoding.

    `written` and `rule` are tokens, one a step, the last of them `<EOS>` (`written` has none where
    the steps ran out). Row t of `probabilities` is p(token | source, the first t tokens of
    `written`): what the model believed before it wrote token t.
    """

    source: str
    written: tuple[str, ...]
    rule: tuple[str, ...]
    probabilities: Float[Tensor, "t v"]

    @property
    def answer(self) -> str:
        """The word that was written, without its end."""
        return "".join(token for token in self.written if token != "<EOS>")

    @property
    def truth(self) -> str:
        """The word that the rule asks for."""
        return "".join(self.rule[:-1])

    @property
    def first_mistake(self) -> int | None:
        """The first step (counted from 0) at which another token than the rule's was written, or
        None if all are right.
        """
        if self.written == self.rule:
            return None
        return next(
            step
            for step, token in enumerate(self.written)
            if step >= len(self.rule) or token != self.rule[step]
        )

    def right_token(self, step: int) -> str | None:
        """The token that the rule asks for at `step`; None after a mistake, for then there is no
        right way to go on.
        """
        return (
            None
            if self.first_mistake is not None and step > self.first_mistake
            else self.rule[step]
        )


def spell(model: Seq2Seq, word: str) -> Spelling:
    """Let a model spell one word, and keep what it believed at each step.

        y_{t+1} = argmax over tokens of  p(token | y_1 … y_t, source)

    The same word as `greedy_decode` gives.

    Args:
        model: a trained model.
        word: letters a–z and dashes.

    Raises:
        ValueError: if the word is empty, longer than the model can read, or holds another
            character.
    """
    longest = getattr(model, "longest_word", MAX_WORD)
    if len(word) > longest:
        raise ValueError(
            f"{len(word)} letters are more than the {longest} that this model can read; type a"
            " shorter word"
        )
    check_word(word)
    rule = (*to_pig_latin(word), "<EOS>")
    device = next(iter(model.parameters())).device
    written: list[str] = []
    rows: list[Tensor] = []
    with evaluating(model):
        cache = model.start(
            torch.tensor([[*VOCABULARY.encode(word), VOCABULARY.eos]], device=device)
        )
        token = torch.tensor([VOCABULARY.sos], device=device)
        while len(written) < max(MIN_STEPS, 2 * len(word)) and written[-1:] != ["<EOS>"]:
            logits, cache = model.step(token, cache)
            token = logits.argmax(dim=-1)
            rows.append(logits[0].softmax(dim=-1).cpu())
            written.append(VOCABULARY.token(int(token)))
    return Spelling(word, tuple(written), rule, torch.stack(rows))
