"""docs/glossary.md: each place is there and speaks of its entry; every bold term has a row."""

import re
from urllib.parse import unquote

import nbformat

from nmt import ROOT

TEXT = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
TERMS = re.findall(r"^\| ([^|]+) \| [^|]+ \| \[[^]]*\]\(([^)]*)\) \|$", TEXT, re.M)
STRESSED_ONLY = set("question before after output input widen narrow cells predict".split())
STRESSED_ONLY |= {"several layers", "one channel"}  # in bold, but no terms


def sections() -> dict[str, str]:
    """The text of each section of the notebooks, by what links to it."""
    found = {}
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = [cell.source for cell in nbformat.read(path, as_version=4).cells]
        top, *parts = re.split(r"^## +", "\n".join(cells), flags=re.M)
        found[f"../notebooks/{path.name}"] = top
        for part in parts:
            heading = re.sub(r"[*`]", "", part.split("\n")[0].strip()).replace(" ", "-")
            found[f"../notebooks/{path.name}#{heading}"] = part
    return found


def test_places_are_there_and_speak_of_their_terms():
    places = sections()
    links = {unquote(link) for link in re.findall(r"\]\((\.\./notebooks/[^)]*)\)", TEXT)}
    assert len(TERMS) > 90 and links <= set(places), links - set(places)
    for names, link in TERMS:
        text = places[unquote(link)].lower()
        assert any(name.lower() in text for name in names.split(", ")), f"{names}: not in {link}"


def test_every_term_in_bold_has_a_row():
    known = {name.lower() for names, _ in TERMS for name in names.split(", ")} | STRESSED_ONLY
    known |= {f"{name}s" for name in known}
    text = "\n".join(sections().values())
    assert not set(re.findall(r"\*\*([a-z][a-z-]+(?: [a-z-]+){0,2})\*\*(?!\.)", text)) - known
