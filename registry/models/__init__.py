"""Tasks and their labels, model versions, which one is active where, whom they are shared with, and who decided it."""

from registry.models.choices import ActiveVersion, DefaultTask, VersionCounter, VersionShare
from registry.models.promotions import Promotion, PromotionKind
from registry.models.structures import Task, TaskLabel, TaskRelation
from registry.models.versions import SPINE_CT, ModelVersion, VersionStatus

__all__ = [
    "SPINE_CT",
    "ActiveVersion",
    "DefaultTask",
    "ModelVersion",
    "Promotion",
    "PromotionKind",
    "Task",
    "TaskLabel",
    "TaskRelation",
    "VersionCounter",
    "VersionShare",
    "VersionStatus",
]
