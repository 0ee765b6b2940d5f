"""Every figure of the course: pure functions from arrays to a `Picture` with its words.

`reading`, where one is passed, is a sentence that says what to see; `title` stands above all.
"""

from course.plots.ablation import (
    plot_losses,
    plot_losses_by_class,
    plot_patching,
    plot_patching_average,
    plot_swaps,
)
from course.plots.attention import (
    plot_attention_map,
    plot_attention_maps,
    plot_look_up,
    plot_mask,
    plot_scaling,
)
from course.plots.attention_grid import Pattern, plot_patterns
from course.plots.attention_step import plot_attention_step
from course.plots.costs import plot_cost, plot_costs, plot_wrong_groups
from course.plots.data import (
    plot_alignment,
    plot_buckets,
    plot_class_counts,
    plot_lengths,
    plot_letter_frequencies,
    plot_padding,
)
from course.plots.discretization import (
    plot_convergence,
    plot_one_step,
    plot_rescaling,
    plot_small_steps,
    plot_stability_regions,
    plot_write_strength,
)
from course.plots.embeddings import (
    LetterMap,
    plot_frequencies,
    plot_learned_positions,
    plot_letter_maps,
    plot_widths,
)
from course.plots.experiments import plot_calibration
from course.plots.heads import (
    plot_alignment_scores,
    plot_head_roles,
    plot_matching,
    plot_probes,
    plot_roles_over_seeds,
    plot_shifts,
)
from course.plots.mamba import (
    plot_copying,
    plot_cost_per_letter,
    plot_gate,
    plot_mean_steps,
    plot_memory,
    plot_step_sizes,
)
from course.plots.mamba_memory import (
    plot_channel,
    plot_half_lives,
    plot_letter_memory,
    plot_survival,
)
from course.plots.matrix_view import plot_matrix_view
from course.plots.positions import (
    plot_clock_hands,
    plot_looking_behind,
    plot_position_table,
    plot_score_by_distance,
)
from course.plots.run_curves import plot_two_runs
from course.plots.scan_errors import (
    plot_errors_by_length,
    plot_errors_by_spread,
    plot_log_space_difference,
)
from course.plots.scan_times import (
    plot_compiled,
    plot_predicted_times,
    plot_scan_times,
    plot_two_loops,
)
from course.plots.scans import plot_recurrence, plot_rounds, plot_two_sweeps, plot_work_and_depth
from course.plots.style import Picture
from course.plots.training import (
    plot_comparison,
    plot_learning_curves,
    plot_loss_against_accuracy,
    plot_mistakes,
)
from course.plots.trajectory import plot_trajectory
from course.plots.translation import plot_spelling
