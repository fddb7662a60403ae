"""Versions that were judged: frozen data sets of test patients, and finished evaluations with figures as wanted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from django.utils import timezone

from accounts.models import Institution
from cases.models import Annotation
from registry.models import ModelVersion
from spineml.checksum import sha256_of
from spineml.learning.dataset_file import DatasetWriter, SeriesFacts
from spineml.message import message
from spineml.metrics.evaluation import Identity, SeriesCollector, SeriesRow
from spineml.metrics.summary import summarise
from spineml.metrics.tables import summary_csv
from spineml.volumes.canonical_file import SliceFileReader
from spineplatform.shared import storage
from spineplatform.shared.runs import RunState
from tests import factories
from training.datasets.selectors import preview
from training.models import (
    Dataset,
    DatasetItem,
    EvaluatedSeries,
    EvaluationRun,
    PatientSplit,
    Split,
    SplitOrigin,
)

GRID = factories.geometry(depth=3, height=24, width=24)


def dataset(
    place: Institution, *, patients: int = 6, split: str = Split.TEST, name: str = "", frozen: bool = True
) -> Dataset:
    """A data set with one series of each of ``patients``; its file cannot be read (`written` makes one)."""
    number = Dataset.objects.count() + 1
    made = Dataset.objects.create(name=name or f"Spine 2026 no. {number}")
    made.institutions.add(place)
    for _ in range(patients):
        series = factories.series(institution=place, image=factories.volume(GRID))
        mask = factories.annotation(of=series)
        person = series.case.patient
        PatientSplit.objects.create(patient=person, split=split, origin=SplitOrigin.DRAWN, seed=1)
        DatasetItem.objects.create(
            dataset=made, annotation=mask, patient=person, split=split, pixel_hash=series.pixel_hash
        )
    if frozen:
        freeze(made)
    return made


def written(made: Dataset) -> Dataset:
    """Freeze a draft of `dataset` with the real file of its images and masks."""
    with storage.work_folder("test") as folder:
        path = Path(folder) / "dataset.h5"
        with DatasetWriter(path) as writer:
            for item in made.items.select_related("annotation__series"):
                writer.add(facts(item), slices(item))
        values = {"size": path.stat().st_size, "sha256": sha256_of(path), "frozen_at": timezone.now()}
        counts = preview(Annotation.objects.filter(dataset_items__dataset=made)).counts
        values["counts"] = {split: counts[split] for split in Split.values}
        values["file"] = storage.store(path, storage.unique_name("datasets", ".h5"))
    Dataset.objects.filter(pk=made.pk).update(**values)
    made.refresh_from_db()
    return made


def facts(item: DatasetItem) -> SeriesFacts:
    grid = item.annotation.series.geometry
    return SeriesFacts(
        key=str(item.annotation.series_id),
        patient=str(item.patient_id),
        split=item.split,
        pixel_hash=item.pixel_hash,
        annotation=str(item.annotation_id),
        shape=grid.shape,
        spacing=grid.spacing,
        groups={"institution": "Home", "maker": "PHANTOM"},
    )


def slices(item: DatasetItem) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    annotation = item.annotation
    with (
        SliceFileReader(storage.local_path(annotation.series.volume)) as volume,
        SliceFileReader(storage.local_path(annotation.mask)) as mask,
    ):
        for z in range(len(volume)):
            yield volume.read(z), mask.read(z)


def freeze(made: Dataset) -> None:
    Dataset.objects.filter(pk=made.pk).update(
        file=f"datasets/{made.pk}.h5", size=1, sha256="0" * 64, frozen_at=timezone.now()
    )
    made.refresh_from_db()


def evaluation(
    version: ModelVersion,
    of: Dataset,
    dice: Sequence[float] = (0.9,) * 6,
    *,
    seen: Sequence[int] = (),
    groups: Sequence[Mapping[str, str]] = (),
    **fields: Any,
) -> EvaluationRun:
    """A finished evaluation in which the i-th patient has about ``dice[i]``."""
    items = list(of.items.select_related("annotation__series"))
    split = items[0].split
    rows = [
        row(item, value, seen=index in seen, groups=groups[index] if groups else {"institution": "Home"})
        for index, (item, value) in enumerate(zip(items, dice, strict=True))
    ]
    run = EvaluationRun.objects.create(
        institution=of.institutions.get(),
        version=version,
        dataset=of,
        split=split,
        state=RunState.SUCCEEDED,
        started_at=timezone.now(),
        finished_at=timezone.now(),
        result=result(rows),
        **fields,
    )
    EvaluatedSeries.objects.bulk_create(
        EvaluatedSeries(
            run=run,
            series=item.annotation.series,
            annotation=item.annotation,
            patient_id=item.patient_id,
            groups=one.identity.groups,
            seen=one.identity.seen,
            figures=one.figures_json(),
            images=one.images_json(),
        )
        for item, one in zip(items, rows, strict=True)
    )
    return run


def waiting(
    version: ModelVersion, of: Dataset, *, state: RunState = RunState.QUEUED, split: str = Split.VALIDATION
) -> EvaluationRun:
    """An evaluation without figures."""
    return EvaluationRun.objects.create(
        institution=of.institutions.get(),
        version=version,
        dataset=of,
        split=split,
        state=state,
        finished_at=None if state == RunState.QUEUED else timezone.now(),
    )


def row(item: DatasetItem, dice: float, *, seen: bool, groups: Mapping[str, str]) -> SeriesRow:
    """A square of 20 x 20 in every slice, and the same shifted so far that Dice is about as wanted."""
    collector = SeriesCollector(
        Identity(str(item.annotation.series_id), str(item.patient_id), dict(groups), seen), GRID
    )
    kept = round(dice * 400)
    truth = np.zeros((24, 24), np.uint8)
    truth[2:22, 2:22] = 1
    guess = np.zeros(400, np.uint8)
    guess[:kept] = 1
    drawn = np.zeros_like(truth)
    drawn[2:22, 2:22] = guess.reshape(20, 20)
    # As many pixels outside as are missing inside, so that precision and recall both are ``dice``.
    outside = np.flatnonzero(truth.ravel() == 0)[: 400 - kept]
    drawn.ravel()[outside] = 1
    for _ in range(GRID.shape[0]):
        collector.push(truth, drawn, np.where(drawn, 0.9, 0.1).astype(np.float32))
    return collector.finish()


def result(rows: Sequence[SeriesRow]) -> dict[str, Any]:
    unseen = [one for one in rows if not one.identity.seen]
    everything = summarise(rows, draws=200)
    files = {"svg": b"<svg/>", "png": b"\x89PNG"}
    return {
        "all": everything.as_json(),
        "unseen": summarise(unseen, draws=200).as_json() if unseen else None,
        "seen_patients": len(rows) - len(unseen),
        "plots_of": "unseen" if unseen else "all",
        "plots": [
            {
                "name": "boxes",
                "title": message("Distribution over images and patients"),
                **{kind: stored(data, f".{kind}") for kind, data in files.items()},
            }
        ],
        "reports": {code: stored(f"%PDF-1.4 {code}".encode(), ".pdf") for code in ("en", "ko")},
        "summary": stored(summary_csv({"all": everything}).encode(), ".csv"),
    }


def stored(content: bytes, suffix: str) -> str:
    with storage.work_folder("test") as folder:
        path = Path(folder) / "file"
        path.write_bytes(content)
        return storage.store(path, storage.unique_name("evaluations", suffix))
