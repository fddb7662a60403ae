"""A platform from before the registry was an app of its own keeps its versions, and what refers to them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

pytestmark = [pytest.mark.django_db(transaction=True)]
BEFORE = [("training", "0008_messages"), ("inference", "0007_messages"), ("cases", "0022_known_files")]
MOVED = ("modelversion", "activeversion", "versionshare", "versioncounter", "promotion")


@pytest.fixture
def old() -> Iterator[Any]:
    """The models as they were; the tables are those of today again at the end."""
    executor = MigrationExecutor(connection)
    executor.migrate([*BEFORE, ("registry", None)])
    others = [node for node in executor.loader.graph.leaf_nodes() if node[0] in {"accounts", "auth", "contenttypes"}]
    yield executor.loader.project_state([*BEFORE, *others]).apps
    _migrate()


def _migrate() -> None:
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


class Before:
    """Two versions of a hospital, one shared and promoted, and a mask that it made in a run."""

    def __init__(self, apps: Any) -> None:
        self.apps = apps
        self.place = self.of("accounts", "Institution").create(name="Home")
        self.guest = self.of("accounts", "Institution").create(name="Guest")
        self.admin = self.of("accounts", "User").create(username="admin")
        self.first = self.version(1)
        self.second = self.version(2, parent=self.first)
        self.of("training", "ActiveVersion").create(institution=self.place, version=self.second)
        self.of("training", "VersionShare").create(institution=self.guest, version=self.second)
        self.of("training", "VersionCounter").create(owner=self.place, task="spine-ct", last=9)
        self.of("training", "Promotion").create(
            institution=self.place, version=self.second, previous=self.first, kind="gated", decided_by=self.admin
        )
        self.mask = self.segmented()

    def of(self, app: str, name: str) -> Any:
        return self.apps.get_model(app, name).objects

    def version(self, number: int, **fields: Any) -> Any:
        values = {"file": f"models/{number}.h5", "size": 1, "sha256": f"{number:064d}", "spec": {}}
        return self.of("training", "ModelVersion").create(owner=self.place, number=number, **values, **fields)

    def segmented(self) -> Any:
        here = {"institution": self.place}
        patient = self.of("cases", "Patient").create(pseudonym="P-1", **here)
        case = self.of("cases", "Case").create(patient=patient, title="Spine", **here)
        image = {"geometry_json": {}, "volume": "volumes/1.h5", "pixel_hash": "1" * 64, "source_kind": "dicom"}
        series = self.of("cases", "Series").create(case=case, number=1, **image, **here)
        values = {"mask": "masks/1.h5", "pixel_hash": "2" * 64, "voxels": 1, "areas_px": [1]}
        mask = self.of("cases", "Annotation").create(series=series, source="model", **values, **here)
        done = {"state": "succeeded", "started_at": timezone.now(), "finished_at": timezone.now()}
        run = self.of("inference", "InferenceRun").create(series=series, model_version=self.second, **done, **here)
        said = {"confidence": [0.9], "deviations": [{"code": "intensities", "message": "odd"}]}
        self.of("inference", "Prediction").create(
            run=run, annotation=mask, model_version=self.second, seconds=2.5, **said
        )
        return mask

    def content_types(self) -> dict[str, int]:
        """As ``migrate`` made them after the models."""
        types = self.of("contenttypes", "ContentType")
        return {name: types.get_or_create(app_label="training", model=name)[0].pk for name in MOVED}


def test_versions_and_what_refers_to_them_are_the_registrys_with_nothing_lost(old: Any) -> None:
    before = Before(old)
    types = before.content_types()
    permission = before.of("auth", "Permission").create(
        content_type_id=types["modelversion"], codename="look_at_modelversion", name="Can look"
    )
    before.admin.user_permissions.add(permission.pk)
    _migrate()

    from accounts.models import Institution, User
    from cases.models import Annotation
    from inference.models import InferenceRun
    from registry.models import ModelVersion, Promotion, VersionCounter, VersionShare
    from registry.selectors import version_active

    home = Institution.objects.get(name="Home")
    second = ModelVersion.objects.get(pk=before.second.pk)
    assert (second.number, second.parent, second.owner) == (2, ModelVersion.objects.get(pk=before.first.pk), home)
    assert version_active(home.pk) == second
    assert VersionShare.objects.get().institution.name == "Guest"
    assert VersionCounter.objects.get().last == 9
    assert Promotion.objects.get().previous == second.parent
    assert InferenceRun.objects.get().model_version == second
    mask = Annotation.objects.get(pk=before.mask.pk)
    assert (mask.model_version, mask.confidence, mask.prediction.seconds) == (second, [0.9], 2.5)
    assert [one["code"] for one in mask.deviations] == ["intensities"]
    ContentType.objects.clear_cache()
    assert {row.model: row.pk for row in ContentType.objects.filter(app_label="registry", model__in=MOVED)} == types
    assert not ContentType.objects.filter(app_label="training", model__in=MOVED).exists()
    assert User.objects.get(username="admin").has_perm("registry.look_at_modelversion")
