"""Comparing a mask with its images, in an import worker: a whole CT is read, so no request waits for it."""

from __future__ import annotations

from cases.changes import touch_cases
from cases.checks.words import HOLDING, suspicion_message
from cases.models import Annotation, Case, MaskCheckRun, MaskSuspicion
from cases.notifications import notify_suspected
from registry.structures import task_of
from spineml.masks.label_checks import LabelCheck, Suspicion
from spineml.message import message
from spineml.tasks.bones import bone_values
from spineml.volumes.canonical_file import SliceFileReader
from spineplatform.shared import storage
from spineplatform.shared.lease import Lease


def run_mask_check(lease: Lease[MaskCheckRun]) -> None:
    """Work of one MaskCheckRun. Memory does not grow with the number of slices."""
    mask = Annotation.objects.select_related("series").get(pk=lease.run.annotation_id)
    found = [one for one in _suspicions(lease, mask) if one.code in HOLDING]
    with lease.finishing():
        MaskSuspicion.objects.filter(annotation=mask).delete()  # of an earlier try
        MaskSuspicion.objects.bulk_create(
            MaskSuspicion(
                annotation=mask,
                code=one.code,
                message=suspicion_message(one),
                slices=[] if one.z is None else [one.z],
            )
            for one in found
        )
        if found:
            touch_cases(Case.objects.filter(pk=mask.series.case_id))
            notify_suspected(mask)


def _suspicions(lease: Lease[MaskCheckRun], mask: Annotation) -> tuple[Suspicion, ...]:
    series = mask.series
    with (
        SliceFileReader(storage.local_path(series.volume)) as volume,
        SliceFileReader(storage.local_path(mask.mask)) as labels,
    ):
        task = task_of(mask.task_id)
        look = LabelCheck(volume.geometry, hounsfield=series.holds_hu, bone=bone_values(task), labels=task.labels)
        for z in range(len(volume)):
            lease.report(z, len(volume), message("Checking labels"))
            look.add(z, volume.read(z), labels.read(z))
    return look.finish().suspicions
