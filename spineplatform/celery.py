"""Celery carries run ids; PostgreSQL keeps the truth (docs/adr/0002)."""

import os

from celery import Celery
from kombu.transport import TRANSPORT_ALIASES

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "spineplatform.settings")

TRANSPORT_ALIASES.update(dict.fromkeys(("redis", "rediss"), "spineplatform.broker:Transport"))
app = Celery("spineplatform")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.autodiscover_tasks(related_name="worker_signals")
