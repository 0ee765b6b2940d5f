"""A state that is emptied is empty, and a state that is resampled is another word's."""

import pytest
import torch

from course.interpretability.forgetting import _read_without_past, accuracy_without_the_past
from nmt.checkpoints import load_checkpoint
from nmt.data import VOCABULARY, WordPair, load_pairs
from nmt.decoding import greedy_decode
from nmt.evaluation import measure
from nmt.interventions import replace_choices
from nmt.mamba import Mamba, MambaConfig
from nmt.selective_ssm import SSMTrace


@pytest.fixture(scope="module")
def remembering() -> tuple[Mamba, list[WordPair]]:
    """The trained model and some words that it spells right, with an e, with a dash, and with
    neither.
    """
    model = load_checkpoint("mamba-small").model
    held_out = load_pairs("small", "val")
    pairs = [*[pair for pair in held_out if "-" in pair.source], *held_out[::40]]
    answers = greedy_decode(model, [pair.source for pair in pairs])
    right = [pair for pair, answer in zip(pairs, answers) if answer == pair.target]
    assert sum("-" in pair.source for pair in right) >= 2 and len(right) >= 6
    return model, right


def test_nothing_is_lost_where_nothing_is_emptied(
    remembering: tuple[Mamba, list[WordPair]],
) -> None:
    model, pairs = remembering
    assert (
        accuracy_without_the_past(model, pairs, layers=[])
        == 1
        > accuracy_without_the_past(model, pairs)
    )
    assert accuracy_without_the_past(model, pairs, token="<SOS>") == 1


@pytest.mark.parametrize(
    ("token", "layers"),
    [("<EOS>", None), ("<EOS>", [0]), ("<EOS>", [1, 2]), ("-", None), ("-", [1]), ("e", None)],
)
def test_emptying_is_a_decay_of_zero(
    remembering: tuple[Mamba, list[WordPair]], token: str, layers: list[int] | None
) -> None:
    """The same accuracy by another way: Ā = 0 at the token, inside a whole pass, by the loop."""
    model, pairs = remembering
    right = 0
    for pair in pairs:
        read = [*pair.source, "<EOS>"]
        places = [place for place, one in enumerate(read) if one == token]

        class Emptied(SSMTrace):
            def discretize(self):  # type: ignore[no-untyped-def]
                decay, weight = replace_rule(self).discretize()
                decay = decay.clone()
                decay[:, places] = 0  # noqa: B023
                return decay, weight

        def replace_rule(found: SSMTrace) -> SSMTrace:
            return SSMTrace(found.x, found.delta, found.A, found.B, found.C, found.D, "mixed")

        def empty(found: SSMTrace) -> SSMTrace:
            return Emptied(found.x, found.delta, found.A, found.B, found.C, found.D, "emptied")  # noqa: B023

        names = list(model.ssm_layers())
        with replace_choices(model, {names[layer]: empty for layer in layers or range(len(names))}):
            right += measure(model, [pair])[1] == 1
    assert accuracy_without_the_past(model, pairs, token, layers) == right / len(pairs)


def test_behind_the_token_only_what_it_wrote_is_left() -> None:
    """Inside each layer the state after `<EOS>` is B̄ x of `<EOS>`, read with the whole memory; in
    the layers that are not named it is as it was.
    """
    torch.manual_seed(0)
    model = Mamba(MambaConfig(hidden_size=4, num_layers=3, state_size=2)).eval()
    source = torch.tensor([[*VOCABULARY.encode("street"), VOCABULARY.eos]])
    choices: list[SSMTrace] = []
    names = list(model.ssm_layers())
    with (
        torch.no_grad(),
        replace_choices(model, dict.fromkeys(names, lambda one: choices.append(one) or one)),
    ):
        whole = model.start(source)
    with torch.no_grad():
        left = _read_without_past(model, source, "<EOS>", [0, 2], after=True, resample=False)
    for layer, (block, before, choice) in enumerate(zip(left.blocks, whole.blocks, choices)):
        _, written = choice.discretize()
        last = written[:, -1] * choice.x[:, -1, :, None]
        torch.testing.assert_close(block.state, before.state if layer == 1 else last)
        torch.testing.assert_close(block.window, before.window)


def test_a_memory_is_resampled_among_words_of_the_same_lengths(
    remembering: tuple[Mamba, list[WordPair]],
) -> None:
    model, pairs = remembering
    twins = [pair for pair in pairs if len(pair.source) == 6][:1] * 2
    assert accuracy_without_the_past(model, twins, resample=True) == 1  # its own memory
    assert accuracy_without_the_past(model, pairs, after=True, layers=[], resample=True) == 1
    assert accuracy_without_the_past(model, pairs, after=True) < 0.5
