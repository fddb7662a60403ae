"""The tasks that come with the platform, and what masks of them may hold."""

from __future__ import annotations

import json

import numpy as np
import pytest
from django.core.management import call_command
from django.db import IntegrityError

from accounts.models import Role
from cases.models import Annotation, AnnotationSource
from registry.models import Task, TaskLabel
from registry.shipped import shipped_tasks_ensure
from registry.structures import UnknownTask, merge_between, task_get, tasks_seen
from spineml.tasks.mapping import ValuesOutsideTask
from spineml.tasks.shipped import SHIPPED, SPINE_OF_VERTEBRAE
from spineml.tasks.task import Label
from tests import factories

pytestmark = pytest.mark.django_db


def test_shipped_tasks_are_in_every_database_as_they_are_defined():
    assert tuple(Task.objects.get(pk=shipped.slug).definition for shipped in SHIPPED) == SHIPPED
    assert merge_between("vertebrae-ct", "spine-ct") == SPINE_OF_VERTEBRAE
    assert merge_between("spine-ct", "vertebrae-ct") is None


def test_what_was_renamed_stays_renamed_when_the_platform_is_updated():
    TaskLabel.objects.filter(task="vertebrae-ct", value=20).update(name="First lumbar vertebra", colour="#ffffff")
    Task.objects.filter(pk="vertebrae-ct").update(name="Column")

    shipped_tasks_ensure()
    call_command("migrate", verbosity=0)

    task = Task.objects.get(pk="vertebrae-ct")
    assert (task.name, task.labels.count()) == ("Column", 28)
    assert task.definition.label(20).name == "First lumbar vertebra"


@pytest.mark.parametrize("second", [{"value": 1, "name": "Other"}, {"value": 2, "name": "STRUCTURE 1"}])
def test_a_task_has_no_two_labels_of_one_value_or_name(second):
    task = factories.task()
    with pytest.raises(IntegrityError):
        TaskLabel.of(task, 1, Label(short="S", colour="#ffffff", **second)).save()


def test_people_see_the_platforms_tasks_and_their_own():
    reader = factories.user(Role.CLINICIAN)
    place = reader.memberships.get().institution
    factories.task("knee-ct", owner=place)
    factories.task("brain-ct", owner=factories.institution())

    assert [task.slug for task in tasks_seen(reader)] == ["spine-ct", "vertebrae-ct", "knee-ct"]
    assert task_get(place.pk, "knee-ct").name == "Knee-ct"
    with pytest.raises(UnknownTask):
        task_get(place.pk, "brain-ct")


def vertebrae(geometry) -> np.ndarray:
    pixels = np.zeros(geometry.shape, np.uint8)
    pixels[0, :2, :2] = 20
    pixels[1, :3, :3] = 21
    return pixels


def test_a_mask_knows_the_size_and_place_of_each_of_its_labels():
    series = factories.series()
    task = Task.objects.get(pk="vertebrae-ct")
    mask = factories.annotation(of=series, pixels=vertebrae(series.geometry), task=task)

    kept = Annotation.objects.get(pk=mask.pk)
    assert kept.task_id == "vertebrae-ct"
    assert kept.voxels == 13
    assert kept.areas_px[:2] == [4, 9]
    assert [(row["value"], row["voxels"], row["first"], row["last"]) for row in kept.labels] == [
        (20, 4, 0, 0),
        (21, 9, 1, 1),
    ]
    centre = series.geometry.affine_lps() @ [1.0, 1.0, 1.0, 1.0]
    assert kept.labels[1]["centroid"] == pytest.approx(list(centre[:3]))
    json.dumps(kept.labels)


def test_a_correction_is_of_the_task_of_its_parent():
    series = factories.series()
    first = factories.annotation(of=series, pixels=vertebrae(series.geometry), task=Task.objects.get(pk="vertebrae-ct"))
    second = factories.annotation(
        of=series, pixels=vertebrae(series.geometry), source=AnnotationSource.EDIT, parent=first
    )
    assert second.task_id == "vertebrae-ct"


def test_a_mask_of_a_version_is_of_its_task():
    version = factories.model_version(task=factories.task("organs", values=(1, 20, 21)))
    series = factories.series()
    mask = factories.annotation(
        of=series, pixels=vertebrae(series.geometry), source=AnnotationSource.MODEL, model_version=version
    )
    assert mask.task_id == "organs"


def test_values_that_are_no_labels_of_the_task_are_refused_by_their_value():
    series = factories.series()
    with pytest.raises(ValuesOutsideTask, match="Spine has no label with the value 20, 21"):
        factories.annotation(of=series, pixels=vertebrae(series.geometry))
    assert not Annotation.objects.exists()
