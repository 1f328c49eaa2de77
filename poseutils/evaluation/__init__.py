"""Evaluation: how good a model is on a dataset, by the metrics of the field."""

from .coco import CocoAP
from .comparison import Comparison, compare, refinements
from .evaluate import evaluate
from .report import ImageResult, Report

__all__ = ["CocoAP", "Comparison", "ImageResult", "Report", "compare", "evaluate", "refinements"]
