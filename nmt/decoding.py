"""From a trained model to spelled words: greedy decoding, and a translator for whole sentences."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from nmt.batches import rows_alike
from nmt.data import VOCABULARY

MIN_STEPS = 24  # the longest target of our data has 23 letters, then comes <EOS>
MAX_WORD = 64  # longer "words" are left alone by `translate`

# Characters that take no room: soft hyphen, zero-width spaces and joiners, marks of direction.
_UNSEEN = "\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff"
_INVISIBLE = re.compile(f"[{_UNSEEN}]")
# Runs of letters, digits, dashes, and accents that stand alone.
_PIECES = re.compile(rf"([\w\u0300-\u036f{_UNSEEN}-]+)")


class Seq2Seq(nn.Module):
    """What a model must offer to be trained and decoded; nothing above asks which one it holds.

    A subclass has a `config` (a dataclass), names its `kind`, and writes `forward`, `start` and
    `read_on`. A `cache` is whatever the model remembers between two steps, for a batch of words;
    `cache.select(rows)` keeps some of these words.
    """

    kind: str
    config: Any
    reads_padding = False  # whether `forward` takes a `source_mask`, for words filled up at the end
    longest_word = MAX_WORD  # the most letters of a word that it can read

    def forward(self, source: Int[Tensor, "b s"], target: Int[Tensor, "b t"]) -> Tensor:
        """Logits (b, t, v) of the token after each target token, all at once (teacher forcing)."""
        raise NotImplementedError

    def start(self, source: Int[Tensor, "b s"]) -> Any:
        """Read the source; the cache before the first step."""
        raise NotImplementedError

    def read_on(self, tokens: Int[Tensor, "b t"], cache: Any) -> tuple[Tensor, Any]:
        """Logits (b, t, v) after each of `tokens`, which follow what `cache` holds; its next."""
        raise NotImplementedError

    def step(self, token: Int[Tensor, " b"], cache: Any) -> tuple[Float[Tensor, "b v"], Any]:
        """Logits of the token after `token`, and the cache that remembers `token` too."""
        logits, cache = self.read_on(token[:, None], cache)
        return logits[:, 0], cache

    @property
    def device(self) -> torch.device:
        """Where the weights are, and so where its inputs must be."""
        return next(self.parameters()).device

    def config_data(self) -> dict[str, Any]:
        """The config as plain data, with the kind of model, for a checkpoint."""
        return {"kind": self.kind, **asdict(self.config)}

    def summary(self) -> str:
        """A table of the number of parameters in each part, and in all."""
        counts = {"norms": 0}
        for name, part in self.named_children():
            name = "norms" if name.endswith("norm") else name
            counts[name] = counts.get(name, 0) + sum(p.numel() for p in part.parameters())
        counts["norms"] = counts.pop("norms")  # last
        counts["in all"] = sum(counts.values())
        return "\n".join(f"{name:<12}{count:>10,}" for name, count in counts.items() if count)


@contextmanager
def evaluating(model: Seq2Seq) -> Iterator[None]:
    """Dropout off and no gradients inside the block; the model's mode is restored after it."""
    was_training = model.training
    model.train(False)
    try:
        with torch.inference_mode():
            yield
    finally:
        model.train(was_training)


def greedy_decode(
    model: Seq2Seq,
    words: Sequence[str],
    *,
    max_steps: int | None = None,
    batch_size: int = 500,
    use_cache: bool = True,
) -> list[str]:
    """Spell the translation of each word, always taking the most probable next letter.

    y_{t+1} = argmax over letters of  p(letter | y_1 … y_t, source), from `<SOS>` until `<EOS>`.

    Args:
        model: a trained model.
        words: made of a–z and dashes.
        max_steps: the most letters to write; None: 24, or twice the word's length if that is more.
        batch_size: words of one length that are decoded side by side.
        use_cache: False recomputes every earlier letter at every step: the definition, but slow.

    Returns one word for each word, cut where `max_steps` ran out. Raises ValueError for a word that
    is empty or holds a character outside the vocabulary, or fewer than one step.
    """
    if max_steps is not None and max_steps < 1:
        raise ValueError(f"max_steps must be at least 1, not {max_steps}")
    if not all(words):
        raise ValueError(f"word {list(words).index('')} is empty; there is nothing to translate")
    decode, answers = _decode_cached if use_cache else _decode_again, [""] * len(words)
    with evaluating(model):
        for rows in rows_alike(map(len, words), batch_size):
            ids = [[*VOCABULARY.encode(words[row]), VOCABULARY.eos] for row in rows]
            source = torch.tensor(ids, device=model.device)  # (b, s)
            steps = max_steps or max(MIN_STEPS, 2 * len(words[rows[0]]))
            for row, written in zip(rows, decode(model, source, steps), strict=True):
                answers[row] = VOCABULARY.decode(written)
    return answers


