"""Celery's doors: the message is only the id. TensorFlow is imported by the runner, in the worker."""

from celery import shared_task


@shared_task(name="inference.tasks.segment")
def segment(run_id: str) -> None:
    from inference.models import InferenceRun
    from inference.worker import run_inference
    from spineplatform.shared.lease import execute

    execute(InferenceRun, run_id, run_inference)


@shared_task(name="inference.tasks.report")
def report(run_id: str) -> None:
    from inference.models import ReportRun
    from inference.reports.worker import run_report
    from spineplatform.shared.lease import execute

    execute(ReportRun, run_id, run_report)


@shared_task(name="inference.tasks.compare")
def compare(run_id: str) -> None:
    from inference.comparison_worker import run_comparison
    from inference.models import ComparisonRun
    from spineplatform.shared.lease import execute

    execute(ComparisonRun, run_id, run_comparison)
