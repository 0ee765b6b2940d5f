"""A transformer run by two functions is the transformer; what is switched off is off."""

from dataclasses import replace

import pytest
import torch

from course.lab import assembled, broken
from course.lab.assembled import SWITCHES, Assembled, train_without, without
from course.lab.broken import load_broken
from nmt.attention import attention_weights
from nmt.batches import Batch
from nmt.data import VOCABULARY, WordPair, load_pairs
from nmt.decoding import greedy_decode
from nmt.training import TrainingConfig, token_loss
from nmt.transformer import Transformer, TransformerConfig

CONFIG = TransformerConfig(
    hidden_size=16, num_heads=2, mlp_size=16, dropout=0.0, rotary_base=100.0, rotary_cross=True
)
SOURCE = torch.tensor([[*VOCABULARY.encode("street"), VOCABULARY.eos]])
TARGET = torch.tensor([[VOCABULARY.sos, *VOCABULARY.encode("eets")]])


def seeded(make):
    torch.manual_seed(0)
    return make().eval()


@pytest.mark.parametrize("positions", ["rotary", "sinusoidal", "learned", "none"])
def test_it_is_the_transformer_and_so_it_is_with_nothing_switched_off(positions):
    config = replace(CONFIG, positions=positions, rotary_cross=positions == "rotary")
    whole = seeded(lambda: Transformer(config))
    for ours in (seeded(lambda: Assembled(config)), seeded(lambda: without(config, ()))):
        assert whole.state_dict().keys() == ours.state_dict().keys()
        torch.testing.assert_close(ours(SOURCE, TARGET), whole(SOURCE, TARGET))


def test_it_decodes_as_the_transformer_does_with_a_cache():
    whole, ours = seeded(lambda: Transformer(CONFIG)), seeded(lambda: Assembled(CONFIG))
    words = ["street", "apple", "quick", "a", "houses"]
    assert greedy_decode(ours, words) == greedy_decode(whole, words)
    assert greedy_decode(ours, words, use_cache=False) == greedy_decode(whole, words)


def test_it_is_run_by_the_functions_that_are_given():
    calls = []
    model = Assembled(
        CONFIG,
        lambda x, parts: calls.append("encoder") or x,
        lambda x, notes, parts: calls.append("decoder") or x,
    )
    model(SOURCE, TARGET)
    assert calls == ["encoder"] * 2 + ["decoder"] * 2


def test_padding_and_an_unknown_switch_are_refused():
    with pytest.raises(ValueError, match="without padding"):
        Assembled(CONFIG)(SOURCE, TARGET, torch.ones_like(SOURCE, dtype=torch.bool))
    with pytest.raises(ValueError, match="'norm' cannot be switched off; choose from mask"):
        without(CONFIG, ["norm"])


@pytest.mark.parametrize("name", SWITCHES)
def test_each_switch_changes_the_function_and_not_the_weights(name):
    whole, rest = seeded(lambda: Transformer(CONFIG)), seeded(lambda: without(CONFIG, [name]))
    ours, theirs = whole.state_dict(), rest.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(own, theirs[key]) for key, own in ours.items())
    assert not torch.allclose(rest(SOURCE, TARGET), whole(SOURCE, TARGET), atol=1e-4)


@pytest.mark.parametrize(("switched_off", "seen"), [([], False), (["mask"], True)])
def test_the_future_is_seen_only_without_mask(switched_off, seen):
    other = TARGET.clone()
    other[0, -1] = VOCABULARY.encode("x")[0]
    model = seeded(lambda: without(CONFIG, switched_off))
    before, after = (model(SOURCE, target)[0, 0] for target in (TARGET, other))
    assert torch.equal(before, after) != seen


def test_without_residual_nothing_goes_around_a_part():
    model = seeded(lambda: without(CONFIG, ["residual"]))
    with torch.no_grad():
        for layer in model.decoder:
            layer.mlp[-1].weight.zero_()
            layer.mlp[-1].bias.zero_()
    logits = model(SOURCE, TARGET)  # the last part of each layer writes nothing, so nothing is left
    torch.testing.assert_close(logits, logits[:, :1].expand_as(logits))


