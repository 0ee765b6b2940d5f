"""Words as tensors: batches of one length, and padded ones of any lengths to compare them with."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Int
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from nmt.data import VOCABULARY, WordPair


def rows_alike(keys: Iterable[Hashable], most: int) -> Iterator[list[int]]:
    """The rows with one and the same key, key after key in order, at most `most` rows at a time."""
    by_key: dict[Any, list[int]] = defaultdict(list)
    for row, key in enumerate(keys):
        by_key[key].append(row)
    for key in sorted(by_key):
        rows = by_key[key]
        yield from (rows[begin : begin + most] for begin in range(0, len(rows), most))


@dataclass(frozen=True)
class Batch:
    """Words of one source length and one target length, as token numbers. Nothing is padded.

    `source` holds letters, then `<EOS>`; `target` holds `<SOS>`, letters, `<EOS>`. A decoder reads
    `target[:, :-1]` and is asked for `target[:, 1:]`.
    """

    source: Int[Tensor, "b s"]
    target: Int[Tensor, "b t"]

    @classmethod
    def of(cls, pairs: Sequence[WordPair]) -> Batch:
        """The batch of `pairs`, in their order.

        Raises:
            ValueError: there are no pairs, or their lengths differ.
        """
        lengths = {_lengths(pair) for pair in pairs}
        if len(lengths) != 1:
            raise ValueError(f"a batch holds words of one source and target length, not {lengths}")
        return cls(*(torch.stack(words) for words in _token_numbers(pairs)))

    def __len__(self) -> int:
        return self.source.shape[0]

    def labels(self) -> Int[Tensor, "b t1"]:
        """What a decoder that reads `target[:, :-1]` is asked for."""
        return self.target[:, 1:]

    @property
    def characters(self) -> int:
        """The number of tokens that are asked for, `<EOS>` counted."""
        return self.target[:, 1:].numel()

    def masks(self) -> dict[str, Tensor]:
        """What a model needs besides source and target: nothing, for nothing is padded."""
        return {}

    def to(self, device: torch.device | str) -> Batch:
        """The same batch on another device."""
        return type(self)(*(tensor.to(device) for tensor in vars(self).values()))


class LengthBuckets:
    """Mini-batches of words of one source and one target length: nothing to pad or to mask.

    Every pair comes exactly once an epoch. A bucket larger than `batch_size` is cut into batches;
    what remains makes a smaller batch. With `shuffle`, words move within their bucket and the
    batches of all buckets are mixed, both decided by `seed` and the epoch's number alone; without
    it, batches go from short to long words in the given order.

    Raises:
        ValueError: no pairs, or a batch size below 1.
    """

    def __init__(
        self, pairs: Sequence[WordPair], batch_size: int, seed: int = 0, shuffle: bool = True
    ) -> None:
        if not pairs:
            raise ValueError("no word pairs to make batches of")
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}; a batch needs at least one word")
        self.batch_size, self.seed, self.shuffle = batch_size, seed, shuffle
        by_lengths: dict[tuple[int, int], list[WordPair]] = defaultdict(list)
        for pair in pairs:
            by_lengths[_lengths(pair)].append(pair)
        self.buckets = {lengths: Batch.of(by_lengths[lengths]) for lengths in sorted(by_lengths)}

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        return sum(-(-len(bucket) // self.batch_size) for bucket in self.buckets.values())

    def epoch(self, number: int) -> Iterator[Batch]:
        """The batches of epoch `number` (counted from 0), in that epoch's order."""
        chance = random.Random(f"{self.seed}, epoch {number}")
        batches = []
        for lengths, bucket in self.buckets.items():
            order = list(range(len(bucket)))
            if self.shuffle:
                chance.shuffle(order)
            batches += [
                (lengths, order[start : start + self.batch_size])
                for start in range(0, len(order), self.batch_size)
            ]
        if self.shuffle:
            chance.shuffle(batches)
        for lengths, chosen in batches:
            bucket = self.buckets[lengths]
            yield Batch(bucket.source[chosen], bucket.target[chosen])


def _lengths(pair: WordPair) -> tuple[int, int]:
    return len(pair.source), len(pair.target)


def _token_numbers(pairs: Sequence[WordPair]) -> tuple[list[Tensor], list[Tensor]]:
    """Each pair's source, letters and `<EOS>`, and its target, `<SOS>`, letters and `<EOS>`."""
    sos, eos, encode = VOCABULARY.sos, VOCABULARY.eos, VOCABULARY.encode
    return (
        [torch.tensor([*encode(pair.source), eos]) for pair in pairs],
        [torch.tensor([sos, *encode(pair.target), eos]) for pair in pairs],
    )


NOT_ASKED = -100  # the label that torch's cross-entropy leaves out


@dataclass(frozen=True)
class PaddedBatch(Batch):
    """Words of any lengths, filled up at their ends with `<EOS>`; masks are True inside a word."""

    source_mask: Bool[Tensor, "b s"]
    target_mask: Bool[Tensor, "b t"]

    @classmethod
    def of(cls, pairs: Sequence[WordPair]) -> PaddedBatch:
        """The batch of `pairs`, in their order, as long as the longest of them.

        Raises:
            ValueError: there are no pairs.
        """
        if not pairs:
            raise ValueError("a batch holds at least one word; got none")
        words = _token_numbers(pairs)
        source, target = (pad_sequence(part, True, VOCABULARY.eos) for part in words)
        masks = (
            pad_sequence([torch.ones_like(word, dtype=torch.bool) for word in part], True, False)
            for part in words
        )
        return cls(source, target, *masks)

    def labels(self) -> Int[Tensor, "b t1"]:
        """What is asked of a decoder that reads `target[:, :-1]`; `NOT_ASKED` beyond a word."""
        return self.target[:, 1:].masked_fill(~self.target_mask[:, 1:], NOT_ASKED)

    @property
    def characters(self) -> int:
        """The number of tokens that are asked for, `<EOS>` counted, padding not."""
        return int(self.target_mask[:, 1:].sum())

    def masks(self) -> dict[str, Tensor]:
        """What a model needs besides source and target."""
        return {"source_mask": self.source_mask}

    def select(self, rows: Sequence[int]) -> PaddedBatch:
        """Some of its words, as long as the longest of these."""
        chosen = PaddedBatch(*(tensor[rows] for tensor in vars(self).values()))
        s, t = (int(mask.sum(dim=1).max()) for mask in (chosen.source_mask, chosen.target_mask))
        lengths = zip(vars(chosen).values(), (s, t, s, t))
        return PaddedBatch(*(tensor[:, :length] for tensor, length in lengths))


class RandomBatches:
    """Mini-batches of words of any lengths, padded; each pair exactly once an epoch.

    The order is decided by `seed` and the epoch's number alone; the last batch may be smaller.

    Raises:
        ValueError: no pairs, or a batch size below 1.
    """

    def __init__(self, pairs: Sequence[WordPair], batch_size: int, seed: int = 0) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}; a batch needs at least one word")
        self.whole, self.batch_size, self.seed = PaddedBatch.of(pairs), batch_size, seed

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        return -(-len(self.whole) // self.batch_size)

    def epoch(self, number: int) -> Iterator[PaddedBatch]:
        """The batches of epoch `number` (counted from 0)."""
        order = list(range(len(self.whole)))
        random.Random(f"{self.seed}, random batches, epoch {number}").shuffle(order)
        for start in range(0, len(order), self.batch_size):
            yield self.whole.select(order[start : start + self.batch_size])
