"""Data sets of any task: which masks they take and merge, and what they hold of each label."""

from __future__ import annotations

import numpy as np
import pytest
from django.test import Client

from accounts.models import Institution, Role, User
from cases.models import Annotation
from registry.models import Task
from registry.structures import UnknownTask
from tests import factories
from tests.training import chosen
from training.datasets.refusals import MasksOfAnotherTask
from training.datasets.selectors import Choice, labels_held_by, masks_of, preview
from training.datasets.services import dataset_create
from training.models import Dataset

pytestmark = pytest.mark.django_db
VERTEBRAE, SACRUM = (20, 21), 26


@pytest.fixture
def place() -> Institution:
    return factories.institution("Home")


@pytest.fixture
def admin(place: Institution) -> User:
    return factories.user(Role.MODEL_ADMIN, institution=place)


def vertebrae(place: Institution, *, split: str = "train", of: Annotation | None = None) -> Annotation:
    """An approved mask of L1 in slices 1 and 2, L2 in slice 2, and the sacrum in slice 0; on the series of ``of``."""
    series = of.series if of else factories.series(institution=place, image=chosen.image_and_labels()[0])
    pixels = np.zeros(series.geometry.shape, np.uint8)
    pixels[1:, 4:8, 4:8], pixels[2, 10:12, 4:8], pixels[0, 2:4, 2:4] = *VERTEBRAE, SACRUM
    mask = factories.annotation(of=series, pixels=pixels, task=Task.objects.get(pk="vertebrae-ct"))
    chosen.approve(mask)
    if split and of is None:
        chosen.set_split(series, split)
    return mask


def draft(place: Institution, admin: User, task: str, **values: object) -> Dataset:
    name = f"Draft {Dataset.objects.count()}"
    return dataset_create(name=name, institutions=[place], actor=admin, task=task, choice=Choice(**values))  # type: ignore[arg-type]


def test_a_data_set_takes_masks_of_its_task_and_of_those_that_merge_into_it(place: Institution, admin: User) -> None:
    spine, named = chosen.mask(place), vertebrae(place)
    assert set(masks_of(draft(place, admin, "spine-ct"))) == {spine, named}
    assert set(masks_of(draft(place, admin, "vertebrae-ct"))) == {named}


def test_of_a_series_with_approved_masks_of_both_tasks_the_own_one_is_taken(place: Institution, admin: User) -> None:
    spine = chosen.mask(place, split="train")
    named = vertebrae(place, of=spine)
    data = draft(place, admin, "spine-ct")
    assert list(masks_of(data)) == [spine]
    chosen.approve(spine, for_training=False)
    assert list(masks_of(data)) == [named]


def test_slices_are_counted_as_they_are_after_the_merge(place: Institution, admin: User) -> None:
    vertebrae(place)
    counts = {
        task: preview(masks_of(draft(place, admin, task)), task).counts["train"]["images_with_spine"]
        for task in ("spine-ct", "vertebrae-ct")
    }
    assert counts == {"spine-ct": 2, "vertebrae-ct": 3}, "the slice with nothing but sacrum has no spine"


def test_a_draft_says_what_each_split_has_of_each_label(place: Institution, admin: User) -> None:
    for split in ("train", "train", "test"):
        vertebrae(place, split=split)
    held = {one.value: one for one in labels_held_by(draft(place, admin, "vertebrae-ct"))}
    first = held[20]
    assert (first.name, first.splits["train"].patients, first.splits["test"].images) == ("L1 vertebra", 2, 2)
    volume = 32 * 5.0 * 3.2 * 3.2 / 1000
    assert first.ml == pytest.approx(3 * volume)
    assert held[19].patients == 0
    assert labels_held_by(draft(place, admin, "spine-ct")) == [], "a task of one label has no table"


def test_masks_of_other_tasks_and_tasks_that_are_not_there_are_refused(place: Institution, admin: User) -> None:
    spine = chosen.mask(place)
    with pytest.raises(MasksOfAnotherTask) as caught:
        draft(place, admin, "vertebrae-ct", annotations=(str(spine.pk),))
    assert "is of the task “" in str(caught.value.message)
    factories.task("kidneys", owner=factories.institution())
    for task in ("lungs", "kidneys"):
        with pytest.raises(UnknownTask):
            draft(place, admin, task)


def test_the_page_names_the_task_and_lists_its_labels(place: Institution, admin: User, client: Client) -> None:
    vertebrae(place)
    data = draft(place, admin, "vertebrae-ct")
    client.force_login(admin)
    page = client.get(data.get_absolute_url()).content.decode()
    assert data.task.name in page
    assert "L1 vertebra" in page
    assert "No training patient has these labels" in page
    body = client.get(f"/api/v1/datasets/{data.pk}/").json()
    assert body["task"] == "vertebrae-ct"
    assert {one["value"]: one["splits"]["train"]["images"] for one in body["labels"] if one["value"] in (20, 21)} == {
        20: 2,
        21: 1,
    }
    assert "labels" in body["missing"][-1]["message"]
