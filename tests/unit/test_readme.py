"""README.md: its numbers are those of the run records, its links lead somewhere, and the commands
it names exist.
"""

import json
import re
import subprocess

import pytest
import readme

from nmt import ROOT
from nmt.checkpoints import load_checkpoint

README = (ROOT / "README.md").read_text(encoding="utf-8")
FOLDERS = "*.md", "docs/*.md", "data/*.md", "assets/**/*.md"
PAGES = [path for folder in FOLDERS for path in ROOT.glob(folder)]


def record(seed: int, accuracy: float, **changes: object) -> dict[str, object]:
    best = {"epoch": 3, "val_loss": 0.02 + seed / 1000, "val_accuracy": accuracy}
    best |= {"train_loss": 0.001, "train_accuracy": 1.0}
    found = {"name": "small-transformer", "seed": seed, "parameters": 123456, "seconds": 90}
    return {**found, "best": best, **changes}


def test_tables_are_what_the_repository_holds():
    assert readme.updated(README) == README, "run: make readme"


def test_every_recorded_number_reaches_the_table(tmp_path):
    for seed, accuracy in ((0, 0.981), (1, 0.989), (2, 0.985)):
        path = tmp_path / f"transformer-small-seed{seed}.json"
        path.write_text(json.dumps(record(seed, accuracy)))
    (tmp_path / "mamba-ablation-no-gate-seed0.json").write_text(json.dumps(record(0, 0.5)))
    _, _, row = readme.results_table(readme.load_records(tmp_path)).splitlines()
    found = "98.50% (98.10% to 98.90%) | 0.021 | 100.00%"
    assert row == f"| `transformer-small` | 3 | 123,456 | best | {found} | 1.5 |"
    elsewhere = readme.results_table({"a": [record(0, 0.9, ran_on="another")]})
    assert elsewhere.splitlines()[-1].endswith("| – |"), "minutes of another machine"


def test_the_minutes_of_the_shipped_weights_are_those_of_their_records():
    names = ("transformer-small", "transformer-large", "mamba-small", "mamba-large")
    minutes = [round(load_checkpoint(name).record["seconds"] / 60) for name in names]
    told = re.search(
        r"took (\d+) minutes \(both transformers\), (\d+) \(`mamba-small`\) and (\d+)",
        " ".join(README.split()),
    )
    assert told and minutes[0] == minutes[1]
    assert minutes[1:] == [int(number) for number in told.groups()]


def test_seeds_of_one_run_have_one_size():
    with pytest.raises(ValueError, match="different sizes"):
        readme.results_table({"a": [record(0, 0.9), record(1, 0.9, parameters=7)]})


def test_the_speed_run_is_told_as_recorded(tmp_path):
    path = tmp_path / "speedrun.json"
    machine = {"processor": "A chip", "cores": 2, "threads": 1, "versions": {"torch": "2.13.0"}}
    told = {}
    for goal, seed, seconds in ((0.97, 0, 31.4), (0.97, 1, 29.0), (0.97, 2, 35.0), (0.99, 0, 70.0)):
        one = {"goal": goal, "seed": seed, "seconds": seconds, "reached": goal < 0.98}
        told[f"{goal}, {seed}"] = {**one, "epochs": 9, "parameters": 1234}
    path.write_text(json.dumps({"machine": machine, "runs": told}))
    table = readme.speed_table(path).splitlines()
    assert table[2:4] == [
        "| 97% | 31, 29, 35 | 31 | 9, 9, 9 | 1,234 |",
        "| 99% | not reached |  | 9 | 1,234 |",
    ]
    assert table[-1] == "On A chip, 2 cores, threads: 1, torch 2.13.0."


def test_a_missing_block_is_noticed():
    with pytest.raises(ValueError, match="exactly one block"):
        readme.with_block("nothing here", "results", "x")


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_and_pictures_are_there(page):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r"src=\"([^\"]+)\"", text):
        there = re.match(r"[a-z]+:|#", target) or (page.parent / target.split("#")[0]).exists()
        assert there, f"{page.name} links to {target}, which is not there"
    assert not re.search(r"!\[\s*\]\(", text), "a picture without alt text"


def test_make_commands_that_pages_name_exist():
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True).stdout
    known = set(re.findall(r"^  make ([a-z-]+)", listed, re.M))
    for page in PAGES:
        named = set(re.findall(r"(?:^|`)make ([a-z-]+)", page.read_text(encoding="utf-8"), re.M))
        assert named <= known, f"{page} names {named - known}, which `make help` does not list"
