"""The one place in which a review is written: by a reader, an adjudicator, or the sender of masks that are approved."""

from __future__ import annotations

from typing import Any

from cases.changes import touch_cases
from cases.followers import followers
from cases.models import Annotation, Case, Review, ReviewVerdict, Series
from cases.states import state_of
from spineplatform.shared import audit


def review_record(
    *,
    series: Series,
    reader: Any,
    verdict: ReviewVerdict,
    annotation: Annotation | None,
    reason: str = "",
    for_training: bool = True,
) -> Review:
    """Write a review, the state of its case and the audit record; call inside a transaction.

    Whether ``reader`` may sign, and this mask, is for the caller to check. The case is held from here on.
    """
    case = Case.objects.select_for_update(no_key=True).get(pk=series.case_id)
    review = Review.objects.create(
        institution_id=series.institution_id,
        series=series,
        annotation=annotation,
        verdict=verdict,
        reader=reader,
        reason=reason,
        for_training=for_training,
    )
    touch_cases(Case.objects.filter(pk=case.pk), state=state_of(case))
    audit.record(
        actor=reader,
        action="review.signed",
        object_id=review.pk,
        institution_id=series.institution_id,
        series=str(series.pk),
        mask=str(annotation.pk) if annotation else "",
        verdict=str(verdict),
    )
    if verdict == ReviewVerdict.APPROVED:
        followers().after_approval(review)
    return review
