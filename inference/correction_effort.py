"""Quality in daily use: whenever a reader approves a mask, how far it is from the model's, without extra labelling."""

from __future__ import annotations

from typing import Any

from cases.models import Annotation, Review, ReviewVerdict
from inference.models import Acceptance, Prediction
from inference.services import comparison_start


def acceptance_record(sender: Any, *, instance: Review, created: bool, **kwargs: Any) -> None:
    """Receiver of a saved review: an approval of a model's mask, or of one that was made from it, is kept."""
    accepted = instance.annotation
    if not created or instance.verdict != ReviewVerdict.APPROVED or accepted is None:
        return
    prediction = _origin(accepted)
    if prediction is None:
        return
    unchanged = prediction.annotation.pixel_hash == accepted.pixel_hash
    comparison = None
    if not unchanged:
        comparison = comparison_start(reference=accepted, predicted=prediction.annotation, actor=instance.reader)
    Acceptance.objects.create(review=instance, prediction=prediction, comparison=comparison, unchanged=unchanged)


def _origin(mask: Annotation) -> Prediction | None:
    """The prediction that a mask is or descends from; None for one that was drawn or uploaded anew."""
    while True:
        prediction = Prediction.objects.filter(annotation=mask).select_related("annotation").first()
        if prediction is not None:
            return prediction
        if mask.parent is None:
            return None
        mask = mask.parent
