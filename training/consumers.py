"""Live progress of the runs of this app."""

from __future__ import annotations

from typing import Any

from spineplatform.shared.progress import RunConsumer
from spineplatform.shared.runs import Run
from training.access import dataset_run_get, evaluation_get, training_get


class EvaluationRunConsumer(RunConsumer):
    def get_run(self, user: Any, run_id: str) -> Run:
        return evaluation_get(user, run_id)


class DatasetRunConsumer(RunConsumer):
    def get_run(self, user: Any, run_id: str) -> Run:
        return dataset_run_get(user, run_id)


class TrainingRunConsumer(RunConsumer):
    def get_run(self, user: Any, run_id: str) -> Run:
        return training_get(user, run_id)
