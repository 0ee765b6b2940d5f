"""Every figure of the course: pure functions from arrays to a `Picture` with alt text and a one-sentence reading."""

from nmt.plots.attention import (
    plot_attention_map,
    plot_attention_maps,
    plot_cost,
    plot_look_up,
    plot_mask,
    plot_scaling,
)
from nmt.plots.data import (
    plot_alignment,
    plot_buckets,
    plot_class_counts,
    plot_lengths,
    plot_letter_frequencies,
    plot_padding,
)
from nmt.plots.discretization import (
    plot_convergence,
    plot_one_step,
    plot_rescaling,
    plot_small_steps,
    plot_stability_regions,
    plot_trajectory,
    plot_write_strength,
)
from nmt.plots.mamba import plot_copying, plot_cost_per_letter, plot_gate, plot_memory, plot_step_sizes
from nmt.plots.patterns import Pattern, plot_patterns
from nmt.plots.positions import (
    plot_looking_behind,
    plot_position_table,
    plot_score_by_distance,
)
from nmt.plots.style import Picture
from nmt.plots.training import plot_comparison, plot_learning_curves, plot_loss_against_accuracy, plot_mistakes
from nmt.plots.translation import plot_next_letter, plot_spelling

__all__ = [
    "Pattern",
    "Picture",
    "plot_alignment",
    "plot_attention_map",
    "plot_attention_maps",
    "plot_buckets",
    "plot_class_counts",
    "plot_comparison",
    "plot_convergence",
    "plot_copying",
    "plot_cost",
    "plot_cost_per_letter",
    "plot_gate",
    "plot_learning_curves",
    "plot_lengths",
    "plot_letter_frequencies",
    "plot_look_up",
    "plot_looking_behind",
    "plot_loss_against_accuracy",
    "plot_mask",
    "plot_memory",
    "plot_mistakes",
    "plot_next_letter",
    "plot_one_step",
    "plot_padding",
    "plot_patterns",
    "plot_position_table",
    "plot_rescaling",
    "plot_scaling",
    "plot_score_by_distance",
    "plot_small_steps",
    "plot_spelling",
    "plot_stability_regions",
    "plot_step_sizes",
    "plot_trajectory",
    "plot_write_strength",
]
