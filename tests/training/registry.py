"""Versions with the trainings that made them, and people who look at their pages."""

from __future__ import annotations

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from registry.models import ModelVersion
from spineplatform.shared.runs import RunState
from tests import factories
from training.models import Dataset, TrainingRun


def signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    return client


def text(client: Client, name: str, *args: object, query: str = "") -> str:
    response = client.get(reverse(name, args=args) + query)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def trained(made: Dataset, *, base: ModelVersion | None = None, parent: ModelVersion | None = None) -> ModelVersion:
    """A version with the finished training that made it."""
    version = factories.model_version(parent=parent, owner=made.institutions.get())
    now = timezone.now()
    values = {"state": RunState.SUCCEEDED, "started_at": now, "finished_at": now, "settings": {}}
    TrainingRun.objects.create(institution=made.institutions.get(), dataset=made, base=base, version=version, **values)
    return version
