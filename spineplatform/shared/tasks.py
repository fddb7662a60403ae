"""The sweeper: beat calls it, one at a time holds the advisory lock."""

from celery import shared_task
from django.db import connection

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
            # Leases are given by the database's clock, so they are judged by it too.
            cursor.execute("SELECT clock_timestamp()")
            runs.sweep(at=cursor.fetchone()[0])
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [SWEEPER_LOCK])
