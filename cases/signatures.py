"""The one place in which a review is written: by a reader, an adjudicator, or the sender of masks that are approved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cases.changes import touch_cases
from cases.followers import followers
from cases.models import Annotation, Case, Review, ReviewVerdict, Series
from cases.states import state_of
from registry.models import SPINE_CT
from spineplatform.shared import audit


@dataclass(frozen=True)
class NewReview:
    """What a reader says about a task of a series; only an approval may be for training, and only a refusal needs a
    reason.

    ``task`` is a slug; without one it is that of the mask.
    """

    verdict: ReviewVerdict
    annotation: Annotation | None = None
    reason: str = ""
    for_training: bool = True
    task: str = ""

    @property
    def task_id(self) -> str:
        """The slug of the task."""
        return self.annotation.task_id if self.annotation else self.task or SPINE_CT


def review_record(*, series: Series, reader: Any, review: NewReview) -> Review:
    """Write a review, the state of its case and the audit record; call inside a transaction.

    Whether ``reader`` may sign, and this mask, is for the caller to check. The case is held from here on.
    """
    case = Case.objects.select_for_update(no_key=True).get(pk=series.case_id)
    row = Review.objects.create(
        institution_id=series.institution_id,
        series=series,
        task_id=review.task_id,
        annotation=review.annotation,
        verdict=review.verdict,
        reader=reader,
        reason=review.reason,
        for_training=review.for_training,
    )
    touch_cases(Case.objects.filter(pk=case.pk), state=state_of(case))
    audit.record(
        actor=reader,
        action="review.signed",
        object_id=row.pk,
        institution_id=series.institution_id,
        series=str(series.pk),
        task=row.task_id,
        mask=str(row.annotation_id or ""),
        verdict=str(review.verdict),
    )
    if review.verdict == ReviewVerdict.APPROVED:
        followers().after_approval(row)
    return row