def _decode_cached(model: Seq2Seq, source: Int[Tensor, "b s"], steps: int) -> list[list[int]]:
    """One step a letter; words that are done leave the batch."""
    shape = len(source), steps
    written = torch.full(shape, VOCABULARY.eos, device=source.device)  # (b, steps)
    rows = torch.arange(len(source), device=source.device)  # the words still being written
    token = torch.full_like(rows, VOCABULARY.sos)
    cache = model.start(source)
    for step in range(steps):
        logits, cache = model.step(token, cache)  # (b, v), b the words still being written
        token = logits.argmax(dim=-1)  # (b)
        written[rows, step] = token
        going_on = token != VOCABULARY.eos
        if not bool(going_on.all()):
            rows, token = rows[going_on], token[going_on]
            cache = cache.select(going_on.nonzero()[:, 0])
        if not len(rows):
            break
    return written.tolist()


def _decode_again(model: Seq2Seq, source: Int[Tensor, "b s"], steps: int) -> list[list[int]]:
    """Everything anew for each letter: what the cache saves us."""
    target = torch.full((len(source), 1), VOCABULARY.sos, device=source.device)
    for _ in range(steps):
        token = model(source, target)[:, -1].argmax(dim=-1)  # (b, t, v), (b, v), (b)
        target = torch.cat((target, token[:, None]), dim=1)  # (b, t + 1)
        if bool((target == VOCABULARY.eos).any(dim=1).all()):
            break
    return target[:, 1:].tolist()


@dataclass(frozen=True)
class Translation:
    """A translated text, and what had to stay as it was: (piece of text, why)."""

    text: str
    untranslated: tuple[tuple[str, str], ...]


def translate(model: Seq2Seq, text: str) -> Translation:
    """Translate a sentence word by word; spaces, punctuation and the case of words are kept.

    A word is a run of letters and dashes. An apostrophe is punctuation and separates: "don't" is
    two words. What nobody sees inside a word (a soft hyphen or a zero-width space, as copied from a
    page) is left out of its translation. A piece with a character that is neither a–z nor a dash
    (é, 3, ж) stays as it is and is reported, and so does a word that is longer than the model can
    read (64 letters or fewer).

    Returns the text, and the pieces that were left alone, each with the reason.
    """
    pieces = _PIECES.split(text)  # words, or what looks like one, stand at the odd places
    words: dict[int, str] = {}
    untranslated: list[tuple[str, str]] = []
    for place in range(1, len(pieces), 2):
        word = _INVISIBLE.sub("", pieces[place])
        foreign = {c for c in word if not ("a" <= c.lower() <= "z" and c.isascii()) and c != "-"}
        if not word.strip("-"):
            continue
        if foreign:
            reason = f"cannot translate {''.join(sorted(foreign))!r}"
            untranslated.append((pieces[place], reason))
        elif len(word) > model.longest_word:
            untranslated.append((word[:12] + "…", f"longer than {model.longest_word} letters"))
        else:
            words[place] = word
    unique = sorted({word.lower() for word in words.values()})
    answers = dict(zip(unique, greedy_decode(model, unique), strict=True))
    for place, word in words.items():
        pieces[place] = _in_case_of(word, answers[word.lower()])
    return Translation("".join(pieces), tuple(untranslated))


def _in_case_of(word: str, translation: str) -> str:
    """Give `translation` the case of `word`: ALL CAPITALS, a Capital first, or none."""
    if len(word) > 1 and word.isupper():
        return translation.upper()
    return translation.capitalize() if word[0].isupper() else translation
