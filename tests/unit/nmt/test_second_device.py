"""A second device that is no machine: tensors carry a mark, and marked ones never meet others."""

import pytest
import torch
from tiny import tiny_mamba, tiny_transformer
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from nmt.batches import Batch, LengthBuckets
from nmt.data import load_pairs
from nmt.decoding import Seq2Seq, greedy_decode, translate
from nmt.evaluation import measure
from nmt.trace import trace
from nmt.training import token_loss

ELSEWHERE = torch.device("privateuseone")  # a name that torch keeps for devices it does not know
PAIRS = load_pairs("small", "val")[:5]


class SecondDevice(TorchFunctionMode):
    """While it is on, what a function makes of marked tensors is marked, and mixtures fail."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        marked = any(hasattr(tensor, "elsewhere") for tensor in tensors)
        if func == Tensor.device.__get__:
            return ELSEWHERE if marked else func(*args, **kwargs)
        moved = any(value is ELSEWHERE for value in (*args, kwargs.get("device")))
        if moved:
            args = tuple("cpu" if arg is ELSEWHERE else arg for arg in args)
            kwargs.pop("device", None)
        elif marked and func is not Tensor.to:
            alone = [tensor for tensor in tensors if not hasattr(tensor, "elsewhere")]
            if any(tensor.ndim for tensor in alone):
                raise RuntimeError(f"{func.__name__}: tensors on two devices")
        results = func(*args, **kwargs)
        if moved and any(results is tensor for tensor in tensors):
            results = results.view_as(results)  # what was moved stays where it was, too
        if moved or marked:
            for tensor in tree_leaves(results):
                if isinstance(tensor, Tensor):
                    tensor.elsewhere = True
        return results


@pytest.fixture(params=[tiny_transformer, tiny_mamba])
def model(request: pytest.FixtureRequest) -> Seq2Seq:
    """A model whose weights are all elsewhere."""
    model = request.param()
    for tensor in (*model.parameters(), *model.buffers()):
        tensor.elsewhere = True
    return model


def test_the_mark_is_seen_and_mixtures_fail(model: Seq2Seq) -> None:
    batch = Batch.of(PAIRS[:1])
    with SecondDevice():
        assert model.device == ELSEWHERE
        assert model(batch.to(ELSEWHERE).source, batch.to(ELSEWHERE).target).device == ELSEWHERE
        with pytest.raises(RuntimeError, match="two devices"):
            model(batch.source, batch.target)


def test_whoever_asks_a_model_works_on_its_device(model: Seq2Seq) -> None:
    words = [pair.source for pair in PAIRS]
    some = {"max_steps": 5}
    here = greedy_decode(model, words, **some), measure(model, PAIRS), translate(model, "the air")
    with SecondDevice():
        assert greedy_decode(model, words, use_cache=False, **some) == here[0]
        assert (greedy_decode(model, words, **some), measure(model, PAIRS)) == here[:2]
        assert translate(model, "the air") == here[2]
        assert trace(model, "street", truth=True).attention("cross").shape[-2:] == (9, 7)
        token_loss(model, next(LengthBuckets(PAIRS, 4).epoch(0))).backward()
    assert any(parameter.grad is not None for parameter in model.parameters())
