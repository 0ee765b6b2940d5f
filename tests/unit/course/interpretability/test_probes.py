"""Probes read what is there, not what is not, and the control says what they learn by heart."""

import numpy as np
import pytest
from tiny import tiny_mamba, tiny_transformer

from course.interpretability.probes import LABELS, by_letter_and_place, letter_vectors, run_probes
from nmt.data import VOCABULARY, load_pairs
from nmt.trace import trace
from nmt.transformer import Transformer

TRAIN = [pair.source for pair in load_pairs("small", "train") if "-" not in pair.source][::25]
TEST = [pair.source for pair in load_pairs("small", "val") if "-" not in pair.source][::5]


def test_labels_say_what_the_rule_says() -> None:
    said = {name: [label("street", place) for place in range(6)] for name, label in LABELS.items()}
    assert said["position"] == [*"012345"] and LABELS["position"]("conditioning", 11) == "7"
    assert said["inside the onset"] == ["moves"] * 3 + ["stays"] * 3
    assert said["vowel or consonant"] == ["consonant"] * 3 + ["vowel"] * 2 + ["consonant"]
    assert said["previous letter"] == ["start", *"stree"]


def test_vectors_are_those_of_a_trace() -> None:
    transformer, encoder = tiny_transformer(encoder_layers=2), ["encoder.0", "encoder.1"]
    for model, names in ((transformer, encoder), (tiny_mamba(), ["blocks.0", "blocks.1"])):
        found = letter_vectors(model, ["ox", "brown"])
        assert list(found) == ["embedding", *names]
        assert all(len(vectors) == 7 for vectors in found.values())
        b = model.embedding.weight[VOCABULARY.encode("b")[0]].detach()
        np.testing.assert_allclose(found["embedding"][2], b)
        last = trace(model, "brown", truth=True).vectors[names[-1]][:5]
        np.testing.assert_allclose(found[names[-1]][2:], last, atol=1e-5)


def test_an_embedding_shows_the_letter_and_nothing_of_its_place(model: Transformer) -> None:
    found = {(one.label, one.layer): one for one in run_probes(model, TRAIN, TEST)}
    vowel, onset = found["vowel or consonant", "embedding"], found["inside the onset", "embedding"]
    assert vowel.accuracy > 0.95 and vowel.control > 0.95 and abs(vowel.selectivity) < 0.05
    assert onset.accuracy < onset.usual + 0.05
    after = found["inside the onset", "encoder.1"]
    assert after.accuracy > after.usual + 0.05 and after.selectivity > 0.05
    before, behind = (found["previous letter", layer] for layer in ("embedding", "encoder.0"))
    assert behind.accuracy > before.accuracy + 0.2
    with pytest.raises(ValueError, match="'ox' is in both"):
        run_probes(model, ["ox", "is"], ["ox"])


def test_a_table_of_letter_and_place_knows_what_needs_no_context() -> None:
    seen = by_letter_and_place("vowel or consonant", ["brown", "apple"], ["brown", "apple"])
    assert seen.all() and len(seen) == 10
    words = ["ab", "cb", "ab"]  # before a b in second place stands an a, mostly
    seen = by_letter_and_place("previous letter", words, ["cb", "ab"])
    assert seen.tolist() == [True, False, True, True]
