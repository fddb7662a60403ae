"""What happened to a series: every mask with what it was made from, and every word about one, the newest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from cases.exposures import masks_shown
from cases.models import Annotation, AnnotationSource, Review, Series
from cases.models.comments import read_address
from spineml.metrics import volume_and_area

SHOWN_RANGES = 4


@dataclass(frozen=True)
class Change:
    """What a mask changed in its parent. Volumes are ml, None without a known spacing; slices count from 1."""

    added: int
    removed: int
    added_ml: float | None
    removed_ml: float | None
    slices: tuple[int, ...]
    relabelled: int = 0
    relabelled_ml: float | None = None

    @property
    def where(self) -> str:
        """The slices as ranges, the first few of them: “3, 7-9, …”."""
        ranges = as_ranges(self.slices)
        return ", ".join([*ranges[:SHOWN_RANGES], *(["…"] if len(ranges) > SHOWN_RANGES else [])])


@dataclass(frozen=True)
class Event:
    """A mask that was made, or a review that was signed; ``mask`` is the one it is about."""

    at: datetime
    mask: Annotation | None
    review: Review | None = None
    parent: Annotation | None = None
    change: Change | None = None
    difference: str = ""

    @property
    def who(self) -> str:
        if self.review is not None:
            return self.review.reader.display_name()
        return self.mask.author.display_name() if self.mask and self.mask.author else _("Model")

    @property
    def source(self) -> str:
        """Where the mask came from, empty where its name tells that already: nothing is said twice."""
        mask = self.mask
        if mask is None or mask.source == AnnotationSource.MODEL or mask.label in ("", mask.get_source_display()):
            return ""
        return mask.get_source_display()


def history_of(series: Series, user: Any) -> list[Event]:
    """The events that this person may see. Nothing is ever taken out of it: masks and reviews do not change."""
    masks = list(series.annotations.seen_by(user).select_related("author", "model_version__owner"))
    masks_shown(masks, user)
    by_id = {mask.pk: mask for mask in masks}
    reviews = series.reviews.seen_by(user).select_related("reader")
    told = [_made(series, mask, by_id) for mask in masks]
    told += [
        Event(one.created_at, by_id.get(one.annotation_id) if one.annotation_id else None, review=one)
        for one in reviews
    ]
    return sorted(told, key=lambda event: event.at, reverse=True)


def _made(series: Series, mask: Annotation, seen: dict[Any, Annotation]) -> Event:
    parent = seen.get(mask.parent_id)
    if parent is None:
        return Event(mask.created_at, mask)
    change = change_of(series, mask)
    address = difference_address(mask, parent, change)
    return Event(mask.created_at, mask, parent=parent, change=change, difference=address)


def change_of(series: Series, mask: Annotation) -> Change | None:
    if mask.change is None:
        return None
    added, removed = mask.change["added"], mask.change["removed"]
    relabelled = mask.change.get("relabelled", 0)
    geometry = series.geometry
    return Change(
        added=added,
        removed=removed,
        added_ml=volume_and_area.volume_ml(added, geometry),
        removed_ml=volume_and_area.volume_ml(removed, geometry),
        relabelled=relabelled,
        relabelled_ml=volume_and_area.volume_ml(relabelled, geometry),
        slices=tuple(z + 1 for z in mask.change["slices"]),
    )


def difference_address(mask: Annotation, parent: Annotation, change: Change | None) -> str:
    """The reading room with the difference of the two masks, on the first slice where there is one."""
    address = f"{read_address(mask.series_id)}?mask={mask.pk}&compare={parent.pk}"
    return f"{address}&slice={change.slices[0]}" if change and change.slices else address


def as_ranges(numbers: Sequence[int]) -> list[str]:
    """Ascending numbers as “3” and “7-9”."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][-1] + 1:
            ranges[-1] = [ranges[-1][0], number]
        else:
            ranges.append([number])
    return ["-".join(map(str, dict.fromkeys(one))) for one in ranges]
