"""Exercises of notebook 07, continued: an experiment that ablates a head."""

import copy
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from course.checking.compare import kind_of
from course.checking.exercise import Draw, Exercise, Inputs, Slips, Unfit, pick, shaken, table
from nmt.data import VOCABULARY
from nmt.interventions import replace_patterns, switch_off
from nmt.transformer import Transformer, TransformerConfig


def with_and_without(
    model: Any, source: Tensor, target: Tensor, layer: str, head: int
) -> tuple[float, float]:
    """Measure without dropout; ablate, measure again; head and mode come back."""

    def loss() -> float:
        logits = model(source, target[:, :-1])
        return F.cross_entropy(logits.flatten(0, 1), target[:, 1:].flatten()).item()

    training = model.training
    model.eval()
    try:
        before = loss()
        with replace_patterns(model, {layer: switch_off(head)}):
            return before, loss()
    finally:
        model.train(training)


def _with_and_without(
    slips: Slips, model: Any, source: Tensor, target: Tensor, layer: str, head: int
) -> tuple[float, float]:
    count = model.config.num_heads
    others = [each for each in range(count) if each != head]
    heads = pick(
        slips, [head], layer=range(count), others=others, first=[0],
        from_one=[(head - 1) % count],
    )  # fmt: skip
    asked = pick(slips, target[:, 1:], unshifted=target, itself=target[:, :-1])

    def ablate(weights: Tensor) -> Tensor:
        weights = weights.clone()
        even = 1 / weights.shape[-1]
        chosen = pick(slips, (slice(None), list(heads)), column=(..., head % weights.shape[-1]))
        weights[chosen] = even if "even" in slips else 0.0
        return weights * count / (count - 1) if "scaled" in slips else weights

    def loss() -> float:
        logits = model(source, target if "unshifted" in slips else target[:, :-1])
        how = "sum" if "total" in slips else "mean"
        return F.cross_entropy(logits.flatten(0, 1), asked.flatten(), reduction=how).item()

    part = model.attention_layers()[layer]
    training = model.training
    if "dropout" not in slips:
        model.eval()
    held, before = part.pattern_hook, loss()
    if "training" in slips:
        model.train()
    part.pattern_hook = ablate
    try:
        after = loss()
    except RuntimeError:
        kept = pick(slips, held, left=ablate, not_after_error=ablate, none_after=None)
        part.pattern_hook = kept
        raise
    part.pattern_hook = pick(slips, held, left=ablate, none_after=None)
    if not {"training", "left_eval"} & slips:
        model.train(training)
    if "second_alone" in slips:
        return after, after
    return (after, before) if "swapped" in slips else (before, after)


def _ablation_inputs() -> Inputs:
    config = TransformerConfig(
        hidden_size=16, num_heads=4, encoder_layers=1, decoder_layers=1, dropout=0.2
    )
    places = (
        ("decoder.0.cross_attention", 1, ""),
        ("encoder.0.self_attention", 0, ""),
        ("decoder.0.self_attention", 2, ""),
        ("decoder.0.cross_attention", 3, ", where a hook stands already"),
        ("encoder.0.self_attention", 3, ", in training mode"),
    )
    for seed, (layer, head, state) in enumerate(places):
        draw, b = Draw(150 + seed), seed + 1
        source = torch.cat((draw.integers(26, b, 5), torch.full((b, 1), VOCABULARY.eos)), dim=1)
        first, last = torch.full((b, 1), VOCABULARY.sos), torch.full((b, 1), VOCABULARY.eos)
        target = torch.cat((first, draw.integers(26, b, 6), last), dim=1)
        model = shaken(lambda: Transformer(config), 20 + seed, 0.3).requires_grad_(False)
        model.train("training" in state)
        if "hook" in state:  # a model that somebody watches already
            model.attention_layers()[layer].pattern_hook = lambda weights: weights
        yield f"head {head} of {layer}{state}", (model, source, target, layer, head)


def _left_as_found(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """The two losses, and how the model is left: in silence, and after an error on the way."""
    model, source, target, layer, head = arguments
    part = model.attention_layers()[layer]
    hook, again = part.pattern_hook, copy.deepcopy(model)
    weights = copy.deepcopy(model.state_dict())
    result = function(*arguments)
    if result is None:
        return None
    if isinstance(result, Tensor) and result.numel() == 2:
        result = result.tolist()
    if not isinstance(result, (tuple, list)) or len(result) != 2:
        raise Unfit("a tuple of two losses", kind_of(result))
    losses = [
        each.item() if isinstance(each, Tensor) and each.numel() == 1 else each for each in result
    ]
    same = all(torch.equal(weights[name], each) for name, each in model.state_dict().items())
    left = [
        "in place" if part.pattern_hook is hook else "another than before",
        "train" if model.training else "eval",
        "as before" if same else "changed",
    ]
    return (*losses, *left, _after_an_error(function, again, source, target, layer, head))


def _after_an_error(function: Callable[..., Any], model: Any, *arguments: Any) -> str:
    """The hook after a measurement with the head ablated has raised."""
    part = model.attention_layers()[arguments[2]]
    hook = part.pattern_hook

    def breaks(*_: Any) -> None:
        if part.pattern_hook is not hook:
            raise RuntimeError("the second measurement breaks off, to see what is left")

    model.register_forward_pre_hook(breaks)
    try:
        function(model, *arguments)
    except Exception as error:
        if "breaks off" not in str(error):
            raise
    return "in place" if part.pattern_hook is hook else "another than before"


ABLATION = Exercise(
    name="interpretability.ablation",
    minutes=15,
    difficulty=2,
    answer=with_and_without,
    course=(replace_patterns, switch_off),
    inputs=_ablation_inputs,
    observe=_left_as_found,
    notice="""Notice what the difference says, and what it does not: this head is used here.
        Another may still stand in for it elsewhere.""",
    slipped=_with_and_without,
    mistakes=table("""
        left: the model stays broken
            Ask the model again after your function has returned. Is the head back?
        none_after: somebody else's hook removed
            What was in pattern_hook before you came? What is in it now?
        not_after_error: the model stays broken after an error
            If the second measurement raises, which of your lines is never reached? What does
            `finally` do?
        training: the model left in train mode
            Who has called train(), and what for?
        left_eval: the model left in eval mode
            It was in training mode when you got it. In which mode is it now?
        dropout: measured with dropout
            In training mode dropout draws anew each time. How far do two measurements of one model
            differ?
        layer: the whole layer off
            The claim is about one head. How many have you switched off?
        others: all heads but this one off
            Which heads still work in your experiment: the named one, or the others?
        even: spread evenly instead of off
            A head that spreads its weight evenly still says something. What would it say if it were
            off?
        from_one: heads counted from 1
            Is the first head number 0 or number 1?
        first: always the first head
            Which of your lines uses `head`?
        column: a letter hidden, not a head
            The weights are (b, h, q, s). Which of the four axes counts heads?
        scaled: the other heads made louder
            Without the head, what should the others do: the same as before, or more?
        total: a sum, not a mean
            In which unit is the course's loss: nats for all letters, or nats for each?
        unshifted itself: asked for the letter just read
            The decoder reads target[:, :-1]. Which letters is it asked for?
        swapped: the two losses exchanged
            Which of the two does the signature name first?
        second_alone: measured with the head off twice
            When is the first loss measured?
    """),
    parts=(
        "the loss",
        "the loss without the head",
        "the hook afterwards",
        "the model's mode afterwards",
        "the weights afterwards",
        "the hook after an error in the second measurement",
    ),
)
