"""Explorers: each wires a few named controls to one figure of `course.plots`."""

from course.widgets.data import explore_alignment, explore_split, show_split
from course.widgets.discretization import explore_discretization
from course.widgets.scans import explore_rounds, explore_times, explore_workers
