"""Blind reading as a promise: whoever has seen nothing stays blind until all have read, whoever has seen reads no more.

``blind_to`` hides; this file keeps anybody from getting around it by changing projects, series or parts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from django.db.models import Exists, OuterRef

from cases.exposures import exposures_record
from cases.models import AnnotationSource, Exposure, Reading, ReadingItem, ReadingProject, Series
from cases.models.projects import BEING_READ, ProjectRole
from spineml.message import message
from spineplatform.shared.errors import Conflict


class ReaderHasSeen(Conflict):
    """A reader has already seen other readers' masks of one of these series. Choose another reader, or leave the
    series out."""

    code = "reader-has-seen"


class WorkStaysHidden(Conflict):
    """Someone has drawn or measured on this series; blinded readers would see it after its removal. Finish the series
    first."""

    code = "work-stays-hidden"


def check_added(project: ReadingProject, series: Collection[Series]) -> None:
    """Raise when a reader of a blind project has been shown others' masks of one of the series.

    Raises:
        ReaderHasSeen: names the reader, and on how many series.
    """
    if project.blind:
        readers = project.members.taking_part().filter(role=ProjectRole.READER).values("user")
        _refuse(Exposure.objects.filter(series__in=series, user__in=readers))


def check_newcomers(project: ReadingProject, readers: Iterable[Any]) -> None:
    """Raise when one of ``readers`` who takes no part in the reading yet has been shown what there is to read blindly.

    Raises:
        ReaderHasSeen: names the reader, and on how many series.
    """
    if not project.blind:
        return
    now = set(project.members.taking_part().filter(role=ProjectRole.READER).values_list("user", flat=True))
    newcomers = [one.pk for one in readers if one.pk not in now]
    to_read = project.items.filter(state__in=BEING_READ).values("series")
    finished = Reading.objects.filter(item__series=OuterRef("series"), reader=OuterRef("user"))
    _refuse(Exposure.objects.filter(~Exists(finished), series__in=to_read, user__in=newcomers))


def _refuse(seen: Any) -> None:
    first = seen.select_related("user").order_by("user__username").first()
    if first is None:
        return
    raise ReaderHasSeen(
        message(
            "{name} has already seen other readers' masks of {n} of the series and cannot read them blinded. Choose "
            "another reader, or leave these series out.",
            name=first.user.display_name(),
            n=seen.filter(user=first.user).count(),
        )
    )


def check_removed(project: ReadingProject, item: ReadingItem) -> None:
    """Raise when readers who have not finished would see, once the series is out, what others made of it meanwhile.

    Comments are no hindrance, as one may say that the series is wrong; whoever can read them then reads it no more.

    Raises:
        WorkStaysHidden: there are masks, measurements or reviews.
    """
    if not project.blind:
        return
    masks = item.series.annotations.exclude(source=AnnotationSource.MODEL)
    made = (masks, item.series.measurements, item.series.reviews)
    if any(rows.filter(created_at__gte=item.created_at).exists() for rows in made):
        raise WorkStaysHidden
    readers = project.members.filter(role=ProjectRole.READER).values_list("user", flat=True)
    _can_be_told(item, readers)


def parts_given_up(project: ReadingProject, people: Collection[Any]) -> None:
    """Remember that these readers of a blind project, who adjudicate from now on, can see what others say."""
    if not project.blind:
        return
    for item in project.items.filter(state__in=BEING_READ).select_related("series"):
        _can_be_told(item, [one.pk for one in people])


def _can_be_told(item: ReadingItem, people: Iterable[int]) -> None:
    """Who opens a mask is remembered then; who reads a comment or a measurement is not, so it counts that they can."""
    for person in people:
        of_others = (
            item.series.comments.exclude(author=person),
            item.series.measurements.exclude(author=person),
            item.series.reviews.exclude(reader=person),
        )
        if any(rows.filter(created_at__gte=item.created_at).exists() for rows in of_others):
            exposures_record([item.series_id], [person])
