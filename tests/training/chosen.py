"""Patients with approved masks, as data sets choose them."""

from __future__ import annotations

from typing import Any

import numpy as np
from django.utils import timezone

from accounts.models import Institution, User
from cases.models import Annotation, Case, Review, ReviewVerdict, Series
from spineml.phantom import spine_phantom
from spineml.volumes.volume import Volume
from spineplatform.shared.runs import RunState
from tests import factories
from tests.training import judged
from training.models import Dataset, DatasetRun, PatientSplit, Split, SplitOrigin

# The seed of a phantom whose first slices lie in the middle of a vertebra.
WITH_BONE = 3


def approve(mask: Annotation, reader: User | None = None, **fields: Any) -> Review:
    """Sign ``mask``; ``verdict``, ``for_training`` and the like may say otherwise."""
    reader = reader or mask.author or factories.user(factories.Role.CLINICIAN, institution=mask.institution)
    values = {"verdict": ReviewVerdict.APPROVED, **fields}
    return Review.objects.create(
        institution=mask.institution, series=mask.series, annotation=mask, reader=reader, **values
    )


def mask(place: Institution, *, split: str = "", of: Case | None = None, depth: int = 3) -> Annotation:
    """An approved mask on a phantom of ``depth`` slices, of a new patient; with ``split`` that patient has one."""
    image, labels = image_and_labels(depth)
    case = of or factories.case(institution=place)
    row = factories.annotation(of=factories.series(of=case, image=image), pixels=labels)
    approve(row)
    if split:
        set_split(row.series, split)
    return row


def image_and_labels(depth: int = 3) -> tuple[Volume, np.ndarray]:
    """A small phantom with bone in every slice, and noise that no other call gives again; and its mask."""
    volume, labels = spine_phantom((depth, 64, 64), seed=WITH_BONE, spacing=(5.0, 3.2, 3.2))
    noise = np.random.default_rng(next(factories._numbers)).integers(-20, 20, volume.hu.shape)
    return Volume((volume.hu + noise).astype(np.int16), volume.geometry), labels.labels


def set_split(series: Series, split: str) -> PatientSplit:
    return PatientSplit.objects.create(
        patient=series.case.patient, split=Split(split), origin=SplitOrigin.DRAWN, seed=1, stratum="test"
    )


def draft(place: Institution, **values: Any) -> Dataset:
    """A draft that takes every approved mask of ``place``."""
    made = Dataset.objects.create(**{"name": f"Draft {Dataset.objects.count() + 1}", **values})
    made.institutions.add(place)
    return made


def frozen(place: Institution) -> Dataset:
    """A frozen data set of one test patient, on which nothing rests, with its real file."""
    return judged.written(judged.dataset(place, patients=1, frozen=False))


def failed_run(of: Dataset) -> DatasetRun:
    return DatasetRun.objects.create(
        institution=of.institutions.get(),
        dataset=of,
        state=RunState.FAILED,
        finished_at=timezone.now(),
        error_code="findings-open",
        error_message="Label checks found something.",
    )
