"""Reads `catalogue.toml`: every experiment as data."""

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from course.lab.grid import Experiment, Reported, Row, slug
from course.lab.recipes import epochs_for, grid_rows
from nmt.runs import PRESETS, Preset

FILE = Path(__file__).with_name("catalogue.toml")
LONG = "long"  # names all that is trained to the end


def read_catalogue(text: str) -> dict[str, Experiment]:
    """The experiments of a catalogue, by name, in its order."""
    data = tomllib.loads(text)
    bases = dict(PRESETS)
    for name, own in data.pop("bases").items():
        start = bases[own["from"]] if "from" in own else Preset({})
        bases[name] = start.but(own.get("model"), own.get("training"))
    grids, longer, recipes = (data.pop(key, {}) for key in ("grids", LONG, "recipes"))
    found = {}
    for name, own in data.items():
        rows = tuple(_row(row, bases) for row in own["rows"])
        made = {"base": bases[own["base"]], "rows": rows, "seeds": _seeds(own)}
        found[name] = Experiment(name, **{**own, **made})
    for size, own in grids.items():
        question = f"Which learning rate, dropout and weight decay suit {size}?"
        base, name = bases[own.pop("base", "long-transformer")], f"grid-{size}"
        models = own.pop("models", {"": own.pop("model", {})})
        cells = [grid_rows(model, name=start, **own) for start, model in models.items()]
        rows = tuple(row for grid in cells for row in grid)
        found[name] = Experiment(name, question, base, rows, seeds=(0,), aside=True, long=True)
    for name, own in longer.items():
        one = _to_the_end(name, own, found, bases, recipes)
        if own.get("reported"):  # takes the short one's place in the report, if there is one
            if name in found:
                found[f"short-{name}"] = replace(found[name], name=f"short-{name}", aside=True)
            found[name] = replace(one, name=name, aside=False)
        else:
            found[one.name] = one
    return found


def _to_the_end(
    name: str,
    own: dict[str, Any],
    found: Mapping[str, Experiment],
    bases: Mapping[str, Preset],
    recipes: Mapping[str, dict[str, Any]],
) -> Experiment:
    """A shorter experiment's rows, but for those that it goes "without", and its own, each with the
    recipe of its size. A row of its own may say which recipe, and with that which base.
    """
    short = found.get(own.get("like", name))
    left_out = own.get("without", ())
    rows = {row.label: row for row in (short.rows if short else ()) if row.label not in left_out}
    for written in own.get("rows", ()):
        row = _row(written, dict(bases))
        known = rows.get(row.label, row)
        rows[row.label] = replace(row, student=known.student)
    base = bases[own.get("base", "long-transformer")]
    usual = base.but(**recipes.get(own.get("recipe", "width-64"), {}))
    if "epochs" in own:
        usual = usual.but(training={"epochs": own["epochs"]})
    elif "steps" in own:
        usual = usual.but(training={"epochs": epochs_for(own["steps"], usual.training)})
    done, waiting = [], []
    for row in rows.values():
        size = slug(row.label)
        usual_recipe = size if size in own.get("sizes", ()) else own.get("recipe", "width-64")
        recipe = row.recipe or usual_recipe
        if recipe not in recipes:
            waiting.append(row.label)
            continue
        start = (row.recipe and row.base or base).but(**recipes[recipe])
        training = {key: own[key] for key in ("epochs",) if key in own} | dict(row.training)
        if "steps" in own:
            training["epochs"] = epochs_for(own["steps"], {**start.training, **training})
        seeds = row.seeds if row.seeds and not short else ()
        # A name of its own, so that its record does not take the file of the short row's.
        row = replace(row, name=f"{LONG}-{name}-{size}", base=start, recipe=recipe)
        done.append(replace(row, training=training, seeds=seeds))
    about = {key: own[key] for key in ("number", "question", "axis", "log") if key in own}
    if short:
        about = {key: getattr(short, key) for key in ("number", "question", "axis", "log")} | about
    return Experiment(
        f"{LONG}-{name}",
        base=usual,
        rows=tuple(done),
        seeds=_seeds(own),
        aside=True,
        long=True,
        waiting=tuple(waiting),
        **about,
    )


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
    report that are not run on request only, "long" for all that is trained to the end.

    Raises:
        ValueError: for an unknown name.
    """
    for name in names:
        if name not in ("all", LONG) and name not in CATALOGUE:
            raise ValueError(f"no experiment {name!r}; there are all, long, {', '.join(CATALOGUE)}")
    return [
        one
        for one in CATALOGUE.values()
        if one.name in names
        or ("all" in names and not one.on_request and not one.aside)
        or (LONG in names and one.long)
    ]
