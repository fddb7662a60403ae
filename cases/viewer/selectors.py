"""What the viewer of the reading room is told when it opens a series."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from typing import Any

from django.urls import reverse

from accounts.access import Capability, has_capability
from cases.checks.selectors import suspicions_by_mask
from cases.comments.selectors import comment_facts, comments_of
from cases.exposures import masks_shown
from cases.models import (
    Annotation,
    AnnotationSource,
    Draft,
    Measurement,
    ReadingItem,
    Review,
    ReviewVerdict,
    Series,
    ViewerSettings,
)
from cases.projects.selectors import measurements_for
from registry.models import Task
from registry.structures import task_facts, tasks_usable
from spineml.csv_text import csv_text
from spineplatform.shared.messages import sentence

NO_ID = uuid.UUID(int=0)
MOST_DIGITS = 9
# The largest page of their list by REST, which brings them up to date while the reading room is open.
MOST_COMMENTS = 200
CSV_COLUMNS = ["kind", "plane", "index", "name", "value", "points_lps_mm", "author", "created_at"]


def reading_of(series: Series, user: Any) -> dict[str, Any]:
    """Grid, masks and last comments (newest first), the person's draft, measurements, settings, rights, addresses.

    ``review`` is the last word on the series, ``reviews`` that on each task, by its slug.
    """
    masks = masks_for(series, user)
    masks_shown(masks, user)
    project, words = _signed_in(series), _last_words(series, user)
    may_sign = not project and has_capability(user, series.institution_id, Capability.REVIEW)
    return {
        "series": _series(series),
        "user": {"id": user.pk, "name": user.display_name()},
        "may_correct": has_capability(user, series.institution_id, Capability.CORRECT_MASK),
        "may_review": may_sign,
        "signed_in": project,
        "review": _word(words[0]) if words else None,
        "reviews": {one.task_id: _word(one) for one in words},
        "tasks": task_facts(tasks_usable(series.institution_id)),
        "masks": [mask_facts(mask) for mask in masks],
        "suspicions": suspicions_by_mask([mask.pk for mask in masks], user),
        "draft": _draft(series, user),
        "measurements": [measurement_facts(one) for one in measurements_for(series, user)],
        "comments": [comment_facts(one) for one in comments_of(series, user)[:MOST_COMMENTS]],
        "settings": _settings(user),
        "addresses": _addresses(series),
    }


def plain_of(series: Series, masks: Iterable[Annotation]) -> dict[str, Any]:
    """The data of the simple viewer (frontend/src/simple.js): grid, masks, address of the CT, slice to open on."""
    shown = list(masks)
    plain = {
        "series": _series(series),
        "tasks": task_facts(Task.objects.filter(masks__in=shown).distinct().prefetch_related("labels")),
        "masks": [layer_facts(mask) for mask in shown],
        "addresses": {"slices": _slices_address(series)},
    }
    return {**plain, "first_slice": first_slice(plain)}


def _signed_in(series: Series) -> str:
    """The name of the project that alone signs the series; empty without one."""
    item = ReadingItem.objects.filter(series=series).select_related("project").first()
    return item.project.name if item else ""


def first_slice(reading: dict[str, Any], mask_id: str = "", other_id: str = "", number: str = "") -> int:
    """Where a reader starts, counted from 0.

    On slice ``number`` (counted from 1, as people read it) when it is one; else where the asked mask (else the
    approved, else the newest) differs most from the other one in area, without another one where it is largest; in the
    middle without any mask.
    """
    depth: int = reading["series"]["shape"][0]
    if number.isdecimal() and 1 <= int(number[:MOST_DIGITS]) <= depth:
        return int(number[:MOST_DIGITS]) - 1
    masks = {one["id"]: one["areas_px"] for one in reading["masks"]}
    areas: list[int] = masks.get(mask_id) or masks.get(_approved(reading)) or next(iter(masks.values()), [])
    others = masks.get(other_id) or [0] * depth
    apart = [abs(area - other) for area, other in zip(areas, others, strict=True)] if areas else []
    telling = apart if any(apart) else areas
    return telling.index(max(telling)) if any(telling) else depth // 2


def _approved(reading: dict[str, Any]) -> str:
    """The id of the mask that the last word approves; empty without one."""
    word = reading.get("review")
    return word["annotation"] or "" if word and word["is_approval"] else ""


def masks_for(series: Series, user: Any) -> list[Annotation]:
    """The masks that this person may see of a series, newest first."""
    return list(series.annotations.seen_by(user).select_related("author"))


def _series(series: Series) -> dict[str, Any]:
    geometry = series.geometry
    return {
        "id": str(series.pk),
        "name": str(series),
        "case": series.case.title,
        "patient": series.case.patient.pseudonym,
        "shape": list(geometry.shape),
        "spacing": list(geometry.spacing),
        "spacing_known": geometry.spacing_known,
        "affine": geometry.affine_lps().ravel().tolist(),
        "pixel_area_mm2": geometry.pixel_area_mm2,
        "voxel_volume_mm3": geometry.voxel_volume_mm3,
        "warnings": [sentence(one) for one in series.warnings],
    }


def mask_facts(mask: Annotation) -> dict[str, Any]:
    """One mask of the reading room.

    ``confidence`` is the Dice that the model expects of each slice, empty where no model made the mask;
    ``deviations`` in what the series is unlike the images that the model learned from.
    """
    return {
        **layer_facts(mask),
        "source": mask.source,
        "by_model": mask.source == AnnotationSource.MODEL,
        "author": mask.author.display_name() if mask.author else "",
        "parent": str(mask.parent_id) if mask.parent_id else None,
        "created_at": mask.created_at.isoformat(),
        "confidence": mask.confidence,
        "deviations": [{**one, "message": sentence(one["message"])} for one in mask.deviations],
        "nifti": reverse("cases:mask_download", args=[mask.pk, "mask.nii.gz"]),
    }


def layer_facts(mask: Annotation) -> dict[str, Any]:
    """A mask as a picture; ``areas_px`` tells which slices are empty and need not be fetched."""
    return {
        "id": str(mask.pk),
        "label": str(mask),
        "task": mask.task_id,
        "labels": mask.labels,
        "areas_px": mask.areas_px,
        "slices": _without_last(reverse("api:mask-slices", args=[mask.pk])),
    }


def _last_words(series: Series, user: Any) -> list[Review]:
    """The last word on each task of the series, the newest first."""
    words = series.reviews.seen_by(user).latest_of_tasks().select_related("reader")
    return sorted(words, key=lambda one: (one.created_at, one.pk), reverse=True)


def _word(review: Review) -> dict[str, Any]:
    return {
        "task": review.task_id,
        "verdict": review.get_verdict_display(),
        "is_approval": review.verdict == ReviewVerdict.APPROVED,
        "reason": review.reason,
        "for_training": review.for_training,
        "reader": review.reader.display_name(),
        "annotation": str(review.annotation_id) if review.annotation_id else None,
        "created_at": review.created_at.isoformat(),
    }


def _draft(series: Series, user: Any) -> dict[str, Any] | None:
    draft = Draft.objects.filter(series=series, author=user).first()
    if draft is None:
        return None
    return {
        "base": str(draft.base_id) if draft.base_id else None,
        "task": draft.task_id,
        "slices": draft.slices,
        "revision": draft.revision,
        "updated_at": draft.updated_at.isoformat(),
    }


def measurement_facts(measurement: Measurement) -> dict[str, Any]:
    return {
        "id": str(measurement.pk),
        "kind": measurement.kind,
        "plane": measurement.plane,
        "index": measurement.index,
        "points": measurement.points,
        "values": measurement.values,
        "author": measurement.author.display_name(),
        "author_id": measurement.author.pk,
        "created_at": measurement.created_at.isoformat(),
    }


def _settings(user: Any) -> dict[str, Any]:
    saved = ViewerSettings.objects.filter(user=user).first()
    return dict(saved.values) if saved else {}


def _addresses(series: Series) -> dict[str, str]:
    return {
        "slices": _slices_address(series),
        "reading": reverse("api:reading", args=[series.pk]),
        "corrections": reverse("api:corrections", args=[series.pk]),
        "draft": reverse("api:draft", args=[series.pk]),
        "measurements": reverse("api:measurements", args=[series.pk]),
        "measurements_csv": reverse("viewer:measurements_csv", args=[series.pk]),
        "masks": reverse("api:mask", args=[NO_ID]).replace(f"{NO_ID}/", ""),
        "measurement": reverse("api:measurement", args=[NO_ID]).replace(f"{NO_ID}/", ""),
        "reviews": reverse("api:reviews", args=[series.pk]),
        "comments": reverse("api:comments", args=[series.pk]),
        "people": reverse("api:comment-people", args=[series.pk]),
        "open": reverse("api:case-open", args=[series.case_id]),
        "queue_next": reverse("api:queue-next"),
        "queue": reverse("cases:list"),
        "settings": reverse("api:viewer-settings"),
    }


def _slices_address(series: Series) -> str:
    return _without_last(reverse("api:series-slices", args=[series.pk]))


def _without_last(address: str) -> str:
    return address.removesuffix("/")


def measurements_as_csv(measurements: Iterable[Measurement]) -> str:
    """One line for each value of each measurement."""
    return csv_text(CSV_COLUMNS, (row for one in measurements for row in _csv_rows(one)))


def _csv_rows(one: Measurement) -> Iterator[list[object]]:
    """The points are in brackets: a first coordinate below 0 would begin like a formula."""
    points = " ".join(f"({','.join(f'{value:.3f}' for value in point)})" for point in one.points)
    for name, value in one.values.items():
        figure = f"{value:.4g}" if abs(value) < 1 else f"{value:.2f}"
        who = one.author.username
        yield [one.kind, one.plane, one.index, name, figure, points, who, one.created_at.isoformat()]
