"""Explorers: each wires a few named controls to one figure of `nmt.plots`."""

from nmt.widgets.data import explore_alignment
from nmt.widgets.discretization import explore_discretization

__all__ = ["explore_alignment", "explore_discretization"]
