"""Explorers: each wires a few named controls to one figure of `nmt.plots`."""

from nmt.widgets.data import explore_alignment
from nmt.widgets.discretization import explore_discretization
from nmt.widgets.scans import explore_rounds, explore_times

__all__ = ["explore_alignment", "explore_discretization", "explore_rounds", "explore_times"]
