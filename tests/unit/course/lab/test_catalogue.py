from collections import Counter

import pytest

from course.lab.bases import SHORT_MAMBA, SHORT_TRANSFORMER
from course.lab.catalogue import ALL_WORDS, DATA_SIZE, EXPERIMENTS, choose
from course.lab.cost import estimate, in_words, piles_of, seconds_of
from course.lab.grid import FIRST_SEEDS, Experiment, Row, runs_of, slug
from course.lab.records import find_records
from nmt.checkpoints import build_model
from nmt.data import load_pairs, training_words

ALL = runs_of(EXPERIMENTS.values())
HOUR = 3600


def test_every_run_makes_a_model_and_has_a_name_of_its_own():
    for settings in {run.settings: run for run in ALL}.values():
        model = build_model(settings.model)
        assert model.config_data() == settings.model
    assert len({(run.name, run.seed) for run in ALL}) == len({run.key for run in ALL}) == len(ALL)
    assert len({run.folder for run in ALL}) == len(ALL)


def test_every_table_of_the_student_has_its_counterpart():
    """The rows that the report has numbers for, by validation accuracy; two of them twice, for they
    stand in two tables.
    """
    reported = Counter(
        row.student.val_accuracy for e in EXPERIMENTS.values() for row in e.rows if row.student
    )
    transformer = {0.909, 0.576, 0.962, 0.853, 0.912, 0.779, 0.842, 0.812, 0.970, 0.964}
    mamba = {0.654, 0.638, 0.833, 0.818, 0.808, 0.873, 0.839, 0.844, 0.867, 0.870, 0.983}
    assert set(reported) == transformer | mamba
    labels = {row.label for row in EXPERIMENTS["a-and-delta"].rows}
    assert (
        len(labels) == 12
        and {"A learned from −1, Δ a position code", "A fixed at −1, Δ a position code"} <= labels
    )
    assert {e.number for e in EXPERIMENTS.values()} == {1, 2, 3, 4, 5, 6, 7, 8}


def test_seeds():
    for experiment in EXPERIMENTS.values():
        for row in experiment.rows:
            assert len(experiment.runs(row)) >= 3, (experiment.name, row.label)


def test_a_base_that_experiments_share_is_trained_once():
    for base in (SHORT_TRANSFORMER, SHORT_MAMBA):
        run = Experiment("base", 0, "?", base, (Row("base"),)).runs(Row("base"))[0]
        users = {
            e.name
            for e in EXPERIMENTS.values()
            for row in e.rows
            if run.settings in {r.settings for r in e.runs(row)}
        }
        assert len(users) >= 5
        assert sum(other.key == run.key for other in ALL) == 1


def test_the_first_seeds_of_everything_come_before_the_others():
    seeds = [run.seed for run in runs_of(choose(["all"]))]
    first_late = next(place for place, seed in enumerate(seeds) if seed >= FIRST_SEEDS)
    assert all(seed >= FIRST_SEEDS for seed in seeds[first_late:])
    names = [run.name for run in runs_of(choose(["heads", "positions"])) if run.seed == 0]
    assert names[0] == "positions-none" and names[-1] == "16-heads"


def test_records_from_before_this_catalogue_serve_it():
    known = find_records()
    for row in EXPERIMENTS["positions"].rows:
        assert sum(run.key in known for run in EXPERIMENTS["positions"].runs(row)) >= 3


def test_sizes_of_data_get_about_the_same_number_of_batches_and_every_smaller_choice_is_part_of_the_larger():
    words = load_pairs("large", "train")
    assert len(words) == ALL_WORDS
    batches = {}
    for row in DATA_SIZE.rows:
        config = DATA_SIZE.runs(row)[0].training
        piles, _ = piles_of("large", config.words)
        batches[row.label] = (
            config.epochs * config.passes * sum(-(-pile // config.batch_size) for pile in piles)
        )
    assert max(batches.values()) < 1.35 * min(batches.values()), batches
    sizes = [training_words(words, number) for number in (0, 9_000, 300, 100)]
    assert (
        all(set(smaller) < set(larger) for larger, smaller in zip(sizes, sizes[1:]))
        and len(sizes[-1]) == 100
    )
    chosen = set(sizes[1])
    assert sizes[0] == words and sizes[1] == [pair for pair in words if pair in chosen]
    with pytest.raises(
        ValueError, match="17,825 training words are asked for, but there are 17,824"
    ):
        training_words(words, 17_825)


def test_everything_fits_in_a_night_on_two_cores():
    assert sum(estimate(run) for run in ALL) < 2 * 8 * HOUR
    eight = runs_of([EXPERIMENTS["eight-runs"]])
    assert sum(estimate(run) for run in eight if run.seed == 0) < 2 * 40 * 60


def test_estimates_follow_finished_runs():
    runs = ALL[:6]
    plain = seconds_of(runs, {})
    doubled = seconds_of(runs, {runs[0].key: {"seconds": 9, "cpu_seconds": 2 * plain[runs[0].key]}})
    assert doubled[runs[0].key] == pytest.approx(2 * plain[runs[0].key])
    assert doubled[runs[5].key] == pytest.approx(2 * plain[runs[5].key])
    assert [in_words(s) for s in (0.2, 61, 3600, 3720, 7500)] == [
        "1 second",
        "1 minute",
        "1 hour",
        "1 hour 2 minutes",
        "2 hours 5 minutes",
    ]


def test_choose_and_slug():
    assert [e.name for e in choose(["kernel", "positions"])] == ["positions", "kernel"]
    assert "best" not in {e.name for e in choose(["all"])} and {
        e.name for e in choose(["all", "best"])
    } == set(EXPERIMENTS)
    with pytest.raises(ValueError, match="no experiment 'magic'; there are all, positions"):
        choose(["magic"])
    assert (
        slug("A learned from −1 … −n, Δ constant")
        == "a-learned-from-minus-1-minus-n-delta-constant"
    )
