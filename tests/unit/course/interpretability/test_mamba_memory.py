"""Memory: what is left follows from Ā alone, windows are counted right, and a state that is emptied
is empty.
"""

from dataclasses import replace

import pytest
import torch
from tiny import tiny_mamba

from course.interpretability.mamba_memory import (
    _read_without_past,
    accuracy_without_the_past,
    letter_weights,
    measure_memory,
    shares_before_the_end,
    sorted_channels,
)
from nmt.checkpoints import load_checkpoint
from nmt.data import VOCABULARY, WordPair, load_pairs
from nmt.decoding import greedy_decode
from nmt.discretization import RULES
from nmt.evaluation import measure
from nmt.interventions import replace_choices
from nmt.mamba import Mamba
from nmt.selective_ssm import SSMTrace
from nmt.trace import MambaTrace, trace

WORDS = ["street", "ox", "well-known", "is"]
RULES_TO_TRY = [rule for rule in RULES if rule != "generalized_bilinear"]


def make(a_start: str = "s4d-real", rule: str = "mixed") -> Mamba:
    return tiny_mamba(a_start=a_start, discretization=rule)


def with_delta(found: MambaTrace, change) -> MambaTrace:  # type: ignore[no-untyped-def]
    """The same trace with other step sizes, as `change(layer number, delta)` says."""
    ssm = {
        name: replace(layer, delta=change(number, layer.delta))
        for number, (name, layer) in enumerate(found.ssm.items())
    }
    return replace(found, ssm=ssm)


@pytest.mark.parametrize("rule", RULES_TO_TRY)
@pytest.mark.parametrize("a_start", ["s4d-real", "minus-one"])
def test_letter_weights_are_products_of_decays(a_start: str, rule: str) -> None:
    found = trace(make(a_start, rule), "street")
    decay = found.decay.double()  # (layers, l, e, n)
    for at in (0, 4, None):
        last = decay.shape[1] - 1 if at is None else at
        left = [decay[:, t + 1 : last + 1].prod(dim=1) for t in range(last + 1)]
        left += [torch.zeros_like(decay[:, 0])] * (decay.shape[1] - last - 1)
        expected = torch.stack(left, dim=1).abs().mean(dim=-1)
        torch.testing.assert_close(
            letter_weights(found, at).double(), expected, atol=1e-6, rtol=1e-4
        )


def test_with_a_of_minus_one_the_weight_is_the_students_formula() -> None:
    found = trace(make("minus-one"), "street")
    later = found.delta.flip(1).cumsum(1).flip(1) - found.delta  # Σ of Δ after each token
    torch.testing.assert_close(letter_weights(found), torch.exp(-later))


def test_channels_are_sorted_from_the_shortest_memory() -> None:
    found = trace(make(), "street")
    weights = letter_weights(found)
    for layer, order in enumerate(sorted_channels(found)):
        assert sorted(order) == list(range(16))
        assert bool((weights[layer, 0, order].diff() >= 0).all())


def test_statistics_of_steps_that_are_all_alike() -> None:
    """With Δ = 0.1 and A = −1, −2, −3 everything is known: half-lives ln 2 / (0.1 |A|), four tokens
    keep e^(−0.4 |A|), nothing resets.
    """
    traces = [
        with_delta(found, lambda _, delta: torch.full_like(delta, 0.1))
        for found in trace(make(), WORDS, truth=True)
    ]
    found = measure_memory(traces)
    rates = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    torch.testing.assert_close(
        found.half_life,
        (torch.log(torch.tensor(2.0)) / (0.1 * rates)).expand(2, 16, 3),
        check_dtype=False,
    )
    kept = torch.exp(-0.4 * rates).mean()
    for token, windows in (("<EOS>", 4), ("-", 1)):
        survival = found.survival[token]
        assert survival.windows == windows and survival.reset == [0, 0]
        torch.testing.assert_close(survival.at_token, kept.expand(2, 16), rtol=1e-5, atol=0)
        torch.testing.assert_close(survival.elsewhere, kept.expand(2, 16), rtol=1e-5, atol=0)


def test_a_reset_at_the_end_of_the_word_is_found_in_its_layer_and_channels() -> None:
    def reset(number: int, delta: torch.Tensor) -> torch.Tensor:
        delta = torch.full_like(delta, 0.001)
        if number == 1:
            delta[:, place, :4] = 50  # a quarter of the channels forgets all
        return delta

    traces = []
    for found in trace(make(), WORDS, truth=True):
        place = len(found.word)
        traces.append(with_delta(found, reset))
    found = measure_memory(traces)
    assert found.survival["<EOS>"].reset == found.vanished == [0, 0.25]
    assert found.survival["-"].reset == [0, 0]
    for single in traces:
        shares = shares_before_the_end(single)
        assert shares["decay"][1] < shares["decay"][0] < shares["even"][0] + 1e-6
    assert measure_memory(traces, ["<EOS>"], steps=1).survival["<EOS>"].reset == [0, 0.25]


def test_all_rules_agree_with_the_plain_product() -> None:
    for rule in RULES_TO_TRY:
        found = trace(make(rule=rule), "street", truth=True)
        survival = measure_memory([found], ["<EOS>"], steps=3).survival["<EOS>"]
        place = len(found.word)
        expected = found.decay[:, place : place + 3].double().abs().prod(dim=1).mean(dim=-1)
        torch.testing.assert_close(survival.at_token, expected, rtol=1e-4, atol=1e-6)


def test_shares_are_weights_summed_over_channels() -> None:
    found = trace(make(), "street", truth=True)
    shares = shares_before_the_end(found)
    places = range(7, len(found.source) + len(found.target))
    by_hand = torch.stack(
        [
            letter_weights(found, at)[:, :6].sum(dim=(1, 2))
            / letter_weights(found, at).sum(dim=(1, 2))
            for at in places
        ]
    )
    torch.testing.assert_close(torch.tensor(shares["decay"]), by_hand.mean(dim=0))
    assert shares["even"][0] == pytest.approx(sum(6 / (at + 1) for at in places) / len(places))
    hidden = found.attention("cross", 1)[:, 0, :, :6].sum(-1).mean(-1)
    torch.testing.assert_close(torch.tensor(shares["hidden attention"], dtype=hidden.dtype), hidden)


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
    model = tiny_mamba(num_layers=3)
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
