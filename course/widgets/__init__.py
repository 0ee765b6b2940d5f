"""Explorers: each wires a few named controls to one figure of `course.plots`."""
