"""What the database itself promises about versions and promotions, whoever asks."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from accounts.models import Institution, Role, User
from registry.models import ActiveVersion, ModelVersion, Promotion
from spineplatform.shared.runs import RunState
from tests import factories
from tests.api_client import api
from tests.training import judged
from training.models import Split, TrainingRun

pytestmark = pytest.mark.django_db
MODELS = "/api/v1/models/"


@pytest.fixture
def place() -> Institution:
    return factories.institution("Home")


@pytest.fixture
def admin(place: Institution) -> User:
    return factories.user(Role.MODEL_ADMIN, institution=place)


def test_the_database_allows_one_default_for_each_task() -> None:
    factories.active_version()
    other = factories.model_version()
    with pytest.raises(IntegrityError, match="training_one_default_version"), transaction.atomic():
        ActiveVersion.objects.create(version=other)
    elsewhere = factories.active_version(task=factories.task("knee"))
    assert ActiveVersion.objects.count() == 2
    with refused("training_version_is_its_file"), connection.cursor() as cursor:
        cursor.execute("UPDATE training_modelversion SET task = 'spine-ct' WHERE id = %s", [elsewhere.pk])


@contextmanager
def refused(promise: str) -> Iterator[None]:
    """By the database, whoever asks."""
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        yield
    assert caught.value.__cause__.diag.constraint_name == promise  # type: ignore[union-attr]


@pytest.mark.parametrize("change", [{"sha256": "0" * 64}, {"file": "models/other.h5"}, {"number": 99}, {"size": 1}])
def test_a_version_stays_the_file_that_was_registered(change: dict[str, Any]) -> None:
    version = factories.model_version()
    with refused("training_version_is_its_file"):
        ModelVersion.objects.filter(pk=version.pk).update(**change)


def test_a_promotion_is_neither_changed_nor_deleted() -> None:
    promotion = Promotion.objects.create(version=factories.model_version(), kind="override", reason="Because.")
    with refused("training_promotion_is_kept"):
        Promotion.objects.filter(pk=promotion.pk).update(reason="Another.")
    with refused("training_promotion_is_kept"):
        promotion.delete()


def test_a_version_is_promoted_and_rolled_back_while_a_training_runs(admin: User, place: Institution) -> None:
    active, candidate = factories.active_version(), factories.model_version()
    made = judged.dataset(place, patients=1, split=Split.TRAIN)
    TrainingRun.objects.create(
        institution=place,
        dataset=made,
        base=active,
        settings={},
        state=RunState.RUNNING,
        started_at=timezone.now(),
        token=uuid.uuid4(),
        lease_expires_at=timezone.now(),
    )
    assert api(admin).post(f"{MODELS}{candidate.pk}/promote/", {"reason": "Looks better."}).status_code == 200
    assert api(admin).post(f"{MODELS}rollback/").json()["version"]["number"] == active.number
    assert TrainingRun.objects.get().state == RunState.RUNNING
