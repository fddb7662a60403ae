"""The access log: who looked at whose images, by page or by program."""

from __future__ import annotations

from typing import Any

from cases.models import Case, Series
from spineplatform.shared import audit


def log_case_view(case: Case, actor: Any) -> None:
    audit.record(actor=actor, action="case.viewed", object_id=case.pk, institution_id=case.institution_id)


def log_series_view(series: Series, actor: Any) -> None:
    audit.record(
        actor=actor,
        action="series.viewed",
        object_id=series.pk,
        institution_id=series.institution_id,
        case=str(series.case_id),
    )
