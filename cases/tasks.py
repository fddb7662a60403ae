"""Celery's doors: the message is only the id."""

from celery import shared_task


@shared_task(name="cases.tasks.import_upload")
def import_upload(run_id: str) -> None:
    from cases.intake.worker import run_import
    from cases.models import ImportRun
    from spineplatform.shared.lease import execute

    execute(ImportRun, run_id, run_import)


@shared_task(name="cases.tasks.agree")
def agree(run_id: str) -> None:
    from cases.models import AgreementRun
    from cases.projects.worker import run_agreement
    from spineplatform.shared.lease import execute

    execute(AgreementRun, run_id, run_agreement)


@shared_task(name="cases.tasks.check_mask")
def check_mask(run_id: str) -> None:
    from cases.checks.worker import run_mask_check
    from cases.models import MaskCheckRun
    from spineplatform.shared.lease import execute

    execute(MaskCheckRun, run_id, run_mask_check)
