import re

import pytest

from course.lab.records import RECORDS
from course.lab.rerun import rerun
from nmt.data import WordPair


def test_a_row_runs_small_beside_its_full_figures_and_leaves_nothing(tmp_path, monkeypatch):
    before = sorted(RECORDS.glob("positions-*"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("nmt.runs.wide_words", lambda: (WordPair.of("street"),))
    found = rerun("positions", "none", words=40, epochs=2)
    training, seeds = found.run.training, [one["seed"] for one in found.full]
    assert training.words == 40 and training.epochs == len(found.record["epochs"]) == 2
    assert found.record["model"]["positions"] == "none"
    assert (found.full_words, found.full_epochs) == (2_556, 200)
    assert seeds and seeds == sorted(seeds)
    text = repr(found)
    assert text.startswith("positions: none, seed 0\n  now:      40 words,   2 epochs: ")
    told = r"full:  2,556 words, 200 epochs: \d+\.\d% of the same words, loss 0\.\d\d, mean of \d "
    assert re.search(told, text)
    assert "63.9 times as many words" in text and "6390 times as many in all" in text
    assert not list(tmp_path.iterdir()) and before == sorted(RECORDS.glob("positions-*"))


@pytest.mark.usefixtures("few_words")
def test_a_row_that_is_not_run_says_so(tmp_path):
    found = rerun("positions", "rotary", words=20, epochs=1, records=tmp_path)
    assert "100 epochs: not run yet" in repr(found)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("places", "none"), "no experiment 'places'; there are positions"),
        (("positions", "all"), "positions has no row 'all'; there are none, sinusoidal"),
    ],
)
def test_what_is_not_there_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        rerun(*arguments)
    with pytest.raises(ValueError, match="at least one word"):
        rerun("positions", "none", words=0)
