"""What a figure says of the numbers that it was given."""

import re

from course.plots.style import Picture


def says(picture: Picture, *words: str) -> None:
    """Each of `words` stands in the figure's reading or in its alt text; it can be shown and saved
    as SVG.
    """
    told = f"{picture.reading}\n{picture.alt}"
    for one in words:
        assert one in told, f"{one!r} is not said in {told!r}"
    assert "<img" in picture.to_html() and "<svg" in picture.svg and not re.search(r"\bnan\b", told)
