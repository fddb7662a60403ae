"""Quality in daily use: whenever a reader approves a mask, how far it is from the model's, without extra labelling."""

from __future__ import annotations

from cases.models import Annotation, Review
from inference.models import Acceptance, Prediction
from inference.services import comparison_start
from registry.structures import common_task


def acceptance_record(review: Review) -> None:
    """Keep the approval of a model's mask, or of one that was made from it; call inside its transaction."""
    accepted = review.annotation
    if accepted is None:
        return
    prediction = _origin(accepted)
    if prediction is None or common_task(accepted.task_id, prediction.annotation.task_id) is None:
        return
    unchanged = prediction.annotation.pixel_hash == accepted.pixel_hash
    comparison = None
    if not unchanged:
        comparison = comparison_start(reference=accepted, predicted=prediction.annotation, actor=review.reader)
    Acceptance.objects.create(review=review, prediction=prediction, comparison=comparison, unchanged=unchanged)


def _origin(mask: Annotation) -> Prediction | None:
    """The prediction that a mask is or descends from; None for one that was drawn or uploaded anew."""
    while True:
        prediction = Prediction.objects.filter(annotation=mask).select_related("annotation").first()
        if prediction is not None:
            return prediction
        if mask.parent is None:
            return None
        mask = mask.parent
