"""Checking the labels of a data set and freezing it, in an import worker. Memory does not grow with the data set."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from django.db import IntegrityError
from django.utils import timezone

from cases.intake.pseudonyms import keyed_hash
from cases.models import Annotation, AnnotationSource, ReadingItem, Review, ReviewVerdict, Series
from registry.structures import task_of
from spineml.checksum import sha256_of
from spineml.learning.dataset_file import DatasetWriter, SeriesFacts
from spineml.masks.label_checks import Checked, LabelCheck, Suspicion
from spineml.message import message
from spineml.metrics.confusion import NOTHING, confusion
from spineml.model import fingerprint
from spineml.tasks.bones import bone_values
from spineml.tasks.task import Merge
from spineml.volumes.canonical_file import SliceFileReader
from spineml.volumes.volume import HounsfieldArray, LabelArray
from spineplatform.shared import storage
from spineplatform.shared.lease import Lease
from training.datasets.duplicates import SliceIndex, test_slices
from training.datasets.findings import finding
from training.datasets.refusals import ChoiceChanged
from training.datasets.selectors import labels_held_by, masks_of, preview, split_name
from training.datasets.services import refuse_unready
from training.datasets.structures import merged, merges_into
from training.models import Dataset, DatasetItem, DatasetRun, Split
from training.splits.selectors import UNKNOWN, maker_of, region_of

FOLDER = "datasets"
# Below this Dice with another person's mask on the same series somebody should look.
LEAST_AGREEMENT = 0.7
Slice = tuple[HounsfieldArray, LabelArray]
Merges = Mapping[str, Merge]  # by the slug of the other task
Take = Callable[[Annotation, Iterator[Slice]], Any]


def run_dataset(lease: Lease[DatasetRun]) -> None:
    """Work of one DatasetRun: check every label; where it freezes, write the file in the same pass, then freeze."""
    dataset = lease.run.dataset
    masks, merges = list(masks_of(dataset)), merges_into(dataset.task_id)
    if not lease.run.freezes:
        _keep_findings(lease, Checker(lease, masks, merges).run())
        return
    refuse_unready(dataset)
    with storage.work_folder("dataset") as folder, storage.stored_or_removed() as stored:
        path = folder / "dataset.h5"
        findings, learned = _checked_and_written(lease, masks, merges, path)
        _keep_findings(lease, findings)
        refuse_unready(Dataset.objects.get(pk=dataset.pk))
        lease.report(1, 1, message("Computing the checksum"))
        values = _stored(path, stored) | {"fingerprint": learned} | _counts(dataset, masks)
        try:
            with lease.finishing() as run:
                _freeze(run.dataset, masks, merges, values)
        except IntegrityError as error:  # a split was changed since the masks were read: the trigger noticed
            raise ChoiceChanged from error


def _keep_findings(lease: Lease[DatasetRun], findings: list[dict[str, Any]]) -> None:
    """Also of a freeze that fails: they tell why."""
    with lease.writing() as run:
        Dataset.objects.filter(pk=run.dataset_id).update(findings=findings, checked_at=timezone.now())


# --- the checks -------------------------------------------------------------------------------------------------------
class Checker:
    """Goes through the masks one by one, and compares what only shows between them. ``merges`` tell how masks of other
    tasks become masks of the data set's.

    ``take`` is given each mask with its slices as they are read, and must read them to their end.
    """

    def __init__(
        self, lease: Lease[DatasetRun], masks: Sequence[Annotation], merges: Merges, take: Take | None = None
    ) -> None:
        self._lease, self._masks, self._merges, self._take = lease, masks, merges, take or _pass_over
        self._message = message("Checking labels and writing the file") if take else message("Checking labels")
        self._total, self._done = sum(mask.series.depth for mask in masks), 0
        self._slices = SliceIndex()
        self._approved = _approved_of(masks)

    def run(self) -> list[dict[str, Any]]:
        """The findings, in order of the masks."""
        found: list[dict[str, Any]] = []
        first_with: dict[str, uuid.UUID] = {}
        for mask in self._masks:
            twin = first_with.setdefault(mask.series.pixel_hash, mask.pk)
            if twin != mask.pk:
                found.append(finding("same-image", mask.pk, other=str(twin)))
            found += self._of(mask)
        self._lease.report(self._total, self._total, message("Comparing with test patients"))
        test = test_slices(self._masks, self._slices, self._lease.check)
        return found + self._slices.findings(test)

    def _of(self, mask: Annotation) -> Iterator[dict[str, Any]]:
        if mask.pk not in self._approved:
            yield finding("not-approved", mask.pk)
        checked = self._checked(mask)
        self._slices.add(mask, checked.slice_hashes)
        for one in checked.suspicions:
            yield finding(one.code, mask.pk, z=one.z, **one.values)
        for other in _masks_of_others(mask):
            dice = _dice(mask, other)
            if dice < LEAST_AGREEMENT:
                reader = other.author.display_name() if other.author and not _without_names(other) else ""
                yield finding("disagreement", mask.pk, other=str(other.pk), reader=reader, dice=round(dice, 2))

    def _checked(self, mask: Annotation) -> Checked:
        with _open(mask.series.volume) as volume, _open(mask.mask) as labels:
            grid = volume.geometry
            if grid.shape != labels.geometry.shape or not grid.same_grid(labels.geometry):
                self._done += len(volume)
                return Checked((Suspicion("off-grid"),), ())
            task = task_of(self._lease.run.dataset.task_id)
            look = LabelCheck(grid, hounsfield=mask.series.holds_hu, bone=bone_values(task), labels=task.labels)
            self._take(mask, self._read(mask, volume, labels, look))
            return look.finish()

    def _read(
        self, mask: Annotation, volume: SliceFileReader, labels: SliceFileReader, look: LabelCheck
    ) -> Iterator[Slice]:
        """Labels are merged into values of the data set's task."""
        for z in range(len(volume)):
            hu, marked = volume.read(z), merged(labels.read(z), self._merges.get(mask.task_id))
            look.add(z, hu, marked)
            yield hu, marked
            self._done += 1
            self._lease.report(self._done, self._total, self._message)


