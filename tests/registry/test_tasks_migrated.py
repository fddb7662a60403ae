"""A platform from before labels had names: its masks become masks of the spine, and their files stay as they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from cases.models import Annotation
from registry.models import ModelVersion, Task

pytestmark = [pytest.mark.django_db(transaction=True)]
BEFORE = [("registry", "0002_labels_of_choices"), ("cases", "0024_labels_of_choices")]


@pytest.fixture
def old() -> Iterator[Any]:
    """The models as they were; the tables are those of today again at the end."""
    executor = MigrationExecutor(connection)
    executor.migrate(BEFORE)
    yield executor.loader.project_state(BEFORE).apps
    _migrate()


def _migrate() -> None:
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


def _version(apps: Any, number: int, **fields: Any) -> Any:
    values = {"file": f"models/{number}.h5", "size": 1, "sha256": f"{number:064d}", "spec": {}, **fields}
    return apps.get_model("registry", "ModelVersion").objects.create(number=number, **values)


def _series(apps: Any) -> dict[str, Any]:
    here = {"institution": apps.get_model("accounts", "Institution").objects.create(name="Home")}
    patient = apps.get_model("cases", "Patient").objects.create(pseudonym="P-1", **here)
    case = apps.get_model("cases", "Case").objects.create(patient=patient, title="Spine", **here)
    image = {"geometry_json": {}, "volume": "volumes/1.h5", "pixel_hash": "1" * 64, "source_kind": "dicom"}
    return {"series": apps.get_model("cases", "Series").objects.create(case=case, number=1, **image, **here), **here}


def test_masks_are_of_the_spine_and_know_their_slices(old: Any) -> None:
    place = _series(old)
    areas = {"some": [0, 4, 0, 6, 0], "first": [5, 0, 0, 0, 0], "none": [0, 0, 0, 0, 0]}
    made = {}
    for number, (name, pixels) in enumerate(areas.items()):
        values = {"mask": f"masks/{name}.h5", "pixel_hash": f"{number:064d}", "voxels": sum(pixels)}
        volume = None if name == "first" else sum(pixels) / 10
        row = old.get_model("cases", "Annotation").objects.create(
            source="model", areas_px=pixels, volume_ml=volume, **values, **place
        )
        made[name] = row.pk

    _migrate()

    masks = {name: Annotation.objects.get(pk=pk) for name, pk in made.items()}
    assert {mask.task_id for mask in masks.values()} == {"spine-ct"}
    assert masks["some"].labels == [
        {"value": 1, "voxels": 10, "ml": 1.0, "first": 1, "last": 3, "areas": [4, 0, 6], "centroid": None}
    ]
    assert masks["first"].labels == [
        {"value": 1, "voxels": 5, "ml": None, "first": 0, "last": 0, "areas": [5], "centroid": None}
    ]
    assert masks["none"].labels == []
    assert [mask.mask.name for mask in masks.values()] == ["masks/some.h5", "masks/first.h5", "masks/none.h5"]


def test_versions_keep_their_task_and_one_of_an_unknown_task_gets_it_as_a_row(old: Any) -> None:
    spine, knee = _version(old, 1), _version(old, 2, task="knee-ct")
    old.get_model("registry", "ActiveVersion").objects.create(task="knee-ct", version=knee)

    _migrate()

    assert {version.pk: version.task_id for version in ModelVersion.objects.all()} == {
        spine.pk: "spine-ct",
        knee.pk: "knee-ct",
    }
    assert [label.name for label in Task.objects.get(pk="knee-ct").labels.all()] == ["knee-ct"]


def test_the_way_back_keeps_masks_and_versions(old: Any) -> None:
    _version(old, 1)
    _migrate()

    executor = MigrationExecutor(connection)
    executor.migrate(BEFORE)

    assert old.get_model("registry", "ModelVersion").objects.get().task == "spine-ct"
