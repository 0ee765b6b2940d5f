"""One clock and the same work for every row of the lab report."""

import json

from tiny_lab import MODEL

from course.lab.catalogue import EXPERIMENTS
from course.lab.latency import LETTERS, architecture, architectures, latency, measure, spell
from nmt.checkpoints import build_model
from nmt.data import VOCABULARY


def test_every_row_of_the_report_is_measured():
    """If this fails, `python -m course.lab.latency` measures the new rows, too."""
    missing = [
        name for name in architectures(EXPERIMENTS.values()) if not latency(json.loads(name))
    ]
    assert not missing


def test_what_does_not_change_the_work_does_not_count():
    drops = {**MODEL, "dropout": 0.5}
    assert (
        architecture(drops) == architecture(MODEL) != architecture({**MODEL, "positions": "none"})
    )
    assert latency({**MODEL, "max_length": 61}) == {}


def test_all_write_as_many_letters_and_alone_takes_longer(monkeypatch):
    model, written = build_model(json.loads(architecture(MODEL))), []
    step = model.step
    monkeypatch.setattr(model, "step", lambda *told: written.append(1) or step(*told))
    with_no_end = architecture(MODEL)
    model.output.bias.data[VOCABULARY.eos] = -1e9
    spell(model, ["one", "two", "three"], 3)
    assert len(written) == 2 * LETTERS  # two lengths, each a batch
    found = measure([with_no_end], ["word"] * 256, rounds=1)[with_no_end]
    assert found["1"] > found["256"] > 0
