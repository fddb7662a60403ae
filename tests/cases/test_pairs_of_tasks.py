"""Pairs of images and label maps: which label each value is, said for all of them at once, or by the files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import Role, User
from cases.intake.uploads import EveryLabelOfSpine
from cases.models import Annotation, Upload
from spineml.tasks.mapping import MappingRejected
from spineml.volumes.canonical_file import read_mask
from spineplatform.shared.storage import local_path
from tests import factories
from tests.api_client import api, problem
from tests.cases.test_pairs import folder_of, mask, picture, send, verdicts

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sender() -> User:
    return factories.user(Role.ANNOTATOR)


def scan(root: Path, image: str, **masks: dict[int, slice]) -> list[Path]:
    """A CT as NIfTI, and masks beside it in which the rows of each value are given."""
    paths = [root / image]
    paths[0].parent.mkdir(parents=True, exist_ok=True)
    hu = np.random.default_rng(1).integers(-500, 800, (12, 10, 6)).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(hu, np.diag([1.0, 1.0, 2.0, 1.0])), paths[0])
    for name, values in masks.items():
        labels = np.zeros(hu.shape, np.uint8)
        for value, rows in values.items():
            labels[rows, 2:5, 1:4] = value
        paths.append(root / f"{name.replace('__', '/')}.nii.gz")
        paths[-1].parent.mkdir(parents=True, exist_ok=True)
        nibabel.save(nibabel.Nifti1Image(labels, np.diag([1.0, 1.0, 2.0, 1.0])), paths[-1])
    return paths


def values_of(mask_row: Annotation) -> list[int]:
    found: list[int] = np.unique(read_mask(local_path(mask_row.mask)).labels).tolist()
    return found


def test_values_of_the_task_are_its_labels(sender: User, tmp_path: Path) -> None:
    paths = scan(tmp_path, "imagesTr/a_0000.nii.gz", labelsTr__a={20: slice(1, 4), 21: slice(5, 8)})
    send(sender, tmp_path, paths, task="vertebrae-ct")
    made = Annotation.objects.get()
    assert (made.task_id, values_of(made)) == ("vertebrae-ct", [0, 20, 21])


def test_a_mapping_counts_for_every_pair_and_may_name_values_that_one_lacks(sender: User, tmp_path: Path) -> None:
    paths = scan(tmp_path, "imagesTr/a_0000.nii.gz", labelsTr__a={1: slice(1, 4), 9: slice(5, 8)})
    send(sender, tmp_path, paths, task="vertebrae-ct", mapping={1: 24, 2: 23, 9: None})
    assert values_of(Annotation.objects.get()) == [0, 24]


def test_a_value_without_a_label_refuses_its_pair_by_name(sender: User, tmp_path: Path) -> None:
    paths = scan(tmp_path, "imagesTr/a_0000.nii.gz", labelsTr__a={20: slice(1, 4), 77: slice(5, 8)})
    upload = send(sender, tmp_path, paths, task="vertebrae-ct")
    assert verdicts(upload)["labelsTr/a.nii.gz"] == ("rejected", "values-without-label")
    assert "77" in upload.verdicts.get(name="labelsTr/a.nii.gz").reason
    assert not Annotation.objects.exists()


def test_one_file_for_each_bone_is_named_by_its_file(sender: User, tmp_path: Path) -> None:
    files = {
        "s1__segmentations__vertebrae_L1": {1: slice(1, 4)},
        "s1__segmentations__vertebrae_L2": {1: slice(5, 8)},
        "s1__segmentations__sacrum": {1: slice(9, 11)},
    }
    upload = send(sender, tmp_path, scan(tmp_path, "s1/ct.nii.gz", **files), task="vertebrae-ct")
    assert values_of(Annotation.objects.get()) == [0, 20, 21, 26], verdicts(upload)


def test_pictures_with_one_value_are_the_one_label_of_a_task(sender: User, tmp_path: Path) -> None:
    factories.task("lungs", values=(3,))
    send(sender, tmp_path, folder_of(tmp_path, ["a"]), task="lungs")
    made = Annotation.objects.get()
    assert (made.task_id, values_of(made)) == ("lungs", [0, 3])


def test_a_spine_mask_of_pairs_stays_as_it_was(sender: User, tmp_path: Path) -> None:
    upload = send(sender, tmp_path, [picture(tmp_path / "images/a.png", 1), mask(tmp_path / "masks/a.png")])
    assert "task" not in upload.options["pairs"]
    assert Annotation.objects.get().task_id == "spine-ct"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"task": "vertebrae-ct", "mapping": {1: 99}}, MappingRejected),
        ({"task": "vertebrae-ct", "every_label": True}, EveryLabelOfSpine),
        ({"mapping": {1: 1}, "every_label": True}, EveryLabelOfSpine),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_read(
    sender: User, tmp_path: Path, options: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        send(sender, tmp_path, folder_of(tmp_path, ["a"]), **options)
    assert not Upload.objects.exists()


def test_rest_takes_task_and_mapping_and_no_task_of_others(sender: User) -> None:
    other = factories.task("theirs", owner=factories.institution())
    body = {"files": [SimpleUploadedFile("images/a.png", b"x")], "pairs": "true"}
    sent = {**body, "task": "vertebrae-ct", "mapping": json.dumps({"1": 20, "2": None})}
    answer = api(sender).post("/api/v1/uploads/", sent, format="multipart")
    assert answer.status_code == 201, answer.json()
    assert Upload.objects.get().options["pairs"]["mapping"] == {"1": 20, "2": None}
    sent = {**body, "files": [SimpleUploadedFile("images/b.png", b"y")], "task": other.slug}
    assert problem(api(sender).post("/api/v1/uploads/", sent, format="multipart")) == (400, "unknown-task")


def test_the_page_offers_the_tasks_of_ones_institutions(sender: User) -> None:
    factories.task("theirs", owner=factories.institution())
    client = Client()
    client.force_login(sender)
    page = client.get("/cases/upload/").content.decode()
    assert '<option value="vertebrae-ct">' in page
    assert '<option value="spine-ct" selected>' in page
    assert "theirs" not in page
