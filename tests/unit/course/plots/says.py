"""What a figure says of the numbers that it was given, and an answer to make a figure of."""

import re

import torch

from course.interpretability.spelling import Spelling
from course.plots.style import Picture
from nmt.data import VOCABULARY
from nmt.pig_latin import to_pig_latin


def says(picture: Picture, *words: str) -> None:
    """Each of `words` stands in the figure's reading or in its alt text, and it can be shown."""
    told = f"{picture.reading}\n{picture.alt}"
    for one in words:
        assert one in told, f"{one!r} is not said in {told!r}"
    assert "<img" in picture.to_html() and not re.search(r"\bnan\b", told)


def spelled(word: str, answer: str, ended: bool = True) -> Spelling:
    """A model's answer to one word, of whose every token it is 90% sure."""
    written = (*answer, "<EOS>") if ended else tuple(answer)
    sure = torch.full((len(written), 29), 0.1 / 28)
    for row, token in enumerate(written):
        sure[row, VOCABULARY.tokens.index(token)] = 0.9
    return Spelling(word, written, (*to_pig_latin(word), "<EOS>"), sure)
