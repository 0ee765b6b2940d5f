"""The colours of all figures: each keeps one meaning, in diagrams too."""

from functools import cache

from matplotlib import colormaps
from matplotlib.colors import to_hex

# Okabe & Ito's palette (2008): eight colours that stay apart for colour-blind readers. Each keeps
# one meaning.
SOURCE = "#0072B2"  # blue: letters and positions of the English word
TARGET = "#D55E00"  # vermilion: letters and positions of the Pig Latin word
TRUTH = "#009E73"  # green: what the rule says
MODEL = "#CC79A7"  # purple: what any model says, where it is not named
TRANSFORMER = "#56B4E9"  # sky blue
MAMBA = "#E69F00"  # orange
NEUTRAL = "#595959"  # grey: axes, baselines, chance
INK = "#1a1a1a"
# For many curves without a fixed meaning, in this order.
SERIES = [SOURCE, TARGET, TRUTH, MODEL, MAMBA, TRANSFORMER, NEUTRAL]
# For a few curves, where blue, vermilion or green would mislead.
FREE = (MODEL, INK, NEUTRAL)

# Discs that carry a letter (Tol's muted palette, 2021): vowels dark, consonants light, so that they
# also differ without colour.
VOWEL = "#882255"  # wine
# sand; y, which the rule takes for either, is white with a rim of wine; other tokens are grey
CONSONANT = "#ddcc77"

SEQUENTIAL = "Purples"  # weights in [0, 1]: white is none, dark is all; no hue of source or target
DIVERGING = "PuOr"  # signed values, centred on zero


@cache
def _shades(name: str) -> list[str]:
    return [to_hex(colormaps[name](step / 255)) for step in range(256)]


def shade(value: float, limits: tuple[float, float] = (0.0, 1.0), colours: str = SEQUENTIAL) -> str:
    """The colour of `value` in a colour map that runs over `limits`."""
    low, high = limits
    share = (value - low) / ((high - low) or 1.0)
    return _shades(colours)[round(255 * min(1.0, max(0.0, share)))]


def ink_on(colour: str) -> str:
    """Black or white, whichever can be read on `colour` ("#rrggbb")."""
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return INK if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 115 else "#ffffff"
