"""Celery carries run ids; PostgreSQL keeps the truth (docs/adr/0002)."""

import logging.config
import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging
from kombu.transport import TRANSPORT_ALIASES

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "spineplatform.settings")

TRANSPORT_ALIASES.update(dict.fromkeys(("redis", "rediss"), "spineplatform.broker:Transport"))
app = Celery("spineplatform")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.autodiscover_tasks(related_name="worker_signals")


@setup_logging.connect
def _log_as_the_web_does(**kwargs: Any) -> None:
    """Else Celery adds a format of its own, which writes what the platform's leaves out."""
    from django.conf import settings

    logging.config.dictConfig(settings.LOGGING)
