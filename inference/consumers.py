"""Live progress of segmentations and comparisons."""

from __future__ import annotations

from typing import Any

from inference.access import comparison_get, inference_run_get, report_get
from spineplatform.shared.progress import RunConsumer
from spineplatform.shared.runs import Run


class InferenceRunConsumer(RunConsumer):
    def get_run(self, user: Any, run_id: str) -> Run:
        return inference_run_get(user, run_id)


class ComparisonRunConsumer(RunConsumer):
    def get_run(self, user: Any, run_id: str) -> Run:
        return comparison_get(user, run_id)


class ReportRunConsumer(RunConsumer):
    def get_run(self, user: Any, run_id: str) -> Run:
        return report_get(user, run_id)
