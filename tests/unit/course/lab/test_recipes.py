"""The grid and its rule, and what the catalogue makes of a recipe."""

import math
import re
from dataclasses import replace

from course.lab.catalogue import CATALOGUE, EXPERIMENTS, FILE, choose, read_catalogue
from course.lab.recipes import chosen, epochs_for, is_at_its_end, is_flat
from course.lab.records import find_records
from course.lab.tables import found_rows
from nmt.batches import LengthBuckets
from nmt.data import load_pairs


def cell(loss, rate, dropout, decay):
    training = {"learning_rate": rate, "weight_decay": decay}
    return {"wide": {"val_loss": loss}, "training": training, "model": {"dropout": dropout}}


def test_the_rule_takes_the_smallest_loss_or_of_near_ones_decay_and_the_smaller_rate():
    far = cell(0.2, 0.001, 0.2, 0.7)
    best = cell(0.100, 0.01, 0.0, 0.01)
    near = cell(0.104, 0.003, 0.1, 0.1), cell(0.105, 0.001, 0.1, 0.1)
    outside = cell(0.1051, 0.001, 0.2, 0.7)
    assert chosen([far, best]) == {"learning_rate": 0.01, "dropout": 0.0, "weight_decay": 0.01}
    assert chosen([far, best, *near, outside])["learning_rate"] == 0.001
    assert chosen([far, best, *near, outside])["weight_decay"] == 0.1
    mean_of_two = [cell(0.05, 0.01, 0.0, 0.01), cell(0.15, 0.01, 0.0, 0.01), cell(0.09, 0.1, 0, 0)]
    assert chosen(mean_of_two)["learning_rate"] == 0.1


def test_every_recipe_of_the_catalogue_is_what_the_rule_takes_from_its_grid():
    records = find_records()
    rows = [row for one in CATALOGUE.values() if one.long for row in one.rows if row.recipe]
    for size, base in {row.recipe: row.base for row in rows}.items():
        grid = CATALOGUE[f"grid-{size}"]
        found = chosen([records[run.key] for row in grid.rows for run in grid.runs(row)])
        assert found.items() <= {**base.model, **base.training}.items(), size


def test_a_row_waits_until_the_recipe_of_its_size_is_chosen():
    text = FILE.read_text(encoding="utf-8")
    text = re.sub(r"(?ms)^\[recipes\..*?(?=^\[(?!recipes))", "", text)
    without = read_catalogue(text)
    assert without["width"].rows == () and "width 8" in without["width"].waiting
    more = "\n[recipes.width-8]\nmodel = { dropout = 0.0 }\ntraining = { weight_decay = 0.5 }\n"
    one = read_catalogue(text + more)
    (row,) = one["width"].rows
    (first, *_) = one["width"].runs(row)
    assert row.label == "width 8" and "width 16" in one["width"].waiting
    assert first.model["hidden_size"] == 8 and first.model["dropout"] == 0.0
    assert first.training.weight_decay == 0.5 and first.training.epochs == 200


def test_equal_steps_take_epochs_from_the_number_of_batches():
    training = {"batch_size": 32, "accumulate": 2}
    batches = len(LengthBuckets(load_pairs("small", "train"), 32, seed=0))
    epochs = epochs_for(3000, training)
    assert abs(epochs * math.ceil(batches / 2) - 3000) <= math.ceil(batches / 2) / 2
    assert epochs_for(3000, {**training, "accumulate": 1}) < epochs
    assert epochs_for(3000, {**training, "batching": "random"}) > epochs
    assert epochs_for(1, training) == 1


def test_long_names_all_that_is_trained_to_the_end():
    names = {one.name for one in choose(["long"])}
    assert {"grid-width-64", "long-length"} <= names and "length" not in names
    assert names & {one.name for one in choose(["all"])} == {
        name for name, one in EXPERIMENTS.items() if one.long
    }, "reported from its long rows"


