"""What the page of a case shows of segmentations that are going, or why the last one made nothing.

``{% segmentations_of series_list as found %}`` asks once for all series, ``{% segmentations series found %}`` shows
those of one: `cases` has the page and does not know this app.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django import template

from cases.models import Series
from inference.models import InferenceRun

register = template.Library()


@register.simple_tag
def segmentations_of(series: Iterable[Series]) -> dict[uuid.UUID, list[InferenceRun]]:
    """The runs by series, the newest first."""
    found: dict[uuid.UUID, list[InferenceRun]] = defaultdict(list)
    for run in InferenceRun.objects.filter(series__in=[one.pk for one in series]):
        found[run.series_id].append(run)
    return found


@register.filter
def was_segmented(series: Series, found: Mapping[uuid.UUID, Sequence[InferenceRun]]) -> bool:
    """Whether a model was ever asked: a mask alone may be a person's."""
    return bool(found.get(series.pk))


@register.inclusion_tag("inference/_segmentations.html", takes_context=True)
def segmentations(
    context: template.Context, series: Series, found: Mapping[uuid.UUID, Sequence[InferenceRun]]
) -> dict[str, Any]:
    """Context: ``runs`` and the page's ``may_segment``."""
    return {"runs": found.get(series.pk, ()), "may_segment": context.get("may_segment", False)}
