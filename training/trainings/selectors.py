"""Reads about training runs: who may see which, and the settings that suit a data set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings as django_settings
from django.db.models import Q, QuerySet

from accounts.access import Capability, institutions_with
from registry.models import ModelVersion
from registry.selectors import places_of, versions_seen
from spineml.learning.dataset_file import DatasetReader
from spineml.learning.settings import EXPLANATIONS, TrainingSettings, defaults_for, possible_values
from spineml.model.model_file import ModelSpec
from spineplatform.shared import storage
from training.models import Dataset, TrainingRun


def trainings_seen(user: Any) -> QuerySet[TrainingRun]:
    """The trainings of the user's institutions, newest first."""
    found = TrainingRun.objects.filter(institution__in=places_of(user))
    found = found.select_related("dataset", "base__owner", "version__owner", "requested_by")
    return found.order_by("-created_at", "-id")


def datasets_to_learn_from(user: Any) -> QuerySet[Dataset]:
    """Frozen data sets at all of whose institutions the user manages models, newest first."""
    managed = institutions_with(user, Capability.MANAGE_MODELS)
    foreign = Dataset.institutions.through.objects.exclude(institution__in=managed).values("dataset")
    frozen = Dataset.objects.filter(frozen_at__isnull=False).exclude(pk__in=foreign)
    return frozen.order_by("-frozen_at", "-id")


def bases_of(user: Any) -> QuerySet[ModelVersion]:
    """The versions that a training may start from: those of the user's institutions and of the platform."""
    owners = Q(owner__isnull=True) | Q(owner__in=institutions_with(user, Capability.MANAGE_MODELS))
    return versions_seen(user).filter(owners, retired=False)


def settings_for(dataset: Dataset, base: ModelVersion | None) -> TrainingSettings:
    """What suits the images of a frozen data set, for adapting ``base`` or for learning from scratch."""
    with DatasetReader(storage.local_path(dataset.file)) as reader:
        entries = reader.entries
    spec = ModelSpec.from_json(base.spec) if base else None
    return defaults_for(entries, spec, gpus=django_settings.TRAINING_GPUS)


@dataclass(frozen=True)
class Setting:
    """One setting as a form shows it; ``choices`` are empty for a number between ``low`` and ``high``."""

    name: str
    value: Any
    explanation: str
    choices: tuple[Any, ...] = ()
    low: float | None = None
    high: float | None = None


def settings_explained(values: TrainingSettings) -> list[Setting]:
    """Every setting with its value, its one line of explanation, and what it may be."""
    found = []
    for name, value in values.as_json().items():
        choices, (low, high) = possible_values(name)
        found.append(Setting(name, value, EXPLANATIONS[name], choices, low, high))
    return found
