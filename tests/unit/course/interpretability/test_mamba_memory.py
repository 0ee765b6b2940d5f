"""Memory: what is left follows from Ā alone, windows are counted, an emptied state is empty."""

import math
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
from nmt.discretization import RULES, discretize
from nmt.evaluation import measure
from nmt.interventions import replace_choices
from nmt.mamba import Mamba
from nmt.selective_ssm import SSMTrace, TraceHook
from nmt.trace import MambaTrace, trace

WORDS = ["street", "ox", "well-known", "is"]
RULES_TO_TRY = [rule for rule in RULES if rule != "generalized_bilinear"]
Remembering = tuple[Mamba, list[WordPair]]


def with_delta(found: MambaTrace, change) -> MambaTrace:  # type: ignore[no-untyped-def]
    """The same trace with other step sizes, as `change(layer number, delta)` says."""
    ssm = {
        name: replace(layer, delta=change(number, layer.delta))
        for number, (name, layer) in enumerate(found.ssm.items())
    }
    return replace(found, ssm=ssm)


@pytest.mark.parametrize("rule", RULES_TO_TRY)
@pytest.mark.parametrize("a_start", ["s4d-real", "minus-one"])
def test_what_is_left_is_a_product_of_decays(a_start: str, rule: str) -> None:
    found = trace(tiny_mamba(a_start=a_start, discretization=rule), "street", truth=True)
    decay = found.decay.double()  # (layers, l, e, n)
    for at in (0, 4, None):
        last = decay.shape[1] - 1 if at is None else at
        left = [decay[:, t + 1 : last + 1].prod(dim=1) for t in range(last + 1)]
        left += [torch.zeros_like(decay[:, 0])] * (decay.shape[1] - last - 1)
        expected = torch.stack(left, dim=1).abs().mean(dim=-1)
        weights = letter_weights(found, at).double()
        torch.testing.assert_close(weights, expected, atol=1e-6, rtol=1e-4)
    survival = measure_memory([found], ["<EOS>"], steps=3).survival["<EOS>"]
    expected = decay[:, 6:9].abs().prod(dim=1).mean(dim=-1)
    torch.testing.assert_close(survival.at_token, expected, rtol=1e-4, atol=1e-6)


def test_channels_are_sorted_from_the_shortest_memory() -> None:
    found = trace(tiny_mamba(), "street")
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
        for found in trace(tiny_mamba(), WORDS, truth=True)
    ]
    found = measure_memory(traces)
    rates = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    half_life = (math.log(2) / (0.1 * rates)).expand(2, 16, 3)
    torch.testing.assert_close(found.half_life, half_life, check_dtype=False)
    kept = torch.exp(-0.4 * rates).mean()
    for token, windows in (("<EOS>", 4), ("-", 1)):
        survival = found.survival[token]
        assert survival.windows == windows and survival.reset == [0, 0]
        for left in (survival.at_token, survival.elsewhere):
            torch.testing.assert_close(left, kept.expand(2, 16), rtol=1e-5, atol=0)


def test_a_reset_at_the_end_of_the_word_is_found_in_its_layer_and_channels() -> None:
    def reset(number: int, delta: torch.Tensor) -> torch.Tensor:
        delta = torch.full_like(delta, 0.001)
        if number == 1:
            delta[:, place, :4] = 50  # a quarter of the channels forgets all
        return delta

    traces = []
    for found in trace(tiny_mamba(), WORDS, truth=True):
        place = len(found.word)
        traces.append(with_delta(found, reset))
    found = measure_memory(traces)
    assert found.survival["<EOS>"].reset == found.vanished == [0, 0.25]
    assert found.survival["-"].reset == [0, 0]
    for single in traces:
        shares = shares_before_the_end(single)
        assert shares["decay"][1] < shares["decay"][0] < shares["even"][0] + 1e-6
    assert measure_memory(traces, ["<EOS>"], steps=1).survival["<EOS>"].reset == [0, 0.25]


