"""Sequence-to-sequence learning on one small task: spelling English words in Pig Latin, letter by letter."""

__version__ = "0.1.0"
