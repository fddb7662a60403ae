"""Writes of the sign-off: a case taken into review, and a reader's word on the mask of a series."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models import Q

from accounts.access import Capability, require
from accounts.models import User
from cases.changes import touch_cases
from cases.checks.services import require_unsuspected
from cases.comments.services import notify, people_mentioned
from cases.models import Annotation, Case, CaseState, NoticeKind, ReadingItem, Review, ReviewVerdict, Series
from cases.signatures import NewReview, review_record
from cases.viewer.selectors import masks_for
from registry.models import SPINE_CT
from registry.structures import task_get
from spineplatform.shared.errors import Conflict, NotFound, UserError


class MaskNeeded(UserError):
    """There is no mask to approve. Segment the series or draw a mask first."""

    code = "mask-needed"


class ReasonNeeded(UserError):
    """Give a short reason, so that the next person knows what to do."""

    code = "reason-needed"


class MaskOfAnotherTask(UserError):
    """The mask is of another task than the one you named. Name the task of the mask, or leave it out."""

    code = "mask-of-another-task"


class SignedInProject(Conflict):
    """This series belongs to a reading project and is signed off there. Once decided, it can only be changed by
    reopening it there."""

    code = "signed-in-project"


def case_start_review(*, case: Case, actor: Any) -> None:
    """Somebody who may sign looks at the case: one that waits with a mask is now in review."""
    require(actor, case.institution_id, Capability.REVIEW)
    touch_cases(Case.objects.filter(pk=case.pk, state=CaseState.SEGMENTED), state=CaseState.IN_REVIEW)


def review_sign(*, series: Series, actor: Any, review: NewReview) -> tuple[Review, bool]:
    """Sign a mask or refuse it; an earlier review of the series and task is superseded. The same word again is kept
    once. A word without a mask and a task is about that of the newest mask of the series.

    Returns:
        The review, and whether it is new.

    Raises:
        MaskNeeded, ReasonNeeded: the review is not complete.
        MaskSuspected: something is suspected of the mask to approve, and nobody has said that it is right.
        MaskOfAnotherTask, UnknownTask: the task that was named is not that of the mask, or is not known there.
        SignedInProject: the series is in a project, settled or not: whoever signs besides would undo its decision.
        NotFound: the mask is not one that this reader sees on this series.
        Forbidden: ``actor`` may not sign there.
    """
    require(actor, series.institution_id, Capability.REVIEW)
    masks = masks_for(series, actor)
    if review.annotation is not None and review.annotation not in masks:
        raise NotFound
    review = _complete(review, _task(series, review, masks))
    with transaction.atomic():
        case = Case.objects.select_for_update(no_key=True).get(pk=series.case_id)
        if ReadingItem.objects.filter(series=series).exists():
            raise SignedInProject
        latest = series.reviews.filter(task=review.task).first()
        if latest is not None and _says_the_same(latest, actor, review):
            return latest, False
        if review.verdict == ReviewVerdict.APPROVED and review.annotation is not None:
            require_unsuspected(review.annotation)
        signed = review_record(series=series, reader=actor, review=review)
        _tell(case, signed)
    return signed, True


def _task(series: Series, review: NewReview, masks: Sequence[Annotation]) -> str:
    """The slug of the task that the review is about."""
    if review.task:
        task_get(series.institution_id, review.task)
    if review.annotation is None:
        return review.task or (masks[0].task_id if masks else SPINE_CT)
    if review.task not in ("", review.annotation.task_id):
        raise MaskOfAnotherTask
    return review.annotation.task_id


def _complete(review: NewReview, task: str) -> NewReview:
    reason = review.reason.strip()
    is_approval = review.verdict == ReviewVerdict.APPROVED
    if is_approval and review.annotation is None:
        raise MaskNeeded
    if not is_approval and not reason:
        raise ReasonNeeded
    return NewReview(review.verdict, review.annotation, reason, review.for_training and is_approval, task)


def _says_the_same(latest: Review, actor: Any, review: NewReview) -> bool:
    said = NewReview(
        ReviewVerdict(latest.verdict), latest.annotation, latest.reason, latest.for_training, latest.task_id
    )
    return latest.reader_id == actor.pk and said == review


def _tell(case: Case, signed: Review) -> None:
    """Whom the reason mentions hears it; of a mask sent back also who drew it, and whoever is to read the case."""
    mentioned = people_mentioned(signed.reason, case.institution_id)
    kind, people = NoticeKind.MENTION, Q(pk__in=mentioned.values("pk"))
    if signed.verdict == ReviewVerdict.SENT_BACK:
        kind, people = NoticeKind.SENT_BACK, people | _concerned(case, signed)
    told = User.objects.filter(people).exclude(pk=signed.reader_id).distinct()
    notify(told, kind, cases=[case], actor=signed.reader, series=signed.series, text=signed.reason)


def _concerned(case: Case, signed: Review) -> Q:
    drew = Q(pk=signed.annotation.author_id) if signed.annotation and signed.annotation.author_id else Q(pk__in=[])
    return drew | Q(assignments__case=case) | Q(reader_groups__assignments__case=case)
