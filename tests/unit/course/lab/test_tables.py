from dataclasses import asdict, replace

import pytest

from course.lab.grid import Experiment, Reported, Row
from course.lab.significance import compare_rows
from course.lab.tables import NOT_RUN, as_csv, outcomes, table
from nmt.runs import Preset

BASE = Preset({"kind": "transformer"}, {"epochs": 2})
ROWS = (
    Row("good"),
    Row("bad", {"num_heads": 2}, student=Reported(0.25, 0.125, 0.5, 0.75)),
    Row("on large", {}, {"data": "large"}),
    Row("missing", {"num_heads": 8}),
)
EXPERIMENT = Experiment("tiny", "?", BASE, ROWS)
TIMES = {"seconds": 60.0, "cpu_seconds": 42.0}
LOSSES = {"val_loss": 0.1, "train_accuracy": 1.0, "train_loss": 0.01, "seconds": 1.0}


def fill(experiment, wrong, seeds=(0, 1, 2), **changes):
    """Records for the rows that `wrong` names, with as many mistakes as it says for each seed."""
    records = {}
    rows = [row for row in experiment.rows if row.label in wrong]
    pairs = [pair for row in rows for pair in zip(experiment.runs(row), wrong[row.label])]
    for run, mistakes in pairs:
        if run.seed not in seeds:
            continue
        words = 323 if run.training.data == "small" else 2_276
        records[run.key] = {
            **{"name": run.name, "seed": run.seed, "words": words, "parameters": 1234},
            **{"model": dict(run.model), "training": asdict(run.training), "epochs": []},
            "best": {"val_accuracy": 1 - mistakes / words, **LOSSES},
            "mistakes": [[f"word{n}", "", ""] for n in range(mistakes)],
            **TIMES,
            **changes,
        }
    return records


def test_mean_and_spread_come_from_the_records_and_missing_rows_say_so():
    records = fill(EXPERIMENT, {"good": (0, 1, 2), "bad": (40, 50, 60)})
    good, bad, large, missing = table(outcomes(EXPERIMENT, records))
    expected = {"val_accuracy": f"{1 - 1 / 323:.5f}", "val_accuracy_sd": f"{1 / 323:.5f}"}
    expected |= {"val_accuracy_min": f"{1 - 2 / 323:.5f}", "val_accuracy_max": "1.00000"}
    expected |= {"parameters": "1234", "cpu_seconds": "42"}
    expected |= {"seeds": "3", "reference": "reference", "p": "", "runs": "3 seeds"}
    assert expected.items() <= good.items()
    assert float(bad["high"]) < float(bad["difference"]) / 2 < 0 and bad["epoch"] == "best"
    assert (bad["student_val_accuracy"], bad["student_val_loss"]) == ("0.500", "0.250")
    for row in (large, missing):
        assert row["runs"] == NOT_RUN and row["seeds"] == "0"
        assert not any(text for key, text in row.items() if key not in ("row", "runs", "seeds"))


def test_rows_on_other_words_are_not_compared():
    records = fill(EXPERIMENT, {"good": (1, 1, 1), "bad": (9, 9, 9), "on large": (5, 5, 5)})
    _, bad, large, _ = outcomes(EXPERIMENT, records)
    assert large.against is None and not large.reference
    assert bad.against is not None and bad.against.difference == pytest.approx(-8 / 323)


def test_p_values_are_adjusted_for_the_number_of_rows():
    records = fill(EXPERIMENT, {"good": (0, 0, 0), "bad": (8, 8, 8), "missing": (8, 8, 8)})
    good, bad, _, missing = outcomes(EXPERIMENT, records)
    alone = compare_rows(bad.records, good.records).p
    assert good.reference and good.against is None
    assert bad.against.p == missing.against.p == pytest.approx(2 * alone)


def test_the_reference_is_the_base_and_not_the_best():
    rows = (Row("first", {"num_heads": 2}), Row("base"))
    experiment = Experiment("tiny", "?", BASE, rows)
    records = fill(experiment, {"first": (0, 0, 0), "base": (9, 9, 9)})
    assert [one.reference for one in outcomes(experiment, records)] == [False, True]


def test_a_row_has_the_seeds_that_other_experiments_ran():
    more = replace(EXPERIMENT, seeds=(0, 1, 2, 3, 4))
    records = fill(more, {"good": (0, 1, 2, 3, 4)}, seeds=range(5))
    first, *_ = table(outcomes(EXPERIMENT, records))
    assert (first["seeds"], first["runs"]) == ("5", "5 seeds")


def test_a_row_with_some_seeds_and_one_that_diverged_say_so():
    records = fill(EXPERIMENT, {"good": (0, 1, 2)}, seeds=(0, 1))
    records |= fill(EXPERIMENT, {"bad": (3, 3, 3)}, diverged="the loss became nan")
    good, bad, *_ = table(outcomes(EXPERIMENT, records))
    assert good["runs"] == "2 of 3 seeds" and bad["runs"] == "3 seeds, 3 diverged"
    alone, *_ = table(outcomes(EXPERIMENT, fill(EXPERIMENT, {"good": (1,)})))
    assert good["val_accuracy_sd"] and not alone["val_accuracy_sd"]


def test_a_loss_that_is_no_number_leaves_its_cell_empty():
    lost = {"val_accuracy": 0.5, **LOSSES, "val_loss": None}
    records = fill(EXPERIMENT, {"good": (0, 1, 2)}, best=lost)
    assert table(outcomes(EXPERIMENT, records))[0]["val_loss"] == ""


def test_csv_has_a_header_and_quotes_commas():
    text = as_csv([{"row": "a, b", "x": "1"}, {"row": "c", "x": ""}])
    assert text == 'row,x\n"a, b",1\nc,\n'
