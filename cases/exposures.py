"""Who has been shown masks that others drew: whoever has is no blind reader of the series any more."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from cases.models import Annotation, AnnotationSource, Exposure


def masks_shown(masks: Iterable[Annotation], actor: Any) -> None:
    """Remember of whose series ``actor`` is being shown a mask that another person drew: call where masks, or figures
    of single slices, go out. Whoever has seen one does not read the series blindly (``cases.projects.services``).
    """
    others = {one.series_id for one in masks if one.source != AnnotationSource.MODEL and one.author_id != actor.pk}
    exposures_record(others, [actor.pk])


def exposures_record(series: Iterable[uuid.UUID], people: Iterable[int]) -> None:
    """Remember that these people have been shown, or can now be shown, what others made of these series."""
    wanted = {(one, person) for one in series for person in people}
    if not wanted:
        return
    known = Exposure.objects.filter(series__in={one for one, _ in wanted}, user__in={person for _, person in wanted})
    missing = wanted - set(known.values_list("series", "user"))
    rows = [Exposure(series_id=one, user_id=person) for one, person in sorted(missing, key=str)]
    if rows:
        Exposure.objects.bulk_create(rows, ignore_conflicts=True)
