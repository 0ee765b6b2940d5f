"""The transformer: where it looks, what positions tell it, and what its config refuses."""

import pytest
import torch
from tiny import tiny_transformer
from torch import nn

from nmt.decoding import greedy_decode
from nmt.interventions import replace_patterns, replace_vectors, switch_off
from nmt.positions import SCHEMES
from nmt.transformer import MLP, TransformerConfig


def random_tokens(length: int, words: int = 1) -> torch.Tensor:
    return torch.randint(29, (words, length), generator=torch.Generator().manual_seed(length))


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("layers", [(1, 3), (2, 1)])
def test_shapes_and_gradients(scheme: str, layers: tuple[int, int]) -> None:
    model = tiny_transformer(positions=scheme, encoder_layers=layers[0], decoder_layers=layers[1])
    logits = model(random_tokens(5, words=3), random_tokens(7, words=3))
    assert logits.shape == (3, 7, 29)
    assert len(model.attention_layers()) == layers[0] + 2 * layers[1]
    logits.square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_whoever_intervenes_reaches_every_layer_in_forward_and_in_steps() -> None:
    model, words = tiny_transformer(decoder_layers=2), ["street", "ox"]
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


@pytest.mark.parametrize("scheme", SCHEMES)
def test_only_without_positions_is_the_source_a_bag_of_letters(scheme: str) -> None:
    model = tiny_transformer(positions=scheme).double()
    source, target = random_tokens(6), random_tokens(3)
    shuffled = source[:, [3, 0, 5, 1, 4, 2]]
    same = torch.allclose(model(source, target), model(shuffled, target), rtol=0, atol=1e-9)
    assert same == (scheme == "none")


def test_rotary_cross_attention_is_a_choice() -> None:
    turned, plain = (tiny_transformer(rotary_cross=choice) for choice in (True, False))
    for name, weights in turned.state_dict().items():  # rotations have no parameters
        assert torch.equal(weights, plain.state_dict()[name])
    source, target = random_tokens(5), random_tokens(4)
    assert not torch.allclose(turned(source, target), plain(source, target))
    assert plain.decoder[0].self_attention.rotary is not None


# Config and summary


def test_mlp_size() -> None:
    for mlp_size, expected in ((0, 32), (5, 5)):
        first = MLP(TransformerConfig(hidden_size=8, num_heads=2, mlp_size=mlp_size))[0]
        assert isinstance(first, nn.Linear)
        assert first.out_features == expected


def test_summary_adds_up() -> None:
    model = tiny_transformer(positions="learned", max_length=40)
    rows = dict(line.rsplit(maxsplit=1) for line in model.summary().splitlines())
    counts = {part: int(count.replace(",", "")) for part, count in rows.items()}
    in_all = counts.pop("in all")
    assert in_all == sum(counts.values()) == sum(p.numel() for p in model.parameters())
    assert (counts["embedding"], counts["positions"]) == (29 * 16, 40 * 16)
    assert counts["output"] == 29 * 16 + 29
    assert counts["norms"] == 2 * 2 * 16  # the two that stand outside the layers
    assert "positions" not in tiny_transformer(positions="rotary").summary()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mlp_size": -4}, "mlp_size must be 0 to 4,096, not -4"),
        ({"mlp_size": 10**9}, "mlp_size must be 0 to 4,096"),
        ({"num_heads": 5}, "num_heads 5 does not divide hidden_size 64"),
        ({"dropout": 1.0}, "dropout is a probability below 1"),
        ({"dropout": -0.1}, "dropout is a probability below 1"),
        ({"positions": "rotery"}, "unknown position scheme 'rotery'; choose one of none, sinus"),
        ({"hidden_size": 12, "num_heads": 4}, "hidden_size / num_heads must be even"),
        ({"hidden_size": 9, "num_heads": 3, "positions": "sinusoidal"}, "even hidden_size, not 9"),
        ({"rotary_base": 1.0}, "rotary_base must be above 1"),
        ({"positions_in": "neither"}, "both, encoder or decoder, not 'neither'"),
        ({"positions_in": "encoder", "rotary_cross": True}, "needs positions_in both"),
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
    assert tiny_transformer(positions=positions, max_length=40).longest_word == longest


@pytest.mark.parametrize("scheme", ["sinusoidal", "learned", "rotary"])
@pytest.mark.parametrize("part, other", [("encoder", "decoder"), ("decoder", "encoder")])
def test_positions_may_be_told_to_one_side_alone(scheme, part, other):
    one = tiny_transformer(positions=scheme, positions_in=part)
    both, none = (tiny_transformer(positions=name) for name in (scheme, "none"))
    for model in (both, none):
        model.load_state_dict(one.state_dict(), strict=model is both)
    tokens = torch.tensor([[1, 2, 3]])
    for side, like in ((part, both), (other, none)):
        assert torch.equal(one.embed(tokens, side), like.embed(tokens, side))
    layers = {"encoder": one.encoder, "decoder": one.decoder}
    assert (layers[part][0].self_attention.rotary is None) == (scheme != "rotary")
    assert layers[other][0].self_attention.rotary is None
