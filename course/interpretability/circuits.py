"""What a transformer's weights say, and what each part adds to a logit.

The residual stream is a sum: the embedding, what each head writes, what each feed-forward writes.
So a part's share in a logit can be told apart (direct logit attribution), the stream can be read
off after any layer (logit lens), and a head falls into two circuits: what makes it look (W_Q, W_K)
and what it writes where it looks (W_V, W_O).

Source: Elhage et al. 2021, "A Mathematical Framework for Transformer Circuits"; nostalgebraist
2020, "Interpreting GPT: the logit lens"; Wang et al. 2022, arXiv 2211.00593, §3.
"""

from collections.abc import Sequence
from typing import Any

import torch
from einops import einsum, rearrange
from jaxtyping import Bool, Float, Int
from torch import Tensor

from course.interpretability.ablation import recorded, teacher_batches
from nmt.decoding import evaluating
from nmt.pig_latin import align
from nmt.transformer import Transformer


def ov_matrices(model: Transformer, layer: str) -> Float[Tensor, "h d d"]:
    """For each head the map from what it reads to what it writes:  W_O W_V.

    A head adds  Σ_s weight_s · W_O W_V x_s  to the residual stream, x_s what it reads at s.
    """
    attention = model.attention_layers()[layer]
    value = attention.to_key_value.weight.detach().chunk(2)[1]
    heads = rearrange(value, "(h k) d -> h k d", h=attention.num_heads)
    output = attention.to_output.weight.detach()
    output = rearrange(output, "e (h k) -> h e k", h=attention.num_heads)
    return einsum(output, heads, "h e k, h k d -> h e d")


def copying_scores(model: Transformer, words: Sequence[str], layer: str) -> Float[Tensor, " h"]:
    """Does a cross-attention head write the letter that it reads, wherever it looks? The share of
    copied letters s for which that is the token it pushes up most:

        argmax over tokens of  W_U (γ ∘ W_O W_V memory_s)  =  source_s

    γ is the last norm's gain, memory_s the encoder's output at s. Guessing finds one in 29.
    """
    matrices = ov_matrices(model, layer)
    right, asked = torch.zeros(len(matrices)), 0
    with evaluating(model):
        for rows, source, _ in teacher_batches(words):
            written = einsum(matrices, model.encode(source), "h e d, b s d -> h b s e")
            guesses = _read_off(model, written, torch.ones(())).argmax(dim=-1)
            chosen = torch.zeros(source.shape, dtype=torch.bool)
            for row, word in enumerate(rows):
                chosen[row, [place for place in align(words[word]) if place is not None]] = True
            right = right + (guesses == source)[:, chosen].sum(dim=-1)
            asked += int(chosen.sum())
    return right / asked


def scores_by_distance(
    model: Transformer, words: Sequence[str], layer: str, distances: Sequence[int]
) -> Float[Tensor, "h distances"]:
    """What makes a self-attention head look so many letters away, whatever the letters are: the
    score of its mean query for its mean key, turned by the distance.

        score_δ = q̄ · R(δ) k̄ / √k       (δ = −1: the letter before)

    Without rotary positions R turns nothing, and the line is flat: such a model keeps places in the
    vectors themselves.

    Args:
        distances: δ, key's place − query's place.
    """
    attention = model.attention_layers()[layer]
    reads, rotary = [], attention.rotary
    with evaluating(model):
        for _, source, target in teacher_batches(words):
            seen = _record(model, source, target, [f"{layer}.to_query"])
            reads.append(seen[f"{layer}.to_query"][0].flatten(0, 1))
        mean = torch.cat(reads).mean(dim=0)  # both maps are linear: the mean of q is q of the mean
        query, key = (
            rearrange(weight @ mean, "(h k) -> 1 h 1 k", h=attention.num_heads)
            for weight in (attention.to_query.weight, attention.to_key_value.weight.chunk(2)[0])
        )
        far = max(map(abs, distances))
        turned = query if rotary is None else rotary(query, far)
        keys = [key if rotary is None else rotary(key, far + step) for step in distances]
    scores = [(turned * one).sum(dim=-1) / query.shape[-1] ** 0.5 for one in keys]
    return torch.stack(scores, dim=-1)[0, :, 0]


