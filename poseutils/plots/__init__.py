"""Figures: poses over images, heatmaps, charts and tables, by Matplotlib; OpenCV draws into
images."""

from .charts import (
    mean_scores,
    show_agreement,
    show_bars,
    show_curves,
    show_histogram,
    show_layers,
    show_ranges,
    table,
)
from .datasets import (
    show_people,
    show_positions,
    show_sizes,
    show_spread,
    show_suspicions,
    show_visibility,
)
from .drawing import (
    LEFT,
    MIDDLE,
    RIGHT,
    TRUTH,
    draw_poses,
    draw_result,
    draw_truth,
    overlay_heatmap,
    save_image,
    side_colors,
    truth_poses,
)
from .figures import show_difference, show_figures, show_images, show_poses, show_raw
from .lessons import (
    LiveCurves,
    draw_predictions,
    show_augmentations,
    show_augmented,
    show_examples,
    show_targets,
)
from .memory import show_memory_plan
from .quantization import show_choices, show_layer_errors
from .reports import show_disagreements, show_report, show_report_curves, show_worst

__all__ = [
    "LEFT",
    "LiveCurves",
    "MIDDLE",
    "RIGHT",
    "TRUTH",
    "draw_poses",
    "draw_predictions",
    "draw_result",
    "draw_truth",
    "mean_scores",
    "overlay_heatmap",
    "save_image",
    "show_agreement",
    "show_augmentations",
    "show_augmented",
    "show_bars",
    "show_choices",
    "show_curves",
    "show_difference",
    "show_disagreements",
    "show_examples",
    "show_figures",
    "show_histogram",
    "show_images",
    "show_layer_errors",
    "show_layers",
    "show_memory_plan",
    "show_people",
    "show_poses",
    "show_positions",
    "show_ranges",
    "show_raw",
    "show_report",
    "show_report_curves",
    "show_sizes",
    "show_spread",
    "show_suspicions",
    "show_targets",
    "show_visibility",
    "show_worst",
    "side_colors",
    "table",
    "truth_poses",
]
