"""Exercises of notebook 03: writing a word alone, and a cache of keys and values; the layers are in
`transformer_layers`.
"""

import torch
from torch import Tensor

from course.checking.exercise import Draw, Exercise, Inputs, Slips, pick, shaken, table, tensors
from course.exercises.training_steps import LOSS, STEP
from course.exercises.transformer_layers import DECODER, ENCODER
from nmt.attention import MultiHeadAttention
from nmt.data import VOCABULARY
from nmt.decoding import greedy_decode
from nmt.transformer import Transformer, TransformerConfig

Cache = tuple[Tensor, Tensor]


def remember(query: Tensor, key: Tensor, value: Tensor, cache: Cache) -> tuple[Tensor, Cache]:
    """The new letter's key and value go behind the old ones; then it looks at all of them."""
    keys = torch.cat((cache[0], key), dim=1)  # (b, t + 1, k)
    values = torch.cat((cache[1], value), dim=1)
    weights = (query @ keys.mT / query.shape[-1] ** 0.5).softmax(dim=-1)  # (b, 1, t + 1)
    return weights @ values, (keys, values)


def _remember(
    slips: Slips, query: Tensor, key: Tensor, value: Tensor, cache: Cache
) -> tuple[Tensor, Cache]:
    old_keys, old_values = cache
    keys, values = torch.cat((old_keys, key), dim=1), torch.cat((old_values, value), dim=1)
    if "front" in slips:
        keys, values = torch.cat((key, old_keys), dim=1), torch.cat((value, old_values), dim=1)
    seen = pick(
        slips,
        (keys, values),
        before=cache,
        alone=(key, value),
        asking=(torch.cat((old_keys, query), dim=1), values),
        oldest=(keys[:, :1], values[:, :1]),
        added=(old_keys + key, old_values + value),
    )
    k, t = query.shape[-1], seen[0].shape[1]
    root = pick(slips, k**0.5, none=1, k=k, keys=t**0.5, width=value.shape[-1] ** 0.5)
    scores = query @ seen[0].mT / root
    weights = scores if "scores" in slips else scores.softmax(dim=1 if "axis" in slips else -1)
    kept = pick(
        slips,
        (keys, values),
        old=cache,
        new=(key, value),
        asked=(old_keys, values),
        queries=(torch.cat((old_keys, query), dim=1), values),
    )
    kept = seen if {"added", "asking"} & slips else kept
    kept = kept[::-1] if "turned" in slips else kept
    return weights @ seen[1] + (value if "road" in slips else 0), kept


def _cache_inputs() -> Inputs:
    new = tensors([[[2, 0, 0, 0]]], [[[0, 1, 0, 0]]], [[[1, 3]]])
    yield "a second letter", (*new, tensors([[[1, 0, 0, 0]]], [[[5, 1]]]))
    for seed, (b, t, k, w) in enumerate(((1, 3, 8, 8), (3, 5, 16, 4), (2, 0, 4, 6))):
        draw = Draw(180 + seed)
        new = draw.normal(b, 1, k), draw.normal(b, 1, k), draw.normal(b, 1, w)
        yield f"{t} letters before", (*new, (draw.normal(b, t, k), draw.normal(b, t, w)))


CACHE = Exercise(
    name="transformer.cache",
    minutes=10,
    difficulty=2,
    answer=remember,
    course=(MultiHeadAttention,),
    inputs=_cache_inputs,
    notice="""Notice that no mask was needed: what is still to be written is not in the cache.
        And that the cache is all that grows with the word.""",
    slipped=_remember,
    mistakes=table("""
        before: the new letter does not see itself
            Was its own key in the cache when it looked?
        oldest: only the oldest letter is seen
            With one query and many keys, at which key does the mask think the query stands?
        alone: the cache is not read
            How many keys can the new letter look at?
        keys width: root of another number
            k is the number of coordinates of a query. Which axis did you take it from?
        old: nothing is remembered
            Your output is right. What will the next letter find in the cache?
        new: all but the new letter forgotten
            The next letter looks at all letters so far. Which ones does your cache still hold?
        asked: keys forgotten, values kept
            Key and value of a letter belong together. Which of the two did you keep?
        queries asking: queries kept, not keys
            Do old letters ask again, or are they asked?
        added: added to the old letters
            + adds numbers. How many letters are in the cache afterwards?
        road: its own value added on top
            The road around attention is the layer's. What does attention itself give?
        front: the new letter in front
            The output is the same, but where is the newest letter expected next time?
        none: √k forgotten
            How large is a typical score when k is 256?
        k: divided by k, not by √k
            The variance of a score grows like k. How does its typical size grow?
        scores: no softmax
            What must the weights of the new letter sum to?
        axis: softmax over the queries
            There is one query. Over what should its weights sum to 1?
        turned: keys and values exchanged in the cache
            In which order did you get the two?
    """),
    parts=("the output", "the cache"),
)


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
        if (token == VOCABULARY.eos and "goes_on" not in slips) or "once" in slips:
            break
    return written if "with_sos" in slips else written[1:]


def _greedy_inputs() -> Inputs:
    """Models with random weights, chosen so that one stops at once, some later, one never."""
    config = TransformerConfig(hidden_size=16, num_heads=2, dropout=0.0)
    for seed, letters, most in ((50, 4, 8), (51, 5, 9), (47, 5, 4), (24, 2, 5), (29, 3, 6)):
        model = shaken(lambda: Transformer(config), seed, 0.4).requires_grad_(False)
        end = torch.full((1, 1), VOCABULARY.eos)
        source = torch.cat((Draw(seed).integers(26, 1, letters), end), dim=1)
        yield f"a word of {letters} letters, {most} tokens at most", (model, source, most)


GREEDY = Exercise(
    name="transformer.greedy-word",
    minutes=15,
    difficulty=2,
    answer=write_alone,
    course=(greedy_decode,),
    inputs=_greedy_inputs,
    notice="""Notice what was thrown away: at each step the logits of all places but the last.
        That is the waste that a cache saves.""",
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
