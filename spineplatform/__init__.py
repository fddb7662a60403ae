"""The Django project of the Spine platform. Importing it makes the Celery app the default for every task."""

from spineplatform.celery import app as celery_app

__all__ = ["celery_app"]