def test_shares_are_weights_summed_over_channels() -> None:
    found = trace(tiny_mamba(), "street", truth=True)
    shares = shares_before_the_end(found)
    places = range(7, len(found.source) + len(found.target))
    weights = torch.stack([letter_weights(found, at).sum(dim=2) for at in places])
    by_hand = weights[..., :6].sum(dim=2) / weights.sum(dim=2)
    torch.testing.assert_close(torch.tensor(shares["decay"]), by_hand.mean(dim=0))
    assert shares["even"][0] == pytest.approx(sum(6 / (at + 1) for at in places) / len(places))
    hidden = found.attention("cross", 1)[:, 0, :, :6].sum(-1).mean(-1)
    torch.testing.assert_close(torch.tensor(shares["hidden attention"], dtype=hidden.dtype), hidden)


@pytest.fixture(scope="module")
def remembering() -> Remembering:
    """The trained model and words that it spells right, with an e, with a dash, with neither."""
    model = load_checkpoint("mamba-small").model
    held_out = load_pairs("small", "val")
    pairs = [*[pair for pair in held_out if "-" in pair.source][:5], *held_out[::40]]
    answers = greedy_decode(model, [pair.source for pair in pairs])
    right = [pair for pair, answer in zip(pairs, answers) if answer == pair.target]
    assert sum("-" in pair.source for pair in right) >= 2 and len(right) >= 6
    return model, right


def test_nothing_is_lost_where_nothing_is_emptied(remembering: Remembering) -> None:
    for options in ({"layers": []}, {"token": "<SOS>"}):
        assert accuracy_without_the_past(*remembering, **options) == 1
    assert accuracy_without_the_past(*remembering) < 1


def emptied(places: list[int]) -> TraceHook:
    """Ā = 0 at these places. The rule has no name that a scan knows, so it has to ask for Ā."""

    class Emptied(SSMTrace):
        def discretize(self) -> tuple[torch.Tensor, torch.Tensor]:
            decay, weight = discretize("mixed", self.delta, self.A, self.B)
            return decay.index_fill(1, torch.tensor(places, dtype=torch.long), 0.0), weight

    return lambda found: Emptied(**vars(found) | {"discretization": "emptied"})


@pytest.mark.parametrize(
    ("token", "layers"),
    [("<EOS>", None), ("<EOS>", [0]), ("<EOS>", [1, 2]), ("-", None), ("-", [1]), ("e", None)],
)
def test_emptying_is_a_decay_of_zero(
    remembering: Remembering, token: str, layers: list[int] | None
) -> None:
    """The same accuracy by another way: Ā = 0 at the token, inside a whole pass, by the loop."""
    model, pairs = remembering
    names, right = list(model.ssm_layers()), 0
    for pair in pairs:
        read = [*pair.source, "<EOS>"]
        empty = emptied([place for place, one in enumerate(read) if one == token])
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
    keep = dict.fromkeys(model.ssm_layers(), lambda one: choices.append(one) or one)
    with torch.no_grad():
        with replace_choices(model, keep):
            whole = model.start(source)
        left = _read_without_past(model, source, "<EOS>", [0, 2], after=True, resample=False)
    for layer, (block, before, choice) in enumerate(zip(left.blocks, whole.blocks, choices)):
        _, written = choice.discretize()
        last = written[:, -1] * choice.x[:, -1, :, None]
        torch.testing.assert_close(block.state, before.state if layer == 1 else last)
        torch.testing.assert_close(block.window, before.window)


def test_a_memory_is_resampled_among_words_of_the_same_lengths(remembering: Remembering) -> None:
    model, pairs = remembering
    twins = [pair for pair in pairs if len(pair.source) == 6][:1] * 2
    assert accuracy_without_the_past(model, twins, resample=True) == 1  # its own memory
    assert accuracy_without_the_past(model, pairs, after=True, layers=[], resample=True) == 1
    assert accuracy_without_the_past(model, pairs, after=True) < 0.5
