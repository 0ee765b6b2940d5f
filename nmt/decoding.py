"""From a trained model to spelled words: greedy decoding, and a translator for whole sentences."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from nmt.data import VOCABULARY

MIN_STEPS = 24  # the longest target of our data has 23 letters, then comes <EOS>
MAX_WORD = 64  # longer "words" are left alone by `translate`


@runtime_checkable
class Cache(Protocol):
    """What a model remembers between two steps of decoding, for a batch of words."""

    def select(self, rows: Int[Tensor, " b"]) -> "Cache":
        """Keep only some words of the batch."""
        ...


@runtime_checkable
class Seq2Seq(Protocol):
    """What both models offer; nothing above asks which one it holds."""

    training: bool

    def __call__(self, source: Tensor, target: Tensor) -> Tensor:
        """Logits of the letter after each target letter."""
        ...

    def start(self, source: Tensor) -> Any:
        """Read the source; the cache for the first step."""
        ...

    def step(self, token: Tensor, cache: Any) -> tuple[Tensor, Any]:
        """Logits of the letter after `token`, and the next cache."""
        ...

    def config_data(self) -> dict[str, Any]:
        """The config as plain data, with the kind of model."""
        ...

    def train(self, mode: bool = True) -> Any:
        """Switch dropout on or off; this and the rest as in every `nn.Module`."""
        ...

    def to(self, device: torch.device) -> Any: ...  # noqa: D102
    def parameters(self) -> Iterator[nn.Parameter]: ...  # noqa: D102
    def state_dict(self) -> dict[str, Tensor]: ...  # noqa: D102
    def load_state_dict(self, state_dict: dict[str, Tensor]) -> Any: ...  # noqa: D102


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
        max_steps: the most letters to write; None allows 24, or twice the word's length where that
            is more.
        batch_size: words decoded side by side; words of one length go together.
        use_cache: False recomputes every earlier letter at every step: the definition, and several
            times slower.

    Returns:
        One word for each word; without its end where `max_steps` ran out.

    Raises:
        ValueError: for an empty word or a character outside the vocabulary, or fewer than one step.
    """
    if max_steps is not None and max_steps < 1:
        raise ValueError(f"max_steps must be at least 1, not {max_steps}")
    rows_by_length: dict[int, list[int]] = defaultdict(list)
    for row, word in enumerate(words):
        if not word:
            raise ValueError(f"word {row} is empty; there is nothing to translate")
        rows_by_length[len(word)].append(row)
    device = next(iter(model.parameters())).device
    answers = [""] * len(words)
    with evaluating(model):
        for length, rows in rows_by_length.items():
            steps = max_steps or max(MIN_STEPS, 2 * length)
            for begin in range(0, len(rows), batch_size):
                part = rows[begin : begin + batch_size]
                source = torch.tensor(
                    [[*VOCABULARY.encode(words[row]), VOCABULARY.eos] for row in part],
                    device=device,
                )
                for row, ids in zip(
                    part,
                    (_decode_cached if use_cache else _decode_again)(model, source, steps),
                    strict=True,
                ):
                    answers[row] = VOCABULARY.decode(ids)
    return answers


def _decode_cached(model: Seq2Seq, source: Int[Tensor, "b s"], steps: int) -> list[list[int]]:
    """One step a letter; words that are done leave the batch."""
    written = torch.full((len(source), steps), VOCABULARY.eos, device=source.device)
    rows = torch.arange(len(source), device=source.device)  # the words still being written
    token = torch.full_like(rows, VOCABULARY.sos)
    cache = model.start(source)
    for step in range(steps):
        logits, cache = model.step(token, cache)
        token = logits.argmax(dim=-1)
        written[rows, step] = token
        going_on = token != VOCABULARY.eos
        if not bool(going_on.all()):
            rows, token, cache = (
                rows[going_on],
                token[going_on],
                cache.select(going_on.nonzero()[:, 0]),
            )
        if not len(rows):
            break
    return written.tolist()


def _decode_again(model: Seq2Seq, source: Int[Tensor, "b s"], steps: int) -> list[list[int]]:
    """Everything anew for each letter: what the cache saves us."""
    target = torch.full((len(source), 1), VOCABULARY.sos, device=source.device)
    for _ in range(steps):
        token = model(source, target)[:, -1].argmax(dim=-1)
        target = torch.cat((target, token[:, None]), dim=1)
        if bool((target == VOCABULARY.eos).any(dim=1).all()):
            break
    return target[:, 1:].tolist()


def next_letter_probabilities(model: Seq2Seq, word: str, written: str = "") -> Float[Tensor, " v"]:
    """p(next letter | `written` so far, source `word`): one probability for each of the 29 tokens."""
    device = next(iter(model.parameters())).device
    source = torch.tensor([[*VOCABULARY.encode(word), VOCABULARY.eos]], device=device)
    target = torch.tensor(
        [[VOCABULARY.sos, *(VOCABULARY.encode(written) if written else ())]], device=device
    )
    with evaluating(model):
        return model(source, target)[0, -1].softmax(dim=-1)


@dataclass(frozen=True)
class Translation:
    """A translated text, and what had to stay as it was: (piece of text, why)."""

    text: str
    untranslated: tuple[tuple[str, str], ...]


def translate(model: Seq2Seq, text: str) -> Translation:
    """Translate a sentence word by word; spaces, punctuation and the case of words are kept.

    A piece with a character that is neither a–z nor a dash (é, 3, ж) stays as it is and is
    reported, and so does a word of more than 64 letters, or of more than the model has positions
    for. An apostrophe counts as punctuation: it separates.

    Args:
        model: a trained model.
        text: any text.

    Returns:
        The text, and the pieces that were left alone, each with the reason.
    """
    longest = getattr(model, "longest_word", MAX_WORD)
    pieces = re.split(
        r"([\w\u0300-\u036f-]+)", text
    )  # odd places hold runs of letters, digits, dashes, and accents that stand alone
    words: dict[int, str] = {}
    untranslated: list[tuple[str, str]] = []
    for place, piece in enumerate(pieces):
        if place % 2 == 0 or not piece.strip("-"):
            continue
        foreign = "".join(
            sorted({c for c in piece if not ("a" <= c.lower() <= "z" and c.isascii()) and c != "-"})
        )
        if foreign:
            untranslated.append((piece, f"cannot translate {foreign!r}"))
        elif len(piece) > longest:
            untranslated.append((piece[:12] + "…", f"longer than {longest} letters"))
        else:
            words[place] = piece
    unique = sorted({word.lower() for word in words.values()})
    answers = dict(zip(unique, greedy_decode(model, unique), strict=True))
    for place, word in words.items():
        pieces[place] = _like(word, answers[word.lower()])
    return Translation("".join(pieces), tuple(untranslated))


def _like(word: str, translation: str) -> str:
    """Give `translation` the case of `word`: ALL CAPITALS, a Capital first, or none."""
    if len(word) > 1 and word.isupper():
        return translation.upper()
    return translation.capitalize() if word[0].isupper() else translation
