"""Reopening a settled series of a project: the only way in which its signed mask changes."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from accounts.access import Capability, has_capability
from cases.comments.services import notify
from cases.models import Annotation, NoticeKind, ReadingItem, Review, ReviewVerdict
from cases.models.projects import SETTLED, ItemState, ProjectRole
from cases.projects.access import has_part
from cases.projects.notifications import mark_undecided, notify_adjudicators_of_change, project_held
from cases.projects.reading_services import item_locked
from cases.signatures import NewReview, review_record
from spineml.message import message
from spineplatform.shared import audit
from spineplatform.shared.errors import Conflict, Forbidden, UserError

ONLY = message("Only this project's adjudicators and its creator may reopen a series. They are listed on its page.")


class NotDecided(Conflict):
    """This series is not decided, so it cannot be reopened."""

    code = "not-settled"


class ReopeningReason(UserError):
    """Give a short reason for reopening the series, so that the adjudicator knows what to do."""

    code = "reason-needed"


def may_reopen(item: ReadingItem, user: Any) -> bool:
    """Adjudicators of the project, and whoever set it up, as long as their role allows them to do that there."""
    place = item.institution_id
    if item.project.created_by_id == user.pk and has_capability(user, place, Capability.MANAGE_PROJECTS):
        return True
    return has_part(user, item.project, ProjectRole.ADJUDICATOR) and has_capability(
        user, place, Capability.CORRECT_MASK
    )


def item_reopen(*, item: ReadingItem, actor: Any, reason: str) -> Review:
    """Take back what settled the series: no mask of it is approved until an adjudicator settles it again.

    All have read it, so nobody reads it blindly again; that its readers agree does not settle it a second time. The
    approval stays in its history, and the reason is signed beside it.

    Raises:
        ReopeningReason: nothing is said why.
        NotDecided: it is open.
        Forbidden: ``actor`` neither adjudicates nor leads the project.
    """
    if not may_reopen(item, actor):
        raise Forbidden(ONLY)
    if not (reason := reason.strip()):
        raise ReopeningReason
    with transaction.atomic():
        row = item_locked(item)
        if row.state not in SETTLED:
            raise NotDecided
        row.project = project_held(row.project_id)
        with notify_adjudicators_of_change(row.project, but=actor):
            review = _take_back(row, actor, reason)
            mark_undecided(row.project)
    item.refresh_from_db()
    return review


def _take_back(row: ReadingItem, actor: Any, reason: str) -> Review:
    decision = row.decision
    mask, kind = decision.annotation, decision.kind
    decision.delete()
    row.state = ItemState.ALL_READ
    row.save(update_fields=["state"])
    said = NewReview(ReviewVerdict.SENT_BACK, mask, reason, for_training=False)
    review = review_record(series=row.series, reader=actor, review=said)
    _notify_author(row, mask, review)
    audit.record(
        actor=actor,
        action="reading.reopened",
        object_id=row.pk,
        institution_id=row.institution_id,
        annotation=str(mask.pk),
        kind=str(kind),
        review=str(review.pk),
    )
    return review


def _notify_author(row: ReadingItem, mask: Annotation, review: Review) -> None:
    """Whoever drew the mask hears that it is approved no more, and why."""
    if mask.author is not None and mask.author_id != review.reader_id:
        notify(
            [mask.author],
            NoticeKind.SENT_BACK,
            cases=[row.series.case],
            actor=review.reader,
            series=row.series,
            text=review.reason,
        )
