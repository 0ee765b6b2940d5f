"""Reads `catalogue.toml`: every experiment as data."""

import tomllib
from pathlib import Path
from typing import Any

from course.lab.grid import Experiment, Reported, Row
from nmt.runs import PRESETS, Preset

FILE = Path(__file__).with_name("catalogue.toml")


def read_catalogue(text: str) -> dict[str, Experiment]:
    """The experiments of a catalogue, by name, in its order.

    Raises:
        ValueError: if it is not TOML, or has a key or a base that is not known.
    """
    data = tomllib.loads(text)
    bases = dict(PRESETS)
    for name, own in data.pop("bases").items():
        start = bases[own["from"]] if "from" in own else Preset({})
        bases[name] = start.but(own.get("model"), own.get("training"))
    found = {}
    for name, own in data.items():
        try:
            rows = tuple(_row(row, bases) for row in own["rows"])
            found[name] = Experiment(
                name, **{**own, "base": bases[own["base"]], "rows": rows, "seeds": _seeds(own)}
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"catalogue, experiment {name}: {error}") from None
    return found


def _row(own: dict[str, Any], bases: dict[str, Preset]) -> Row:
    changed: dict[str, Any] = {"seeds": _seeds(own, ()), "ships": tuple(own.get("ships", ()))}
    if "base" in own:
        changed["base"] = bases[own["base"]]
    if "student" in own:
        changed["student"] = Reported(*own["student"])
    return Row(**{**own, **changed})


def _seeds(own: dict[str, Any], default: tuple[int, ...] = (0, 1, 2)) -> tuple[int, ...]:
    return tuple(own.get("seeds", default))


CATALOGUE = read_catalogue(FILE.read_text(encoding="utf-8"))
EXPERIMENTS = {name: one for name, one in CATALOGUE.items() if not one.aside}  # of the report


def choose(names: list[str]) -> list[Experiment]:
    """The experiments of these names, in the order of their worth; "all" stands for those of the
    report that are not run on request only.

    Raises:
        ValueError: for an unknown name.
    """
    for name in names:
        if name != "all" and name not in CATALOGUE:
            raise ValueError(f"no experiment {name!r}; there are all, {', '.join(CATALOGUE)}")
    return [
        one
        for one in CATALOGUE.values()
        if one.name in names or ("all" in names and not one.on_request and not one.aside)
    ]
