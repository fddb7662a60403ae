"""The sweeper: beat calls it, one at a time holds the advisory lock."""

from celery import shared_task
from django.db import connection
from django.utils import timezone

from spineplatform.shared import runs

SWEEPER_LOCK = 0x5917E


@shared_task(name="spineplatform.shared.tasks.sweep")
def sweep() -> None:
    """Requeue what a dead worker or a lost message left behind."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [SWEEPER_LOCK])
        if not cursor.fetchone()[0]:
            return
        try:
            runs.sweep(at=timezone.now())
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [SWEEPER_LOCK])
