"""Evaluation of a model on a dataset: COCO AP, OKS, PCK, NME."""

from .coco import CocoAP
from .comparison import Comparison, compare, refinements
from .evaluate import evaluate
from .report import ImageResult, Report
from .tensors import Tensors, save_tensors

__all__ = [
    "CocoAP",
    "Comparison",
    "ImageResult",
    "Report",
    "Tensors",
    "compare",
    "evaluate",
    "refinements",
    "save_tensors",
]
