"""Reviews are written in one place, whoever signs: with the case's state, one audit record, and what follows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings

from accounts.models import Role
from cases.models import CaseState, ReviewVerdict
from cases.signatures import NewReview, review_record
from inference.models import Acceptance
from spineplatform.shared.models import AuditEvent
from tests import factories

APPS = ("accounts", "cases", "training", "inference", "spineplatform")


def test_nothing_else_writes_a_review() -> None:
    writes = re.compile(
        r"\bReview\.objects\.(create|bulk_create|get_or_create|update_or_create)\(|(?<!class )\bReview\("
    )
    files = [path for app in APPS for path in Path(settings.BASE_DIR, app).rglob("*.py")]
    found = {str(path.relative_to(settings.BASE_DIR)) for path in files if writes.search(path.read_text())}
    # The bench fills tables with thousands of rows at once.
    assert found - {"spineplatform/bench/worklist.py"} == {"cases/signatures.py"}


@pytest.mark.django_db
def test_an_approval_leaves_the_state_one_audit_record_and_what_was_made_of_the_models_mask() -> None:
    mask = factories.prediction().annotation
    reader = factories.user(Role.CLINICIAN, institution=mask.institution)
    said = NewReview(ReviewVerdict.APPROVED, mask, "Complete.")
    review = review_record(series=mask.series, reader=reader, review=said)
    mask.series.case.refresh_from_db()
    assert mask.series.case.state == CaseState.APPROVED
    event = AuditEvent.objects.get(action="review.signed", object_id=str(review.pk))
    assert (event.actor, event.detail["mask"], event.detail["verdict"]) == (reader, str(mask.pk), "approved")
    assert Acceptance.objects.get(review=review).unchanged


@pytest.mark.django_db
def test_a_refusal_says_nothing_of_the_models_mask() -> None:
    mask = factories.prediction().annotation
    reader = factories.user(Role.CLINICIAN, institution=mask.institution)
    said = NewReview(ReviewVerdict.REJECTED, mask, "Motion.")
    review_record(series=mask.series, reader=reader, review=said)
    mask.series.case.refresh_from_db()
    assert mask.series.case.state == CaseState.REJECTED
    assert not Acceptance.objects.exists()
