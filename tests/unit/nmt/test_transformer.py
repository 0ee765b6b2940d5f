"""The transformer: what it may see, what its cache remembers, and what its config refuses."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from nmt.decoding import greedy_decode
from nmt.interventions import replace_patterns, replace_vectors, switch_off
from nmt.positions import SCHEMES
from nmt.transformer import MLP, Transformer, TransformerConfig


def small_model(seed: int = 0, **changes) -> Transformer:
    """A tiny random model in float64 without dropout; `changes` go to its config."""
    torch.manual_seed(seed)
    sizes = {"hidden_size": 8, "num_heads": 2, "encoder_layers": 1, "max_length": 40}
    options = {**sizes, **changes}
    return Transformer(TransformerConfig(**options)).double().eval()


def random_words(
    batch: int, source: int, target: int, seed: int = 0
) -> tuple[torch.Tensor, torch.Tensor]:
    chance = torch.Generator().manual_seed(seed)
    return torch.randint(29, (batch, source), generator=chance), torch.randint(
        29, (batch, target), generator=chance
    )


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("layers", [(1, 3), (2, 1)])
def test_shapes_and_gradients(scheme: str, layers: tuple[int, int]) -> None:
    model = small_model(positions=scheme, encoder_layers=layers[0], decoder_layers=layers[1])
    source, target = random_words(3, 5, 7)
    logits = model(source, target)
    assert logits.shape == (3, 7, 29)
    assert len(model.attention_layers()) == layers[0] + 2 * layers[1]
    logits.square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


@settings(max_examples=25)
@given(st.sampled_from(SCHEMES), st.integers(1, 6), st.integers(1, 7), st.booleans(), st.data())
def test_step_by_step_is_the_parallel_forward(
    scheme: str, source_length: int, length: int, rotary_cross: bool, data
) -> None:
    model = small_model(
        positions=scheme, rotary_cross=rotary_cross, seed=data.draw(st.integers(0, 99))
    )
    source, target = random_words(2, source_length, length, seed=data.draw(st.integers(0, 99)))
    with torch.inference_mode():
        cache, steps = model.start(source), []
        for token in target.unbind(1):
            logits, cache = model.step(token, cache)
            steps.append(logits)
        torch.testing.assert_close(
            torch.stack(steps, dim=1), model(source, target), rtol=0, atol=1e-9
        )
    assert cache.position == length


def test_several_letters_may_follow_a_cache() -> None:
    model, (source, target) = small_model(), random_words(2, 5, 6)
    with torch.inference_mode():
        first, cache = model.read_on(target[:, :2], model.start(source))
        second, cache = model.read_on(target[:, 2:], cache)
        expected = model(source, target)
    torch.testing.assert_close(torch.cat((first, second), dim=1), expected, rtol=0, atol=1e-9)
    assert cache.position == 6


def test_whoever_intervenes_reaches_every_layer_in_forward_and_in_steps() -> None:
    model = small_model()
    words = ["street", "ox"]
    layers = dict.fromkeys(model.attention_layers(), switch_off(0))
    for change in (
        replace_vectors(model, {"decoder.0": lambda vectors: 3 - vectors}),
        replace_patterns(model, layers),
    ):
        with change:
            changed = [greedy_decode(model, words, use_cache=cached) for cached in (True, False)]
        assert changed[0] == changed[1] != greedy_decode(model, words)
    assert set(layers) == {"encoder.0.self_attention"} | {
        f"decoder.{i}.{kind}_attention" for i in (0, 1) for kind in ("self", "cross")
    }
    assert "step" not in vars(model.decoder[0])


@pytest.mark.parametrize("precision", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("scheme", ["rotary", "learned"])
def test_half_precision_is_the_same_with_fewer_digits(precision: torch.dtype, scheme: str) -> None:
    model, words = small_model(positions=scheme).float(), random_words(2, 5, 4)
    exact = model(*words).detach()
    with torch.autocast("cpu", precision):
        torch.testing.assert_close(model(*words).float().detach(), exact, rtol=0.1, atol=0.1)
    halved = model.to(precision)(*words)
    assert halved.dtype == precision
    torch.testing.assert_close(halved.float().detach(), exact, rtol=0.1, atol=0.1)


@given(st.sampled_from(SCHEMES), st.integers(0, 5))
@settings(max_examples=25)
def test_a_later_letter_changes_nothing_before(scheme: str, place: int) -> None:
    model = small_model(positions=scheme)
    source, target = random_words(1, 4, 6)
    changed = target.clone()
    changed[:, place] = (changed[:, place] + 1) % 29
    with torch.inference_mode():
        before, after = model(source, target), model(source, changed)
    assert torch.equal(before[:, :place], after[:, :place])
    assert (before[:, place:] != after[:, place:]).any(dim=-1).all()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_only_without_positions_is_the_source_a_bag_of_letters(scheme: str) -> None:
    model = small_model(positions=scheme)
    source, target = random_words(1, 6, 3)
    shuffled = source[:, torch.tensor([3, 0, 5, 1, 4, 2])]
    same = torch.allclose(model(source, target), model(shuffled, target), rtol=0, atol=1e-9)
    assert same == (scheme == "none")


def test_rotary_cross_attention_is_a_choice() -> None:
    with_cross, without = small_model(rotary_cross=True), small_model(rotary_cross=False)
    without.load_state_dict(with_cross.state_dict())  # rotations have no parameters
    source, target = random_words(1, 5, 4)
    assert not torch.allclose(with_cross(source, target), without(source, target))
    assert without.decoder[0].cross_attention.rotary is None
    assert without.decoder[0].self_attention.rotary is not None


def test_the_encoder_runs_once_for_a_word() -> None:
    model = small_model()
    calls = []
    model.encoder[0].register_forward_hook(lambda *_: calls.append(1))
    cache = model.start(torch.tensor([[1, 2, 28]]))
    for _ in range(4):
        _, cache = model.step(torch.tensor([3]), cache)
    assert len(calls) == 1


# Config and summary


def test_mlp_size() -> None:
    for mlp_size, expected in ((0, 32), (5, 5)):
        first = MLP(TransformerConfig(hidden_size=8, num_heads=2, mlp_size=mlp_size))[0]
        assert isinstance(first, nn.Linear)
        assert first.out_features == expected


def test_the_default_model_has_at_most_260_000_parameters() -> None:
    assert (
        sum(parameter.numel() for parameter in Transformer(TransformerConfig()).parameters())
        <= 260_000
    )


def test_summary_adds_up() -> None:
    model = small_model(positions="learned")
    rows = dict(line.rsplit(maxsplit=1) for line in model.summary().splitlines())
    counts = {part: int(count.replace(",", "")) for part, count in rows.items()}
    in_all = counts.pop("in all")
    assert (
        in_all == sum(counts.values()) == sum(parameter.numel() for parameter in model.parameters())
    )
    assert counts["embedding"] == 29 * 8
    assert counts["positions"] == 40 * 8
    assert counts["output"] == 29 * 8 + 29
    assert counts["norms"] == 2 * 2 * 8  # the two that stand outside the layers
    assert "positions" not in small_model(positions="rotary").summary()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hidden_size": 0}, "hidden_size must be at least 1, not 0"),
        ({"encoder_layers": 0}, "encoder_layers must be at least 1"),
        ({"decoder_layers": -1}, "decoder_layers must be at least 1"),
        ({"vocabulary_size": 0}, "vocabulary_size must be at least 1"),
        ({"mlp_size": -4}, "mlp_size must be 0 to 4,096, not -4"),
        ({"mlp_size": 10**9}, "mlp_size must be 0 to 4,096"),
        ({"encoder_layers": 10**9}, "at most 32 in this course, not 1,000,000,000"),
        ({"hidden_size": 10**30}, "hidden_size must be at most 1,024"),
        ({"num_heads": 5}, "num_heads 5 does not divide hidden_size 64"),
        ({"dropout": 1.0}, "dropout is a probability below 1"),
        ({"dropout": -0.1}, "dropout is a probability below 1"),
        ({"positions": "rotery"}, "unknown position scheme 'rotery'; choose one of none, sinus"),
        ({"hidden_size": 12, "num_heads": 4}, "hidden_size / num_heads must be even"),
        ({"hidden_size": 9, "num_heads": 3, "positions": "sinusoidal"}, "even hidden_size, not 9"),
        ({"rotary_base": 1.0}, "rotary_base must be above 1"),
    ],
)
def test_config_errors(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TransformerConfig(**changes)


@pytest.mark.parametrize(
    ("positions", "longest"),
    [("learned", 20), ("learned-from-sinusoidal", 20), ("rotary", 64), ("none", 64)],
)
def test_longest_word(positions: str, longest: int) -> None:
    assert small_model(positions=positions).longest_word == longest


@pytest.mark.parametrize("scheme", ["sinusoidal", "learned", "rotary"])
@pytest.mark.parametrize("part, other", [("encoder", "decoder"), ("decoder", "encoder")])
def test_positions_may_be_told_to_one_side_alone(scheme, part, other):
    torch.manual_seed(0)
    one = small_model(positions=scheme, positions_in=part).eval()
    both, none = (small_model(positions=name).eval() for name in (scheme, "none"))
    for model in (both, none):
        model.load_state_dict(one.state_dict(), strict=model is both)
    tokens = torch.tensor([[1, 2, 3]])
    for side, like in ((part, both), (other, none)):
        assert torch.equal(one.embed(tokens, side), like.embed(tokens, side))
    layers = {"encoder": one.encoder, "decoder": one.decoder}
    assert (layers[part][0].self_attention.rotary is None) == (scheme != "rotary")
    assert layers[other][0].self_attention.rotary is None
    whole, cache = one(tokens, tokens), one.start(tokens)
    torch.testing.assert_close(one.read_on(tokens, cache)[0], whole)


def test_unknown_sides_are_refused():
    with pytest.raises(ValueError, match="both, encoder or decoder, not 'neither'"):
        TransformerConfig(positions_in="neither")
    with pytest.raises(ValueError, match="needs positions_in both"):
        TransformerConfig(positions_in="encoder", rotary_cross=True)
