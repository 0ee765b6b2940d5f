from collections import Counter

import pytest

from course.interpretability.stored_embeddings import load_tables
from course.lab.catalogue import CATALOGUE, EXPERIMENTS, choose
from course.lab.cost import in_words, seconds_of, words_seen
from course.lab.grid import FIRST_SEEDS, Experiment, Row, runs_of, slug
from course.lab.records import RECORDS, find_records, read_record, record_key
from nmt.batches import LengthBuckets
from nmt.checkpoints import SHIPPED, build_model, load_checkpoint
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
    codes = {f"A {how} −1, Δ a position code" for how in ("learned from", "fixed at")}
    assert len(labels) == 12 and codes <= labels
    assert {e.number for e in EXPERIMENTS.values()} == {2, 3, 4, 5, 6, 7, 8, 10, 11}


def test_a_base_that_experiments_share_is_trained_once():
    for base in (EXPERIMENTS["positions"].base, EXPERIMENTS["kernel"].base):
        run = Experiment("base", "?", base, (Row("base"),)).runs(Row("base"))[0]
        rows = [(e.name, e.runs(row)) for e in CATALOGUE.values() for row in e.rows]
        users = {name for name, runs in rows if run.settings in {r.settings for r in runs}}
        assert len(users) >= 5
        assert sum(other.key == run.key for other in ALL) == 1


def test_the_first_seeds_of_everything_come_before_the_others():
    seeds = [run.seed for run in runs_of(choose(["all"]))]
    first_late = next(place for place, seed in enumerate(seeds) if seed >= FIRST_SEEDS)
    assert all(seed >= FIRST_SEEDS for seed in seeds[first_late:])
    names = [run.name for run in runs_of(choose(["heads", "positions"])) if run.seed == 0]
    assert names[0] == "long-positions-none" and names[-1] == "long-heads-16-heads"


def test_no_run_would_take_the_file_of_another_ones_record():
    """When a longer row takes the place of a shorter one in the report, both records stay."""
    for run in runs_of(CATALOGUE.values()):
        path = RECORDS / f"{run.name}-seed{run.seed}.json"
        assert not path.exists() or record_key(read_record(path)) == run.key, path


def test_sizes_of_data_get_about_as_many_batches_and_a_smaller_choice_is_part_of_a_larger():
    words = load_pairs("large", "train")
    assert len(words) == max(row.x for row in EXPERIMENTS["data-size"].rows)
    batches = {}
    for row in EXPERIMENTS["data-size"].rows:
        config = EXPERIMENTS["data-size"].runs(row)[0].training
        buckets = LengthBuckets(training_words(words, config.words), config.batch_size)
        batches[row.label] = config.epochs * config.passes * len(buckets)
    assert max(batches.values()) < 1.35 * min(batches.values()), batches
    sizes = [training_words(words, number) for number in (0, 9_000, 300, 100)]
    assert all(set(smaller) < set(larger) for larger, smaller in zip(sizes, sizes[1:]))
    assert len(sizes[-1]) == 100
    chosen = set(sizes[1])
    assert sizes[0] == words and sizes[1] == [pair for pair in words if pair in chosen]


def test_everything_fits_in_a_night_on_two_cores():
    known = find_records()
    assert sum(seconds_of(runs_of(choose(["all"])), known).values()) < 2 * 8 * HOUR
    first = [run for run in runs_of([EXPERIMENTS["eight-runs"]]) if run.seed == 0]
    assert sum(seconds_of(first, known).values()) < 2 * 40 * 60


def test_estimates_are_the_seconds_of_finished_runs():
    runs = [run for run in ALL if run.model["kind"] == "transformer"]
    seen = {run.key: words_seen(vars(run.training)) for run in runs}
    first, same = (run for run in runs if run.settings == runs[0].settings and run.seed < 2)
    other = next(run for run in runs if seen[run.key] != seen[first.key])
    record = {"model": first.model, "training": vars(first.training), "cpu_seconds": 30}
    found = seconds_of(ALL, {first.key: record})
    assert found[first.key] == found[same.key] == 30
    assert found[other.key] == pytest.approx(30 * seen[other.key] / seen[first.key])
    assert {found[run.key] for run in ALL if run.model["kind"] == "mamba"} == {None}


def test_an_estimate_for_settings_that_were_never_run_is_mostly_right_within_a_factor_of_three():
    known, ratios = find_records(), {}
    for run in {run.settings: run for run in ALL}.values():
        measured = known[run.key].get("cpu_seconds") if run.key in known else None
        others = {key: one for key, one in known.items() if key[0] != run.settings}
        if measured:
            ratios[run.name] = seconds_of([run], others)[run.key] / measured
    wrong = [name for name, ratio in ratios.items() if not 1 / 3 < ratio < 3]
    assert len(ratios) > 50 and len(wrong) < len(ratios) / 10, wrong


def test_times_in_words():
    told = "1 second, 1 minute, 1 hour, 1 hour 2 minutes, 2 hours 5 minutes"
    assert ", ".join(in_words(s) for s in (0.2, 61, 3600, 3720, 7500)) == told


def test_what_other_notebooks_rest_on_is_in_the_catalogue():
    known = find_records()
    assert all(run.key in known for run in runs_of([CATALOGUE["mamba-ablation"]]))
    records = [(name, table.record) for name, own in load_tables().items() for table in own]
    tables = {(f"embeddings-{name}", one["seed"]): record_key(one)[0] for name, one in records}
    runs = runs_of([CATALOGUE["embeddings"]])
    assert tables == {(run.name, run.seed): run.settings for run in runs}
    rows = [(one, row) for one in CATALOGUE.values() for row in one.rows]
    ships = {name: run for one, row in rows for name, run in zip(row.ships, one.runs(row))}
    assert ships.keys() == {path.stem for path in SHIPPED.glob("*.safetensors")}
    for name, run in ships.items():
        assert record_key(load_checkpoint(name).record) == run.key, name


def test_choose_and_slug():
    assert [e.name for e in choose(["kernel", "positions"])] == ["positions", "kernel"]
    assert "best" not in {e.name for e in choose(["all"])}
    report = {e.name for e in CATALOGUE.values() if not e.aside}
    assert {e.name for e in choose(["all", "best"])} == set(EXPERIMENTS) == report
    with pytest.raises(ValueError, match="no experiment 'magic'; there are all, long, positions"):
        choose(["magic"])
    name = "a-learned-from-minus-1-minus-n-delta-constant"
    assert slug("A learned from −1 … −n, Δ constant") == name