def _pass_over(mask: Annotation, slices: Iterator[Slice]) -> None:
    for _ in slices:
        pass


def _approved_of(masks: Sequence[Annotation]) -> set[uuid.UUID]:
    latest = Review.objects.filter(series__in=[mask.series_id for mask in masks]).latest_of_tasks()
    return {
        row.annotation_id
        for row in latest
        if row.annotation_id and row.verdict == ReviewVerdict.APPROVED and row.for_training
    }


def _without_names(mask: Annotation) -> bool:
    """Whether its project keeps its readers' names from adjudicators, who may read a data set's findings."""
    return ReadingItem.objects.filter(series=mask.series_id, project__names_hidden=True).exists()


def _masks_of_others(mask: Annotation) -> list[Annotation]:
    """The newest mask of each other person on the same series and task; not those that this one corrects."""
    ancestors = set()
    parent = mask.parent
    while parent is not None:
        ancestors.add(parent.pk)
        parent = parent.parent
    of_task = mask.series.annotations.filter(task=mask.task_id)
    by_person = of_task.exclude(source=AnnotationSource.MODEL).exclude(author=mask.author)
    newest = by_person.order_by("author_id", "-created_at", "-pk").distinct("author_id").select_related("author")
    return [other for other in newest if other.pk not in ancestors and other.parent_id != mask.pk]


def _dice(mask: Annotation, other: Annotation) -> float:
    total = NOTHING
    with _open(mask.mask) as first, _open(other.mask) as second:
        for z in range(len(first)):
            total += confusion(first.read(z) > 0, second.read(z) > 0)
    return total.dice


def _open(file: Any) -> SliceFileReader:
    return SliceFileReader(storage.local_path(file))


def _facts(series: Series) -> fingerprint.SeriesFacts:
    with _open(series.volume) as volume:
        return fingerprint.series_facts(volume, series.meta)


# --- the file ---------------------------------------------------------------------------------------------------------
def _checked_and_written(
    lease: Lease[DatasetRun], masks: Sequence[Annotation], merges: Merges, path: Path
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Write the HDF5 while the labels are checked; returns the findings and the fingerprint of what it teaches."""
    dataset = lease.run.dataset
    with DatasetWriter(path, task_of(dataset.task_id)) as writer:
        checker = Checker(lease, masks, merges, lambda mask, slices: writer.add(facts_of(dataset, mask), slices))
        findings = checker.run()
        described = [_facts(mask.series) for mask in masks if split_name(mask) == Split.TRAIN]
        learned = fingerprint.fingerprint(described).as_json() if described else {}
        writer.facts = {"name": dataset.name, "fingerprint": learned}
    return findings, learned


def _stored(path: Path, stored: list[str]) -> dict[str, Any]:
    values = {"size": path.stat().st_size, "sha256": sha256_of(path)}
    stored.append(storage.store(path, storage.unique_name(FOLDER, ".h5")))
    return values | {"file": stored[-1]}


def _counts(dataset: Dataset, masks: Sequence[Annotation]) -> dict[str, Any]:
    """What the draft held when its masks were read; `_freeze` makes sure that it still does."""
    counts = preview(masks_of(dataset), dataset.task_id).counts
    labels = [one.as_json() for one in labels_held_by(dataset)]
    return {"counts": {split: counts[split] for split in Split.values}, "label_counts": labels}


def facts_of(dataset: Dataset, mask: Annotation) -> SeriesFacts:
    """What the file says of a series: ids of our own and a key in place of the patient, no name."""
    series, grid = mask.series, mask.series.geometry
    return SeriesFacts(
        key=str(series.pk),
        patient=keyed_hash("dataset-patient", dataset.pk, str(series.case.patient_id))[:16],
        split=split_name(mask),
        pixel_hash=series.pixel_hash,
        annotation=str(mask.pk),
        shape=grid.shape,
        spacing=grid.spacing,
        spacing_known=grid.spacing_known,
        groups=_groups(series),
    )


def _groups(series: Series) -> dict[str, str]:
    """What results may differ by; an empty name is no group."""
    named = {"maker": maker_of(series.meta).upper(), "region": region_of(series.meta)}
    known = {kind: name for kind, name in named.items() if name.lower() != UNKNOWN}
    return {"institution": series.institution.name, **known}


def _freeze(dataset: Dataset, masks: Sequence[Annotation], merges: Merges, values: dict[str, Any]) -> None:
    """Items first: once the row says frozen, the database takes no more.

    Raises:
        ChoiceChanged: the draft holds other masks than were written, or other rules merge them.
    """
    if set(masks_of(dataset).values_list("pk", flat=True)) != {mask.pk for mask in masks}:
        raise ChoiceChanged
    if merges_into(dataset.task_id) != merges:
        raise ChoiceChanged
    DatasetItem.objects.bulk_create(
        DatasetItem(
            dataset=dataset,
            annotation=mask,
            patient=mask.series.case.patient,
            split=split_name(mask),
            pixel_hash=mask.series.pixel_hash,
            merge=_as_json(merges.get(mask.task_id)),
        )
        for mask in masks
    )
    Dataset.objects.filter(pk=dataset.pk).update(**values, frozen_at=timezone.now())


def _as_json(merge: Merge | None) -> dict[str, int]:
    return {str(value): becomes for value, becomes in merge.values.items()} if merge else {}
