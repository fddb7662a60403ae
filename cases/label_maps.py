"""Uploaded label maps: reading them, saying which label each of their values is, and the masks they become."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.access import Capability, require
from cases.models import Annotation, AnnotationSource, PendingMask, RememberedLabel, Series
from cases.services import MaskOrigin, SameMask, annotation_record, said_same, series_arguments
from registry.models import SPINE_CT, Task
from registry.structures import tasks_usable
from spineml.errors import MaskRejected
from spineml.masks.label_map import write_mapped
from spineml.message import Message, message
from spineml.metrics.labels import LabelTable
from spineml.readers.series import PictureOrder, ReceivedFile
from spineml.tasks.level_names import key_of
from spineml.tasks.mapping import FoundValue, Proposal, apply, propose, sure_mapping
from spineml.volumes.canonical_file import SliceFileReader
from spineplatform.shared import audit, isolated, storage
from spineplatform.shared.errors import UserError

KEPT_FOR = timedelta(days=1)
Mapped = Mapping[int, int | None]


class MappingNeeded(UserError):
    """Some values of the mask have no label of the task. Map each of them to a label or to background."""

    code = "values-without-label"


@dataclass(frozen=True)
class SentMask:
    """A mask as it was sent. ``order`` is that of PNGs, see `spineml.masks.read.read_mask`."""

    files: Sequence[ReceivedFile]
    label: str = ""
    order: PictureOrder = ""


# --- what is proposed -------------------------------------------------------------------------------------------------
def proposals_for(found: Sequence[FoundValue], task: Task, institution_id: Any) -> list[Proposal]:
    """A label for each value: what the institution said last time, else what code, name or number speak for."""
    definition = task.definition
    rows = RememberedLabel.objects.filter(institution=institution_id, task=task, key__in=[_key(one) for one in found])
    said = {row.key: row.value for row in rows}
    return [_remembered(one, said, definition) for one in propose(found, definition)]


def _remembered(proposal: Proposal, said: Mapping[str, int | None], task: Any) -> Proposal:
    key = _key(proposal.found)
    if key not in said:
        return proposal
    value = said[key]
    if value is None:
        return replace(proposal, label=None, by="remembered")
    with suppress(KeyError):  # the label is not there any more
        return replace(proposal, label=task.label(value), by="remembered")
    return proposal


def _key(one: FoundValue) -> str:
    """By what a value is known again: two files of one program name alike what they number differently."""
    return f"name:{key_of(one.name)}"[:80] if one.name else f"value:{one.value}"


def _remember(task: Task, institution_id: Any, found: Sequence[FoundValue], mapping: Mapped) -> None:
    rows = [
        RememberedLabel(institution_id=institution_id, task=task, key=key, value=value)
        for key, value in {_key(one): mapping[one.value] for one in found}.items()
    ]
    RememberedLabel.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["institution", "task", "key"],
        update_fields=["value", "said_at"],
    )


# --- writes -----------------------------------------------------------------------------------------------------------
def label_map_upload(
    *,
    series: Series,
    actor: Any,
    task: Task,
    sent: SentMask,
    mapping: Mapped | None = None,
    by_numbers: bool = True,
) -> Annotation:
    """Check an uploaded label map against the grid of the series and keep it as a mask of ``task``.

    Args:
        mapping: the label of the task for each value of the file, None for background. Without one the names in the
            file decide, or the values where they are those of the task.
        by_numbers: False where a person can be asked: then values alone decide nothing, unless there is only one label.

    Raises:
        MappingNeeded: they do not. The label map is kept for a day: ``pending`` is its id, ``found`` what is in it.
        MaskRejected: with what does not fit, or that it could not be read.
        SameMask: the series has this very mask of the person's.
        Forbidden, NotFound: ``actor`` may not upload masks there.
    """
    pending = label_map_read(series=series, actor=actor, task=task, sent=sent)
    decided = mapping if mapping is not None else sure_mapping(pending.values, task.definition, by_numbers=by_numbers)
    if decided is None:
        raise MappingNeeded(_unclear(pending), pending=str(pending.pk), found=found_facts(pending))
    try:
        return pending_mask_complete(pending=pending, actor=actor, mapping=decided)
    except BaseException:
        pending_mask_discard(pending)
        raise


def label_map_read(*, series: Series, actor: Any, task: Task, sent: SentMask) -> PendingMask:
    """Read a label map and keep it until it is mapped: what is in it can be looked at meanwhile.

    Raises:
        MaskRejected: with what does not fit, or that it could not be read.
        Busy: too many masks are being read.
        Forbidden, NotFound: ``actor`` may not upload masks there.
    """
    require(actor, series.institution_id, Capability.UPLOAD_MASK)
    _remove_old()
    with isolated.request_job() as job, storage.stored_or_removed() as stored:
        arguments = series_arguments(job, series, sent.files, sent.order)
        read = isolated.read_refusing(job, "label_map", arguments, MaskRejected)
        name = storage.store(job.folder.take(read["map"]), storage.unique_name("pending", ".h5"))
        stored.append(name)
        return PendingMask.objects.create(
            institution_id=series.institution_id,
            series=series,
            author=actor,
            task=task,
            label=sent.label[:120],
            file=name,
            found=read["found"],
        )


def pending_mask_complete(*, pending: PendingMask, actor: Any, mapping: Mapped, task: Task | None = None) -> Annotation:
    """Make the mask, and remember the mapping for the institution.

    Args:
        task: another one than was asked for when the label map was sent.

    Raises:
        MappingRejected, ValuesWithoutLabel: the mapping does not fit.
        MaskEmpty: all of it would be background.
        SameMask: the series has this very mask of the person's.
        Forbidden, NotFound: ``actor`` may not upload masks there.
    """
    require(actor, pending.institution_id, Capability.UPLOAD_MASK)
    task = task or pending.task
    found = pending.values
    values = apply(found, task.definition, mapping)
    series = pending.series
    with storage.work_folder("mapping") as folder, storage.stored_or_removed() as stored:
        path = folder / "mask.h5"
        pixel_hash, sizes = _write(pending, values, found, path)
        with transaction.atomic():
            Series.objects.select_for_update(no_key=True).get(pk=series.pk)  # the same mask sent twice at once
            same = series.annotations.filter(author=actor, pixel_hash=pixel_hash, task=task).first()
            if same is not None:
                raise SameMask(said_same(same, pending.label), annotation=str(same.pk))
            origin = MaskOrigin(AnnotationSource.UPLOAD, author=actor, label=pending.label, task=task)
            mask = annotation_record(series=series, path=path, stored=stored, origin=origin, sizes=sizes)
            _remember(task, pending.institution_id, found, mapping)
            audit.record(
                actor=actor,
                action="mask.uploaded",
                object_id=mask.pk,
                institution_id=series.institution_id,
                series=str(series.pk),
                task=task.slug,
            )
    pending_mask_discard(pending)
    return mask


def _write(
    pending: PendingMask, values: Mapping[int, int], found: Sequence[FoundValue], path: Path
) -> tuple[str, LabelTable]:
    with SliceFileReader(storage.local_path(pending.file)) as slots:
        return write_mapped(slots, [values[one.value] for one in found], path)


def pending_mask_discard(pending: PendingMask) -> None:
    """Forget a label map that waits."""
    name = pending.file.name
    PendingMask.objects.filter(pk=pending.pk).delete()
    transaction.on_commit(lambda: default_storage.delete(str(name)))


def _remove_old() -> None:
    for pending in PendingMask.objects.filter(created_at__lt=timezone.now() - KEPT_FOR)[:100]:
        pending_mask_discard(pending)


# --- what is told -----------------------------------------------------------------------------------------------------
def found_facts(pending: PendingMask, task: Task | None = None) -> list[dict[str, Any]]:
    """What is in the file, with a proposal for each value: ``label`` is its value in the task, None: unknown."""
    return [
        {
            **one.found.to_json(),
            "label": one.label.value if one.label else None,
            "by": one.by,
        }
        for one in proposals_for(pending.values, task or pending.task, pending.institution_id)
    ]


def _unclear(pending: PendingMask) -> Message:
    unknown = [
        one.found for one in proposals_for(pending.values, pending.task, pending.institution_id) if not one.label
    ]
    named = ", ".join(f"{one.value} ({one.name})" if one.name else str(one.value) for one in unknown[:12])
    if not unknown:
        return message(
            "The numbers in the mask are not those of {task}. Say which label each of them is.", task=pending.task.name
        )
    return message(
        "Values without a label in {task}: {values}. Map each to a label or to background.",
        task=pending.task.name,
        values=named + (", …" if len(unknown) > 12 else ""),
    )


def spine_also_of(series: Series) -> list[Task]:
    """Tasks whose masks are spine masks as well: what a label map that is sent for the spine may be meant for."""
    tasks = tasks_usable(series.institution_id).filter(Q(relations__target=SPINE_CT)).distinct()
    return list(tasks)