def attribute_logits(model: Transformer, words: Sequence[str]) -> dict[str, float]:
    """Direct logit attribution: what each part of the decoder adds to the logit of the right
    letter, above its mean over all tokens; the mean over all copied letters, in nats.

        part → W_U (γ ∘ (part − mean(part)) / σ),  σ the last norm's scale for the whole stream

    The parts' shares and the bias add up to the logit. Names are "embedding", "decoder.0.mlp" and,
    for heads, "decoder.1.cross_attention 2".
    """
    layers = [name for name in model.attention_layers() if name.startswith("decoder")]
    mlps = [f"decoder.{number}.mlp" for number in range(model.config.decoder_layers)]
    names = [*(f"{layer}.to_output" for layer in layers), *mlps, "decoder.0", "decoder_norm"]
    sums: dict[str, Any] = {}
    asked = 0
    with evaluating(model):
        for rows, source, target in teacher_batches(words):
            seen = _record(model, source, target, names)
            parts = {"embedding": seen["decoder.0"][0]}
            for layer in layers:
                weight = model.attention_layers()[layer].to_output.weight
                size = weight.shape[1] // model.config.num_heads
                joined = seen[f"{layer}.to_output"][0].split(size, dim=-1)
                for head, (own, columns) in enumerate(zip(joined, weight.split(size, dim=1))):
                    parts[f"{layer} {head}"] = own @ columns.T
            parts |= {name: seen[name][1] for name in mlps}
            stream = seen["decoder_norm"][0]
            scale = (stream.var(dim=-1, correction=0, keepdim=True) + 1e-5).rsqrt()
            at, right = _copied(words, rows, source, target)
            for name, part in parts.items():
                logits = _read_off(model, part, scale)[at]
                share = logits.gather(-1, right[:, None])[:, 0] - logits.mean(dim=-1)
                sums[name] = sums.get(name, 0) + share.double().sum().item()
            asked += len(right)
    return {name: total / asked for name, total in sums.items()}


def logit_lens(model: Transformer, words: Sequence[str]) -> dict[str, float]:
    """The share of copied letters that the decoder would write if it stopped after the embedding,
    after layer 0, and so on: the residual stream read off by the last norm and W_U.
    """
    names = [f"decoder.{number}" for number in range(model.config.decoder_layers)]
    right = dict.fromkeys(["embedding", *names], 0)
    asked = 0
    with evaluating(model):
        for rows, source, target in teacher_batches(words):
            seen = _record(model, source, target, names)
            streams = {"embedding": seen["decoder.0"][0]}
            streams |= {name: seen[name][1] for name in names}
            at, letters = _copied(words, rows, source, target)
            for name, stream in streams.items():
                guesses = model.output(model.decoder_norm(stream)).argmax(dim=-1)[at]
                right[name] += int((guesses == letters).sum())
            asked += len(letters)
    return {name: count / asked for name, count in right.items()}


def _read_off(
    model: Transformer, part: Float[Tensor, "*batch d"], scale: Float[Tensor, "..."]
) -> Float[Tensor, "*batch v"]:
    """What a part of the stream adds to each logit, the last norm's scale held fixed."""
    norm = model.decoder_norm
    return (part - part.mean(dim=-1, keepdim=True)) * scale * norm.weight @ model.output.weight.T


def _copied(
    words: Sequence[str], rows: Sequence[int], source: Tensor, target: Tensor
) -> tuple[Bool[Tensor, "b t"], Int[Tensor, " n"]]:
    """Where, in a batch, the next letter is a copied one, and which it is."""
    at = torch.zeros(target.shape, dtype=torch.bool)
    for row, word in enumerate(rows):
        copied = [query for query, place in enumerate(align(words[word])) if place is not None]
        at[row, copied] = True
    return at, target.roll(-1, dims=1)[at]


def _record(
    model: Transformer, source: Tensor, target: Tensor, names: Sequence[str]
) -> dict[str, tuple[Tensor, Tensor]]:
    """What goes into each named module and what comes out of it, in one pass."""
    with recorded(model, names) as seen:
        model(source, target)
    return {name: call for name, (call,) in seen.items()}
