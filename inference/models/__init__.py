"""Runs of models and what they made, comparisons of masks, and reports."""

from inference.models.reports import ReportRun
from inference.models.runs import Acceptance, ComparisonRun, InferenceRun, Prediction

__all__ = ["Acceptance", "ComparisonRun", "InferenceRun", "Prediction", "ReportRun"]
