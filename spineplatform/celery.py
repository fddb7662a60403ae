"""Celery carries run ids; PostgreSQL keeps the truth (docs/adr/0002)."""

import os

from celery import Celery

from spineplatform import broker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "spineplatform.settings")

broker.use_for_redis_addresses()
app = Celery("spineplatform")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.autodiscover_tasks(related_name="worker_signals")
