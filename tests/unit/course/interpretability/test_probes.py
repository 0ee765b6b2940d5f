"""Probes read what is there, not what is not, and the control says what they learn by heart."""

import numpy as np
import pytest
from tiny import tiny_mamba, tiny_transformer

from course.interpretability.probes import LABELS, by_letter_and_place, letter_vectors, run_probes
from nmt.checkpoints import load_checkpoint
from nmt.data import VOCABULARY, load_pairs
from nmt.trace import trace

TRAIN = [pair.source for pair in load_pairs("small", "train") if "-" not in pair.source][::25]
TEST = [pair.source for pair in load_pairs("small", "val") if "-" not in pair.source][::5]


def test_labels_say_what_the_rule_says() -> None:
    said = {name: [label("street", place) for place in range(6)] for name, label in LABELS.items()}
    assert said["position"] == [*"012345"] and LABELS["position"]("conditioning", 11) == "7"
    assert said["inside the onset"] == ["moves"] * 3 + ["stays"] * 3
    assert said["vowel or consonant"] == ["consonant"] * 3 + ["vowel"] * 2 + ["consonant"]
    assert said["previous letter"] == ["start", *"stree"]


def test_vectors_are_those_of_a_trace() -> None:
    transformer, mamba = tiny_transformer(encoder_layers=2), tiny_mamba()
    for model, names in (
        (transformer, ["encoder.0", "encoder.1"]),
        (mamba, ["blocks.0", "blocks.1"]),
    ):
        found = letter_vectors(model, ["ox", "brown"])
        assert list(found) == ["embedding", *names]
        assert all(len(vectors) == 7 for vectors in found.values())
        np.testing.assert_allclose(
            found["embedding"][2], model.embedding.weight[VOCABULARY.encode("b")[0]].detach()
        )
        last = trace(model, "brown", truth=True).vectors[names[-1]][:5]
        np.testing.assert_allclose(found[names[-1]][2:], last, atol=1e-5)


def test_an_embedding_shows_the_letter_and_nothing_about_its_place() -> None:
    model = load_checkpoint("transformer-small").model
    found = {(one.label, one.layer): one for one in run_probes(model, TRAIN, TEST)}
    vowel, onset = found["vowel or consonant", "embedding"], found["inside the onset", "embedding"]
    assert vowel.accuracy > 0.95 and vowel.control > 0.95 and abs(vowel.selectivity) < 0.05
    assert onset.accuracy < onset.usual + 0.05
    after = found["inside the onset", "encoder.1"]
    assert after.accuracy > after.usual + 0.05 and after.selectivity > 0.05
    assert (
        found["previous letter", "encoder.0"].accuracy
        > found["previous letter", "embedding"].accuracy + 0.2
    )


def test_bad_lists_are_refused() -> None:
    model = tiny_transformer()
    with pytest.raises(ValueError, match="'ox' is in both"):
        run_probes(model, ["ox", "is"], ["ox"])


def test_a_table_of_letter_and_place_knows_what_needs_no_context() -> None:
    seen = by_letter_and_place("vowel or consonant", ["brown", "apple"], ["brown", "apple"])
    assert seen.all() and len(seen) == 10
    words = ["ab", "cb", "ab"]  # before a b in second place stands an a, mostly
    assert by_letter_and_place("previous letter", words, ["cb", "ab"]).tolist() == [
        *(True, False),
        *(True, True),
    ]
