"""One word, letter by letter: what a model writes, how sure it is, and what the rule says."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from nmt.data import VOCABULARY
from nmt.decoding import MIN_STEPS, Seq2Seq, evaluating
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
        """The first step (from 0) at which another token than the rule's was written, or None."""
        steps = enumerate(self.written)
        return next((step for step, own in steps if (own,) != self.rule[step : step + 1]), None)

    def right_token(self, step: int) -> str | None:
        """The token that the rule asks for at `step`; None after a mistake: no way on is right."""
        wrong = self.first_mistake
        return None if wrong is not None and step > wrong else self.rule[step]


def spell(model: Seq2Seq, word: str) -> Spelling:
    """Let a model spell one word, and keep what it believed at each step.

        y_{t+1} = argmax over tokens of  p(token | y_1 … y_t, source)

    The same word as `greedy_decode` gives.

    Raises:
        ValueError: if the word is empty, longer than the model can read, or holds another
            character.
    """
    if len(word) > model.longest_word:
        raise ValueError(
            f"{len(word)} letters are more than the {model.longest_word} that this model can read;"
            " type a shorter word"
        )
    check_word(word)
    rule = (*to_pig_latin(word), "<EOS>")
    device = next(iter(model.parameters())).device
    source = torch.tensor([[*VOCABULARY.encode(word), VOCABULARY.eos]], device=device)
    written: list[str] = []
    rows: list[Tensor] = []
    with evaluating(model):
        cache = model.start(source)
        token = torch.tensor([VOCABULARY.sos], device=device)
        while len(written) < max(MIN_STEPS, 2 * len(word)) and written[-1:] != ["<EOS>"]:
            logits, cache = model.step(token, cache)
            token = logits.argmax(dim=-1)
            rows.append(logits[0].softmax(dim=-1).cpu())
            written.append(VOCABULARY.token(int(token)))
    return Spelling(word, tuple(written), rule, torch.stack(rows))
