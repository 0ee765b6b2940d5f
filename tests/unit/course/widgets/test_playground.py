"""The playground: boxes, a button, curves over each other, and no traceback whatever happens."""

from unittest.mock import Mock

import pytest

from course.widgets import playground
from course.widgets.playground import WHOLE, Playground, break_transformer
from nmt.data import load_pairs
from nmt.training import TrainingConfig
from nmt.transformer import TransformerConfig

CONFIG = TransformerConfig(hidden_size=8, num_heads=1, mlp_size=8, dropout=0.0, rotary_cross=True)
TRAINING = TrainingConfig(epochs=2, batch_size=8, device="cpu")
CHOSEN = [pair for pair in load_pairs("small") if len(pair.source) == 4]
PAIRS = [p for p in CHOSEN if p.split == "train"][:16] + [p for p in CHOSEN if p.split == "val"][:4]
ROWS = [{"epoch": n, "val_accuracy": n / 4, "val_loss": 1 / n} for n in (1, 2)]


@pytest.fixture
def ground():
    return Playground(CONFIG, TRAINING, PAIRS, ROWS)


def tick(ground, *names):
    for name, box in ground.boxes.items():
        box.value = name in names


def press(ground, *names):
    tick(ground, *names)
    ground.train.click()


def test_it_starts_with_the_run_that_is_there(ground):
    assert list(ground.runs) == [WHOLE] and "<img" in ground.figure.value
    assert "appear after" in Playground(CONFIG, TRAINING, PAIRS).figure.value


def test_every_control_has_a_name_and_the_text_form_says_them_all(ground):
    assert all(box.description.startswith("without ") for box in ground.boxes.values())
    assert ground.train.description == "Train 2 epochs"
    text = ground._repr_mimebundle_()["text/plain"]
    assert text == repr(ground) and all(box.description in text for box in ground.boxes.values())


def test_a_run_is_trained_drawn_and_kept_until_it_is_forgotten(ground):
    before = ground.figure.value
    press(ground, "mask", "root")
    assert list(ground.runs) == [WHOLE, "without mask, root"]
    assert len(ground.runs["without mask, root"]) == 2 and ground.figure.value != before
    assert "Done: without mask, root spells" in ground.message.value
    assert not ground.train.disabled  # a disabled button loses the keyboard's focus
    assert "without mask, root" in ground.figure.value
    ground.forget.click()
    assert list(ground.runs) == [WHOLE] and "without mask" not in ground.figure.value


def test_a_run_that_is_there_is_not_trained_again(ground, monkeypatch):
    monkeypatch.setattr(playground, "train_without", None)
    press(ground)
    assert "is there already" in ground.message.value


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ArithmeticError("the loss became <nan>"), "ArithmeticError: the loss became &lt;nan&gt;"),
        (KeyboardInterrupt(), "residual was stopped"),
    ],
)
def test_what_ends_a_run_is_said_and_leaves_the_curves(ground, monkeypatch, error, message):
    monkeypatch.setattr(playground, "train_without", Mock(side_effect=error))
    before = ground.figure.value
    press(ground, "residual")
    assert message in ground.message.value
    assert ground.figure.value == before and list(ground.runs) == [WHOLE]
    assert not ground.train.disabled


def test_one_call_does_the_same():
    picture = break_transformer(CONFIG, TRAINING, ["positions"], pairs=PAIRS, whole=ROWS)
    assert picture.reading.startswith("Words spelled right, alone: the whole model 50.0% after")
    assert "without positions" in picture.reading
    with pytest.raises(ValueError, match="cannot be switched off"):
        break_transformer(CONFIG, TRAINING, ["norm"], pairs=PAIRS)


def test_a_ticked_box_says_at_once_what_would_be_trained(ground):
    for names, said in ((["rotary_cross", "mask"], "without mask, rotary cross"), ([], WHOLE)):
        tick(ground, *names)
        assert f"Next: {said}." in ground.message.value