def test_without_the_root_scores_are_plain_dot_products():
    model = seeded(lambda: without(CONFIG, ["root"]))
    layer = model.encoder[0].self_attention
    layer.rotary = None
    x = torch.randn(1, 5, 16)
    weights = layer(x, return_weights=True)[1]
    query, key = layer.to_query.weight, layer.to_key_value.weight[:16]
    expected = attention_weights(8**0.5 * (x @ query.T)[..., :8], (x @ key.T)[..., :8])
    torch.testing.assert_close(weights[:, 0], expected)


def test_without_positions_an_anagram_is_the_same_word():
    model = seeded(lambda: without(CONFIG, ["positions"]))
    team, meat = (Batch.of([WordPair.of(word)]).source for word in ("team", "meat"))
    torch.testing.assert_close(model(team, TARGET), model(meat, TARGET))


def test_it_trains_and_asks_it_alone_only_where_the_mask_is_off(monkeypatch):
    chosen = [pair for pair in load_pairs("small") if len(pair.source) == 4]
    pairs = [p for p in chosen if p.split == "train"][:24]
    pairs += [p for p in chosen if p.split == "val"][:4]
    training = TrainingConfig(epochs=2, batch_size=8, device="cpu")
    seen = []
    noted = {"pairs": pairs, "on_epoch": lambda rows: seen.append(len(rows))}
    whole = train_without(CONFIG, training, **noted)
    assert seen == [1, 2] and all(row["alone"] == row["val_accuracy"] for row in whole)

    held_out = [pair.target for pair in pairs if pair.split == "val"]
    monkeypatch.setattr(assembled, "greedy_decode", lambda model, words: [*held_out[:3], "wrong"])
    blind = train_without(CONFIG, training, ["mask"], pairs=pairs)
    assert blind[-1]["alone"] == 0.75 != blind[-1]["val_accuracy"]
    assert train_without(CONFIG, training, pairs=pairs)[-1]["val_loss"] == whole[-1]["val_loss"]


def test_gradients_reach_every_weight():
    model = seeded(lambda: Assembled(CONFIG))
    token_loss(model, Batch.of([WordPair.of("street")])).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_the_record_of_broken_transformers_is_read_for_its_own_settings_alone():
    found = load_broken(broken.CONFIG, broken.TRAINING)
    assert {"whole", *SWITCHES} < set(found) == set(broken.RUNS)
    assert all(len(rows) == broken.TRAINING.epochs for rows in found.values())
    assert all(0 <= row["alone"] <= 1 for rows in found.values() for row in rows)
    with pytest.raises(ValueError, match="other settings"):
        load_broken(replace(broken.CONFIG, hidden_size=32), broken.TRAINING)


def test_broken_transformers_are_recorded_once_all_are_trained(monkeypatch, tmp_path):
    """Narrow models on few words: an interrupt in the second epoch, when there are rows that could
    be recorded, leaves what was there; then the record is written and read.
    """
    pairs = [pair for pair in load_pairs("small")[:300] if len(pair.source) == 5]
    small = {
        "RECORD": tmp_path / "broken.json",
        "CONFIG": replace(broken.CONFIG, hidden_size=8, num_heads=2),
        "TRAINING": replace(broken.TRAINING, epochs=2, batch_size=256),
        "RUNS": {"whole": ([], 100.0), "no mask, slow": (["mask"], 1e4)},
        "load_pairs": lambda _: pairs,
    }
    for name, value in small.items():
        monkeypatch.setattr(broken, name, value)
    broken.RECORD.write_text("what was there")
    lengths = {len(pair.target) for pair in pairs if pair.split == "train"}  # a batch of each
    steps = []

    def interrupted(*arguments):
        steps.append(1)
        if len(steps) > len(lengths):
            raise KeyboardInterrupt
        return token_loss(*arguments)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("nmt.training.token_loss", interrupted)
        broken.main()
    assert broken.RECORD.read_text() == "what was there" and len(steps) == len(lengths) + 1
    broken.main()
    assert list(load_broken(broken.CONFIG, broken.TRAINING)) == ["whole", "no mask, slow"]
