"""Frozen data sets in the database that a tiny network learns in seconds."""

from __future__ import annotations

import io
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone
from PIL import Image

from accounts.models import Institution
from spineml.learning.settings import TrainingSettings
from spineml.volumes.volume import Geometry, Volume
from spineplatform.shared.runs import RunState
from tests import factories
from tests.spineml.learning_data import SETTINGS, squares
from tests.training import judged
from training.models import (
    Dataset,
    DatasetItem,
    PatientSplit,
    Split,
    SplitOrigin,
    TrainingEpoch,
    TrainingRun,
    TrainingSample,
)

GRID = Geometry((3, 64, 64), (3.0, 0.8, 0.8))


def dataset(
    place: Institution,
    splits: tuple[str, ...] = (Split.TRAIN, Split.TRAIN, Split.VALIDATION, Split.TEST),
    *,
    spine: bool = True,
) -> Dataset:
    """A frozen data set with its real file: one patient for each of ``splits``."""
    made = Dataset.objects.create(name=f"Squares {Dataset.objects.count() + 1}")
    made.institutions.add(place)
    for number, split in enumerate(splits):
        hu, mask = squares(number + 100 * Dataset.objects.count(), spine=spine)
        series = factories.series(institution=place, image=Volume(hu, GRID))
        annotation = factories.annotation(of=series, pixels=mask)
        person = series.case.patient
        PatientSplit.objects.create(patient=person, split=split, origin=SplitOrigin.DRAWN, seed=1)
        DatasetItem.objects.create(
            dataset=made, annotation=annotation, patient=person, split=split, pixel_hash=series.pixel_hash
        )
    return judged.written(made)


def run(of: Dataset, *, state: RunState = RunState.QUEUED, **fields: Any) -> TrainingRun:
    """A training as its row tells it; nobody works on it."""
    values = {"settings": TrainingSettings.from_json(SETTINGS).as_json(), "institution": of.institutions.all()[0]}
    ended = {} if state in (RunState.QUEUED, RunState.RUNNING) else {"finished_at": timezone.now()}
    return TrainingRun.objects.create(dataset=of, state=state, **{**values, **ended, **fields})


def epochs(of: TrainingRun, count: int, *, batches: int = 5) -> None:
    """A curve as a good training leaves it."""
    for number in range(1, count + 1):
        loss = 1.2 / number**0.5
        TrainingEpoch.objects.create(
            run=of,
            epoch=number,
            step=number * batches,
            loss=loss,
            train_dice=1 - loss / 2,
            validation_dice=0.95 - loss / 3,
            learning_rate=0.005,
            seconds=number * 12.5,
            batch_losses=[loss + 0.05 * (n % 3 - 1) for n in range(batches)],
            attempt=1,
        )


def sample(of: TrainingRun, epoch: int = 1) -> TrainingSample:
    """A grey picture of the first series' first slice."""
    out = io.BytesIO()
    Image.new("RGB", (64, 64), (90, 90, 90)).save(out, "PNG")
    name = default_storage.save("training/sample.png", ContentFile(out.getvalue()))
    series = of.dataset.items.all()[0].annotation.series
    return TrainingSample.objects.create(run=of, series=series, epoch=epoch, slice_index=0, dice=0.9, picture=name)
