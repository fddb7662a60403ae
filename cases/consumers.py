"""Live progress of imports and of comparisons between readers."""

from __future__ import annotations

from typing import Any

from cases.access import import_run_get
from cases.access_agreement import agreement_run_get
from spineplatform.shared.progress import RunConsumer
from spineplatform.shared.runs import Run


class ImportRunConsumer(RunConsumer):
    def get_run(self, user: Any, run_id: str) -> Run:
        return import_run_get(user, run_id)


class AgreementRunConsumer(RunConsumer):
    def get_run(self, user: Any, run_id: str) -> Run:
        return agreement_run_get(user, run_id)
