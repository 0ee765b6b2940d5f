"""The tests' own checks of types and shapes are in place, and can be taken away."""

import jaxtyping
import pytest
import torch

from nmt.attention import scaled_dot_product_attention
from nmt.batches import Batch
from nmt.data import WordPair
from nmt.pig_latin import to_pig_latin

WRONG = {
    "sizes that do not fit": lambda: scaled_dot_product_attention(
        torch.ones(1, 2, 3), torch.ones(1, 2, 4), torch.ones(1, 2, 4)
    ),
    "a shape in a dataclass": lambda: Batch(torch.ones(2), torch.ones(2)),
    "no shape": lambda: to_pig_latin(3),
    "no shape in a dataclass": lambda: WordPair(1, 2, 3, "train"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_call_is_named(wrong):
    with pytest.raises(jaxtyping.TypeCheckError):
        WRONG[wrong]()


@pytest.mark.usefixtures("without_type_checks")
@pytest.mark.parametrize("wrong", WRONG)
def test_without_checks_the_code_speaks_for_itself(wrong):
    try:
        WRONG[wrong]()
    except Exception as error:
        assert not isinstance(error, jaxtyping.TypeCheckError)