def run_of(losses, train=0.9, wide=(0.9, 0.1)):
    epochs = [{"val_loss": loss} for loss in losses]
    figures = {"val_accuracy": wide[0], "val_loss": wide[1]}
    return {"epochs": epochs, "last": {"train_accuracy": train}, "wide": figures}


def test_flat_means_that_the_last_twentieth_hardly_falls():
    assert is_flat([run_of([1.0] * 38 + [0.91, 0.91])])
    assert not is_flat([run_of([1.0] * 38 + [0.89, 0.89])])
    both = [run_of([1.0] * 38 + [0.8, 0.8]), run_of([1.0] * 40)]
    assert is_flat(both), "seeds are taken together"


def test_a_row_is_at_its_end_when_flat_and_fitted_or_when_twice_the_time_buys_nothing():
    flat = [1.0] * 20
    assert is_at_its_end([run_of(flat, train=0.995)])
    assert not is_at_its_end([run_of([1.0] * 19 + [0.5], train=0.995)])
    short = [run_of(flat)]
    assert not is_at_its_end(short)
    assert is_at_its_end(short, [run_of(flat, wide=(0.905, 0.05))])
    assert is_at_its_end(short, [run_of(flat, wide=(0.95, 0.09))])
    assert not is_at_its_end(short, [run_of(flat, wide=(0.95, 0.05))])


FALLING = {  # rows of Mamba whose loss still falls at the end: the report says so
    "learning-rate: learning rate 0.03",
    "best: Mamba, large",
}


def recorded(experiment, row, records):
    (found,) = found_rows(replace(experiment, rows=(row,)), records)  # as the tables have them
    return found.records


def test_every_row_of_the_report_has_three_seeds_and_a_flat_validation_loss():
    records, falling = find_records(), set()
    for experiment in EXPERIMENTS.values():
        for row in experiment.rows:
            own = recorded(experiment, row, records)
            assert len(own) >= 3, f"{experiment.name}: {row.label}"
            falling |= set() if is_flat(own) else {f"{experiment.name}: {row.label}"}
    assert falling == FALLING


def test_every_row_of_the_sweep_is_trained_to_the_end():
    """Each has three seeds and a flat validation loss; one that has not learned its training words
    takes twice the epochs, or the report says that it is not done.
    """
    records, learning = find_records(), []
    long = [one for one in CATALOGUE.values() if one.long and not one.name.startswith("grid-")]
    for experiment, row in ((one, row) for one in long for row in one.rows):
        name, own = f"{experiment.name}: {row.label}", recorded(experiment, row, records)
        if len(own) < 3:
            continue
        assert is_flat(own) != (name in FALLING), name
        epochs = experiment.runs(row)[0].training.epochs
        twice = replace(row, training={**row.training, "epochs": 2 * epochs})
        ended = is_at_its_end(own, recorded(experiment, twice, records))
        if not ended and name not in FALLING:
            learning.append(name)
    named = {
        "positions": ("none", "sinusoidal", "sinusoidal, encoder only", "sinusoidal, decoder only"),
        "discretization": [f"bilinear, factors taken for logarithms{a}" for a in ("", ", A = −1")],
        "heads": ("1 head",),
        "width": ("width 8", "width 16"),
        "schedule": ("constant",),
        "accumulation": ("1 batch", "5 batches"),
        "batching": [
            *(f"one length, {n} added up" for n in (1, 5)),
            "random lengths, padded, 5 added up",
        ],
        "weight-decay": ("weight decay 2",),
        "mamba-layers": ("width 32, 2 layers", "width 64, 1 layer"),
        "eight-runs": ("Mamba, width 32, small",),
        "learning-rate": [f"learning rate {rate}" for rate in (0.0003, 0.001, 0.1)],
        "state-size": ("state size 1",),
        "transformer-rate": [f"learning rate {rate}" for rate in (0.0003, 0.001, 0.01, 0.03)],
        "batching-equal-steps": ("one length, 1 added up",),
    }
    assert learning == [f"{name}: {row}" for name, rows in named.items() for row in rows]
