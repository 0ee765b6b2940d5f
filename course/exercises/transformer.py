"""Exercises of notebook 03: writing a word alone; the layers are in `transformer_layers`."""

import torch
from torch import Tensor

from course.checking.exercise import Case, Draw, Exercise, Slips, pick, seeded, table
from course.exercises.cache import CACHE
from course.exercises.training_steps import LOSS, STEP
from course.exercises.transformer_layers import DECODER, ENCODER
from nmt.data import VOCABULARY
from nmt.decoding import greedy_decode
from nmt.transformer import Transformer, TransformerConfig

# (seed, letters of the source, most tokens)
SEEDS = ((50, 4, 8), (51, 5, 9), (47, 5, 4), (24, 2, 5), (29, 3, 6))


def write_alone(model: Transformer, source: Tensor, most: int) -> list[int]:
    """The most probable next token, again and again, until it is <EOS>."""
    written = [VOCABULARY.sos]
    while written[-1] != VOCABULARY.eos and len(written) <= most:
        logits = model(source, torch.tensor([written]))  # (1, t, v)
        written.append(int(logits[0, -1].argmax()))
    return written[1:]


def _write_alone(slips: Slips, model: Transformer, source: Tensor, most: int) -> list[int]:
    written = [VOCABULARY.eos if "starts_with_eos" in slips else VOCABULARY.sos]
    most = pick(slips, most, one_more=most + 1, one_less=most - 1)
    while len(written) <= most:
        read = torch.tensor([written[-1:] if "new_alone" in slips else written])
        logits = model(read, source) if "swapped" in slips else model(source, read)
        logits = logits[0, 0 if "first" in slips else -1]
        token = int(logits.argmin() if "least" in slips else logits.argmax())
        if "no_end" in slips and token == VOCABULARY.eos:
            break
        written.append(token)
        if token == VOCABULARY.eos and "goes_on" not in slips:
            break
        if "once" in slips:
            break
    return written if "with_sos" in slips else written[1:]


def _greedy_cases() -> list[Case]:
    """Models with random weights, chosen so that one stops at once, some later, one never."""

    def make() -> Transformer:
        config = TransformerConfig(hidden_size=16, num_heads=2, dropout=0.0)
        model = Transformer(config).eval().requires_grad_(False)
        for parameter in model.parameters():
            parameter.add_(0.4 * torch.randn_like(parameter))
        return model

    cases = []
    for seed, letters, most in SEEDS:
        source = torch.cat(
            (Draw(seed).integers(26, 1, letters), torch.full((1, 1), VOCABULARY.eos)), dim=1
        )
        label = f"a word of {letters} letters, {most} tokens at most"
        cases.append(Case(label, (seeded(make, seed), source, most)))
    return cases


GREEDY = Exercise(
    name="transformer.greedy-word",
    minutes=15,
    difficulty=2,
    answer=write_alone,
    course=(greedy_decode,),
    cases=_greedy_cases,
    notice=(
        "Notice what was thrown away: at each step the logits of all places but the last. That is"
        " the waste that a cache saves."
    ),
    slipped=_write_alone,
    mistakes=table("""
        first: the first place asked
            The logits at place t are about the letter after t. Which place knows all that was
            written?
        new_alone: only the new letter read
            The decoder must read all letters so far. What do you give it at the second step?
        goes_on: the end does not stop it
            What should happen once the model has written <EOS>?
        no_end: <EOS> left out
            <EOS> is a token that the model wrote. Does your list end in it?
        with_sos: <SOS> handed back
            Who wrote <SOS>, the model or you?
        starts_with_eos: begins with <EOS>
            Which token opens every target?
        one_more: one token too many
            `most` counts the tokens that the model writes. Does yours count <SOS> too?
        one_less: one token too few
            `most` counts the tokens that the model writes. Does yours count <SOS> too?
        once: a single token
            One step gives one token. What repeats it?
        least: the least probable token
            Do high logits mean probable or improbable?
        swapped: source and target exchanged
            Which of its two arguments does the model read, and which does it continue?
    """),
)

EXERCISES = {each.name: each for each in (ENCODER, DECODER, LOSS, STEP, GREEDY, CACHE)}
