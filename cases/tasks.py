"""Celery's door: the message is only the id."""

from celery import shared_task


@shared_task(name="cases.tasks.import_upload")
def import_upload(run_id: str) -> None:
    from cases.models import ImportRun
    from cases.runner import run_import
    from spineplatform.shared.lease import execute

    execute(ImportRun, run_id, run_import)
