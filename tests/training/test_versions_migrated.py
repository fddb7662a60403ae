"""Versions from before they had owners: their makers keep them, and nobody segments with another than before."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

pytestmark = [pytest.mark.django_db(transaction=True)]
BEFORE, AFTER = "0004_decisions_are_kept", "0007_one_active_version_each"


@pytest.fixture
def old() -> Iterator[Any]:
    """The models as they were; the tables are those of today again at the end."""
    yield _migrate(BEFORE)
    connection.cursor().execute("TRUNCATE training_promotion, training_modelversion, shared_auditevent CASCADE")
    _migrate(None)


def _migrate(to: str | None) -> Any:
    executor = MigrationExecutor(connection)
    targets = [("training", to)] if to else executor.loader.graph.leaf_nodes()
    executor.migrate(targets)
    others = [node for node in executor.loader.graph.leaf_nodes() if node[0] in {"accounts", "shared"}]
    return executor.loader.project_state([*targets, *others]).apps


class Before:
    """Rows of a platform from before."""

    def __init__(self, apps: Any) -> None:
        self.apps = apps

    def of(self, app: str, name: str) -> Any:
        return self.apps.get_model(app, name).objects

    def hospital(self, name: str) -> tuple[Any, Any]:
        place = self.of("accounts", "Institution").create(name=name)
        admin = self.of("accounts", "User").create(username=f"admin of {name}")
        self.of("accounts", "Membership").create(user=admin, institution=place, role="model_admin")
        return place, admin

    def version(self, number: int, **fields: Any) -> Any:
        values = {"task": "spine-ct", "file": f"models/{number}.h5", "size": 1, "sha256": f"{number:064d}", "spec": {}}
        return self.of("training", "ModelVersion").create(number=number, **{**values, **fields})

    def trained(self, place: Any, version: Any) -> None:
        now = timezone.now()
        frozen = {"file": "datasets/1.h5", "size": 1, "sha256": "0" * 64, "frozen_at": now}
        data = self.of("training", "Dataset").create(name="Any", **frozen)
        values = {"state": "succeeded", "started_at": now, "finished_at": now, "settings": {}, "kind": "training"}
        fields = {field.name for field in self.of("training", "TrainingRun").model._meta.get_fields()}
        self.of("training", "TrainingRun").create(
            institution=place, dataset=data, version=version, **{k: v for k, v in values.items() if k in fields}
        )

    def promoted(self, version: Any, previous: Any, by: Any) -> None:
        self.of("training", "Promotion").create(version=version, previous=previous, kind="gated", decided_by=by)

    def deleted(self, number: int) -> None:
        event = {"action": "model.deleted", "object_id": str(uuid.uuid4())}
        self.of("shared", "AuditEvent").create(detail={"task": "spine-ct", "number": number}, **event)


def active_at(apps: Any) -> dict[str, int]:
    rows = apps.get_model("training", "ActiveVersion").objects.select_related("institution", "version")
    return {row.institution.name if row.institution else "default": row.version.number for row in rows}


def owners(apps: Any) -> dict[int, str | None]:
    rows = apps.get_model("training", "ModelVersion").objects.select_related("owner")
    return {row.number: row.owner.name if row.owner else None for row in rows}


def test_a_hospital_alone_keeps_its_active_version_its_way_back_and_its_next_number(old: Any) -> None:
    before = Before(old)
    place, admin = before.hospital("Alone")
    shipped = before.version(1, status="candidate", notes="Shipped default model spine-ct-v1")
    imported = before.version(2, status="retired", created_by=admin)
    trained = before.version(3, status="active")
    before.trained(place, trained)
    before.promoted(shipped, None, None)
    before.promoted(trained, shipped, admin)
    before.deleted(7)
    apps = _migrate(AFTER)
    assert owners(apps) == {1: None, 2: "Alone", 3: "Alone"}
    assert active_at(apps) == {"Alone": 3, "default": 1}
    assert apps.get_model("training", "ModelVersion").objects.get(pk=imported.pk).retired
    _migrate(None)

    from accounts.models import Institution
    from registry.models import ModelVersion, VersionCounter
    from registry.selectors import version_active
    from training.promotions.selectors import rollback_target

    home = Institution.objects.get()
    assert version_active(home.pk) == ModelVersion.objects.get(number=3)
    assert rollback_target(home) == ModelVersion.objects.get(number=1)
    assert VersionCounter.objects.get(owner=home).last == 7


def test_a_shipped_version_that_was_active_becomes_the_default(old: Any) -> None:
    before = Before(old)
    before.hospital("One")
    before.hospital("Two")
    before.promoted(before.version(1, status="active"), None, None)
    assert active_at(_migrate(AFTER)) == {"default": 1}


def test_one_hospitals_version_that_served_all_goes_on_serving_all_by_sharing(old: Any) -> None:
    before = Before(old)
    _place, admin = before.hospital("Maker")
    before.hospital("Other")
    version = before.version(1, status="active", created_by=admin)
    before.promoted(version, None, admin)
    apps = _migrate(AFTER)
    assert active_at(apps) == {"Maker": 1, "Other": 1}
    shares = apps.get_model("training", "VersionShare").objects.all()
    assert [share.institution.name for share in shares] == ["Other"]
    assert apps.get_model("training", "Promotion").objects.get().institution.name == "Maker"


def test_whoever_imported_is_found_by_a_role_that_was_taken_away_since(old: Any) -> None:
    before = Before(old)
    place, admin = before.hospital("Left")
    before.hospital("Elsewhere")
    before.of("accounts", "Membership").all().delete()
    before.of("shared", "AuditEvent").create(
        action="roles.set", object_id=str(admin.pk), institution_id=place.pk, detail={"roles": ["model_admin"]}
    )
    before.version(1, status="candidate", created_by=admin)
    assert owners(_migrate(AFTER)) == {1: "Left"}
