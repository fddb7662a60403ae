"""Reads about training runs: who may see which, and the settings that suit a data set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings as django_settings
from django.db.models import Q, QuerySet

from accounts.access import Capability, institutions_with
from spineml.dataset_file import DatasetReader
from spineml.model_file import ModelSpec
from spineml.training_settings import EXPLANATIONS, TrainingSettings, defaults_for, possible_values
from spineplatform.shared import storage
from training.models import Dataset, ModelVersion, TrainingRun


def trainings_seen(user: Any) -> QuerySet[TrainingRun]:
    """The trainings on data of the user's institutions, newest first."""
    places = list(institutions_with(user, Capability.VIEW_MODELS).values_list("pk", flat=True))
    mine = Q(institution__in=places) | Q(dataset__in=Dataset.objects.filter(institutions__in=places))
    found = TrainingRun.objects.filter(mine).select_related("dataset", "base", "version", "requested_by")
    return found.order_by("-created_at", "-id")


def datasets_to_learn_from(user: Any) -> QuerySet[Dataset]:
    """Frozen data sets at all of whose institutions the user manages models, newest first."""
    managed = institutions_with(user, Capability.MANAGE_MODELS)
    foreign = Dataset.institutions.through.objects.exclude(institution__in=managed).values("dataset")
    frozen = Dataset.objects.filter(frozen_at__isnull=False).exclude(pk__in=foreign)
    return frozen.order_by("-frozen_at", "-id")


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
