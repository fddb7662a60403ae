"""Which masks of a series are the approved ones, one of each task at most: what pages, reports and downloads hand out
unless asked for another.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet

from cases.models import Annotation, Review, ReviewVerdict

SeriesTask = tuple[uuid.UUID, str]  # id of a series, slug of a task


def approved_masks(series: Iterable[uuid.UUID], user: Any) -> dict[SeriesTask, uuid.UUID]:
    """The approved mask of each task of each of these series, the last approved first, as far as ``user`` may know;
    None: the platform itself.

    The last word on a series and task counts: a refusal after an approval leaves none.
    """
    words = Review.objects.filter(series__in=list(series))
    latest = list((words if user is None else words.seen_by(user)).latest_of_tasks())
    latest.sort(key=lambda one: (one.created_at, one.pk), reverse=True)
    return {
        (one.series_id, one.task_id): one.annotation_id
        for one in latest
        if one.annotation_id and one.verdict == ReviewVerdict.APPROVED
    }


def is_approved(mask: Annotation, user: Any) -> bool:
    return approved_masks([mask.series_id], user).get((mask.series_id, mask.task_id)) == mask.pk


def mask_handed_out(masks: QuerySet[Annotation], series: uuid.UUID, user: Any) -> Annotation | None:
    """Of ``masks`` (newest first, seen by ``user``) the one of the series that was approved last, else the newest."""
    found = masks.filter(series=series)
    approved = next(iter(approved_masks([series], user).values()), None)
    return (found.filter(pk=approved).first() if approved else None) or found.first()
