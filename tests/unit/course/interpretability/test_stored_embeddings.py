"""The file of tables: what is kept of a run, and what comes back."""

from pathlib import Path

import pytest
import torch
from tiny import tiny_transformer

from course.interpretability.stored_embeddings import TABLES, collect_tables, load_tables, tables_of
from nmt.checkpoints import CheckpointError, build_model, save_checkpoint


def finish_run(folder: Path, seed: int, positions: str) -> None:
    """What `python -m nmt train` leaves behind, from a model that was moved a little."""
    model = tiny_transformer(seed, hidden_size=8, positions=positions, max_length=9)
    with torch.no_grad():
        for table in tables_of(model).values():
            table += 1.5
    record = {
        "model": model.config_data(), "training": {"epochs": 1}, "seed": seed,
        "parameters": 1, "versions": {}, "seconds": 1.0,
        "last": {"val_accuracy": 0.5 + seed / 10}, "epochs": [{}], "mistakes": [],
    }  # fmt: skip
    save_checkpoint(folder / "model", model, record)


@pytest.fixture
def made(tmp_path: Path) -> Path:
    out = tmp_path / "tables.safetensors"
    runs = ("wide", 1, "rotary"), ("wide", 0, "rotary"), ("places", 0, "learned")
    for name, seed, positions in runs:
        finish_run(tmp_path / f"{name}-seed{seed}", seed, positions)
    collect_tables(sorted(tmp_path.glob("*-seed?"), reverse=True), out)
    return out


def test_tables_come_back_by_name_and_seed_before_and_after(made: Path) -> None:
    tables = load_tables(made)
    seeds = {name: [run.record["seed"] for run in runs] for name, runs in tables.items()}
    assert seeds == {"wide": [0, 1], "places": [0]}
    for run in (*tables["wide"], *tables["places"]):
        torch.manual_seed(run.record["seed"])
        fresh = build_model(run.record["model"])
        assert torch.equal(run.before, fresh.embedding.weight)
        torch.testing.assert_close(run.after, run.before + 1.5)
        assert not {"epochs", "mistakes"} & set(run.record)
        assert run.accuracy == 0.5 + run.record["seed"] / 10
    assert tables["wide"][0].positions_after is None
    places = tables["places"][0]
    assert places.positions_before is not None and places.positions_after is not None
    assert places.positions_after.shape == (9, 8)
    torch.testing.assert_close(places.positions_after, places.positions_before + 1.5)


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such file"):
        collect_tables([tmp_path / "nothing-seed0"], tmp_path / "out.safetensors")
    assert not (tmp_path / "out.safetensors").exists()


def test_the_tables_that_came_with_the_course() -> None:
    tables = load_tables()
    assert TABLES.stat().st_size < 600_000
    for width in (8, 16, 32, 64):
        runs = tables[f"width-{width}"]
        assert [run.record["seed"] for run in runs] == [0, 1, 2]
        assert all(run.after.shape == (29, width) for run in runs)
        assert all(run.record["training"]["weight_decay"] == 0.01 for run in runs)
    for scheme in ("rotary", "learned", "learned-from-sinusoidal"):
        runs = tables[f"positions-{scheme}"]
        assert [run.record["seed"] for run in runs] == [0, 1, 2]
        assert all(run.accuracy > 0.5 for run in runs)
        assert all((run.positions_after is None) == (scheme == "rotary") for run in runs)
    for run in tables["width-64"]:
        torch.manual_seed(run.record["seed"])
        assert torch.equal(run.before, build_model(run.record["model"]).embedding.weight)
