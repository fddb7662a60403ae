"""Celery's doors: the message is only the id. TensorFlow is imported by the runners, in the workers."""

from celery import shared_task


@shared_task(name="training.tasks.evaluate")
def evaluate(run_id: str) -> None:
    from spineplatform.shared.lease import execute
    from training.evaluations.worker import run_evaluation
    from training.models import EvaluationRun

    execute(EvaluationRun, run_id, run_evaluation)


@shared_task(name="training.tasks.train")
def train(run_id: str) -> None:
    from spineplatform.shared.lease import execute
    from training.models import TrainingRun
    from training.trainings.worker import run_training

    execute(TrainingRun, run_id, run_training)


@shared_task(name="training.tasks.prepare_dataset")
def prepare_dataset(run_id: str) -> None:
    from spineplatform.shared.lease import execute
    from training.datasets.worker import run_dataset
    from training.models import DatasetRun

    execute(DatasetRun, run_id, run_dataset)
