"""Model versions, the data sets and runs they come from, how they were judged, and who promoted them."""

from training.models.choices import ActiveVersion, VersionCounter, VersionShare
from training.models.datasets import Dataset, DatasetItem, DatasetRun
from training.models.evaluations import EvaluatedSeries, EvaluationRun
from training.models.promotions import Promotion, PromotionKind
from training.models.runs import TrainingEpoch, TrainingRun, TrainingSample
from training.models.splits import PatientSplit, Split, SplitOrigin
from training.models.versions import SPINE_CT, ModelVersion, VersionStatus

__all__ = [
    "SPINE_CT",
    "ActiveVersion",
    "Dataset",
    "DatasetItem",
    "DatasetRun",
    "EvaluatedSeries",
    "EvaluationRun",
    "ModelVersion",
    "PatientSplit",
    "Promotion",
    "PromotionKind",
    "Split",
    "SplitOrigin",
    "TrainingEpoch",
    "TrainingRun",
    "TrainingSample",
    "VersionCounter",
    "VersionShare",
    "VersionStatus",
]
