"""Splits, data sets, the runs that train on them, and the evaluations that judge what came of it."""

from training.models.datasets import Dataset, DatasetItem, DatasetRun
from training.models.evaluations import EvaluatedSeries, EvaluationRun
from training.models.runs import TrainingEpoch, TrainingRun, TrainingSample
from training.models.splits import PatientSplit, Split, SplitOrigin

__all__ = [
    "Dataset",
    "DatasetItem",
    "DatasetRun",
    "EvaluatedSeries",
    "EvaluationRun",
    "PatientSplit",
    "Split",
    "SplitOrigin",
    "TrainingEpoch",
    "TrainingRun",
    "TrainingSample",
]
