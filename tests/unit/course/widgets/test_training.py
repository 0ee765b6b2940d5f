"""Live curves under a real run, and the explorer of position schemes at all of its settings."""

import itertools

from tiny import tiny_transformer

from course.widgets.training import SHOWN, LiveCurves, explore_positions, show_position_run
from nmt.data import WordPair, load_pairs
from nmt.training import TrainingConfig, train

CHOSEN = [pair for pair in load_pairs("small") if len(pair.source) == 4]
FEW = [p for p in CHOSEN if p.split == "train"][:20] + [p for p in CHOSEN if p.split == "val"][:5]


def tiny_run(epochs, on_epoch):
    training = TrainingConfig(epochs=epochs, device="cpu")
    return train(tiny_transformer(), training, pairs=FEW, on_epoch=on_epoch)


def test_curves_and_bar_grow_with_every_epoch_also_of_a_run_that_does_not_end():
    curves, seen = LiveCurves(5, pause=0.0), []
    before = curves.figure.value

    def watch(state):
        curves(state)
        seen.append((curves.bar.n, curves.figure.value))

    tiny_run(3, watch)
    assert [count for count, _ in seen] == [1, 2, 3]
    assert len({before, *(figure for _, figure in seen)}) == 4
    assert all("<img" in figure for _, figure in seen) and "After epoch 3" in seen[-1][1]


def test_drawing_pauses_but_the_last_epoch_is_always_drawn():
    curves, seen = LiveCurves(3, pause=1e9), []
    tiny_run(3, lambda state: (curves(state), seen.append(curves.figure.value)))
    assert "After epoch 1" in seen[0] and seen[1] == seen[0] and "After epoch 3" in seen[2]


PAIRS = [WordPair.of(word) for word in ("apple", "street", "quick", "house")]


def record(seed):
    losses = [{"epoch": e, "train_loss": 1 / e, "val_loss": 1 / e} for e in (1, 2, 3)]
    rows = [
        {**row, "train_accuracy": 0.5, "val_accuracy": 0.1 * (seed + row["epoch"])}
        for row in losses
    ]
    return {"seed": seed, "epochs": rows, "mistakes": [["quick", "ickquay", "ickay"]][:seed]}


RUNS = {"none": [record(0), record(1)], "rotary": [record(2), record(3)]}


def test_every_setting_of_the_explorer_draws_its_own_run():
    box = explore_positions(RUNS, PAIRS)
    controls = box.controls
    assert show_position_run(RUNS, PAIRS, "none").to_html() in box.output.value
    seen = {}
    for scheme, run, show in itertools.product(RUNS, (1, 2), SHOWN):
        controls["scheme"].value, controls["run"].value, controls["show"].value = scheme, run, show
        assert 'role="status"' in box.output.value
        seen[scheme, run, show] = box.output.value
    curves = [value for (_, _, show), value in seen.items() if show == "learning curves"]
    assert len(set(curves)) == 4
    assert "0 of 4 words are wrong" in seen["none", 1, "mistakes by rule class"]
    assert "1 of 4 words are wrong" in seen["rotary", 2, "mistakes by length and dash"]
