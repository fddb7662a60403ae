"""Where a case is on its way to a signed-off mask."""

from __future__ import annotations

from cases.changes import touch_cases
from cases.models import Annotation, AnnotationSource, Case, CaseState, Review, ReviewVerdict


def case_mark_segmented(*, case: Case) -> None:
    """Called when a model's mask for one of its series is there."""
    touch_cases(Case.objects.filter(pk=case.pk, state=CaseState.IMPORTED), state=CaseState.SEGMENTED)


def state_of(case: Case) -> CaseState:
    """By the last word on each task of each series: one refusal refuses the case; it is approved when every one that
    has a mask is.
    """
    latest = Review.objects.filter(series__case=case).latest_of_tasks()
    words = {(one.series_id, one.task_id): one for one in latest}
    verdicts = {one.verdict for one in words.values()}
    masks = list(Annotation.objects.filter(series__case=case).only("series_id", "task_id", "source", "created_at"))
    if ReviewVerdict.REJECTED in verdicts:
        return CaseState.REJECTED
    if all(_is_approved(words.get((mask.series_id, mask.task_id)), mask) for mask in masks):
        return CaseState.APPROVED
    is_corrected = any(mask.source == AnnotationSource.EDIT for mask in masks)
    return CaseState.CORRECTED if is_corrected and ReviewVerdict.SENT_BACK not in verdicts else CaseState.IN_REVIEW


def _is_approved(word: Review | None, mask: Annotation) -> bool:
    """Whether the mask's series and task is, by their last word; a later correction asks for another word."""
    if word is None or word.verdict != ReviewVerdict.APPROVED:
        return False
    return mask.source != AnnotationSource.EDIT or mask.created_at <= word.created_at
