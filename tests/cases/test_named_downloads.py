"""Masks of a task with several labels: what REST says of them and the files they can be taken away as."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from PIL import Image

from accounts.models import Role, User
from cases.models import Annotation
from registry.models import Task, TaskLabel
from spineml.masks.read import read_label_map
from spineml.readers.series import ReceivedFile
from spineml.tasks.task import Code, Label
from spineplatform.shared.models import AuditEvent
from tests import factories
from tests.api_client import api, problem
from tests.cases.test_api_masks import body, picture, take

pytestmark = pytest.mark.django_db
NAMES = {2: "왼쪽 콩팥", 7: "<script>alert('x')</script>", 200: "L1 vertebra"}
COLOURS = {2: "#ff0000", 7: "#00ff00", 200: "#808080"}


def named_task() -> Task:
    made = Task.objects.create(slug="odd-ct", name="Odd <i>task</i>")
    for position, (value, name) in enumerate(NAMES.items()):
        code = Code("66794005", "SCT", "L1 vertebra") if value == 200 else None
        TaskLabel.of(made, position, Label(value, name, f"S{value}", COLOURS[value], type=code)).save()
    return made


def label_map() -> np.ndarray:
    labels = np.zeros((factories.DEPTH, factories.HEIGHT, factories.WIDTH), np.uint8)
    labels[1:3, 4:8, 4:10] = 2
    labels[3, 4:8, 4:10] = 7
    labels[2:, 14:20, 12:24] = 200
    return labels


@pytest.fixture
def mask() -> Annotation:
    return factories.annotation(pixels=label_map(), task=named_task())


@pytest.fixture
def clinician(mask: Annotation) -> User:
    return factories.user(Role.CLINICIAN, institution=mask.institution)


def test_rest_names_the_task_and_each_label_with_its_size(mask: Annotation, clinician: User) -> None:
    told = api(clinician).get(f"/api/v1/masks/{mask.pk}/").json()

    assert told["task"] == "odd-ct"
    assert [(one["value"], one["name"], one["colour"]) for one in told["labels"]] == [
        (value, name, COLOURS[value]) for value, name in NAMES.items()
    ]
    last = told["labels"][2]
    assert last["code"] == {"value": "66794005", "scheme": "SCT", "meaning": "L1 vertebra"}
    assert (last["voxels"], last["first_slice"], last["last_slice"]) == (216, 2, 4)
    assert last["areas_px"] == [72, 72, 72]
    assert last["ml"] == pytest.approx(216 * 3.0 * 0.8 * 0.5 / 1000)
    z, y, x = (np.argwhere(label_map() == 200).mean(0)).tolist()
    assert last["centroid_mm"] == pytest.approx([x * 0.5, y * 0.8, z * 3.0])


def test_a_list_of_masks_asks_for_their_task_once(
    mask: Annotation, clinician: User, django_assert_max_num_queries: Any
) -> None:
    address = f"/api/v1/series/{mask.series_id}/masks/"
    with django_assert_max_num_queries(30) as one:
        api(clinician).get(address)
    for shift in (1, 2, 3):
        factories.annotation(of=mask.series, pixels=np.roll(label_map(), shift, 2), task=mask.task)
    with django_assert_max_num_queries(len(one.captured_queries) + 2):
        assert len(api(clinician).get(address).json()["results"]) == 4


@pytest.mark.parametrize("kind", ["mask.seg.nrrd", "mask.nii.gz", "mask.npy", "mask.zip"])
def test_a_named_mask_can_be_uploaded_again_with_its_values(
    mask: Annotation, clinician: User, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / kind
    path.write_bytes(body(take(clinician, mask, kind)))

    again = read_label_map([ReceivedFile(path, kind)], mask.series.geometry)

    np.testing.assert_array_equal(np.array([0, *(one.value for one in again.found)])[again.slots], label_map())
    if kind == "mask.seg.nrrd":
        assert {one.value: one.name for one in again.found} == NAMES
        assert {one.value: one.colour for one in again.found} == COLOURS


def test_a_zip_has_one_named_nifti_for_each_label(mask: Annotation, clinician: User, tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(body(take(clinician, mask, "labels.zip")))) as archive:
        names = archive.namelist()
        archive.extractall(tmp_path)
    assert names == ["002-왼쪽 콩팥.nii.gz", "007-_script_alert('x')__script_.nii.gz", "200-L1 vertebra.nii.gz"]
    for name, value in zip(names, NAMES, strict=True):
        image: Any = nibabel.load(tmp_path / name)
        np.testing.assert_array_equal(np.asarray(image.dataobj), (label_map() == value).transpose())


def test_one_label_is_taken_away_as_0_and_1(mask: Annotation, clinician: User, tmp_path: Path) -> None:
    response = take(clinician, mask, "mask.nii.gz", "?label=200")
    assert "odd-ct-" in response["Content-Disposition"]
    assert "-label-200-S200-mask.nii.gz" in response["Content-Disposition"]
    (tmp_path / "one.nii.gz").write_bytes(body(response))
    image: Any = nibabel.load(tmp_path / "one.nii.gz")
    np.testing.assert_array_equal(np.asarray(image.dataobj), (label_map() == 200).transpose())
    assert AuditEvent.objects.get(action="mask.downloaded").detail == {"kind": "mask.nii.gz", "label": "200"}


def test_a_picture_of_one_label_is_black_and_white_where_it_is_largest(mask: Annotation, clinician: User) -> None:
    response = take(clinician, mask, "mask.png", "?label=7")
    assert "-slice-4.png" in response["Content-Disposition"]
    np.testing.assert_array_equal(picture(response), (label_map()[3] == 7) * 255)


@pytest.mark.parametrize(
    ("kind", "query"),
    [
        ("mask.nii.gz", "?label=3"),
        ("mask.nii.gz", "?label=0"),
        ("overlay.png", "?label=L1"),
        ("mask.png", "?label=2,7"),
        ("labels.zip", "?label=2"),
        ("mask.seg.nrrd", "?label=200"),
    ],
)
def test_a_label_that_cannot_be_chosen_is_refused_with_what_can(
    mask: Annotation, clinician: User, kind: str, query: str
) -> None:
    response = take(clinician, mask, kind, query)
    assert problem(response) == (400, "bad-label")
    assert re.search(r"2, 7, 200|mask\.nii\.gz", str(response.json()))


def test_an_overlay_has_the_colour_of_each_label(mask: Annotation, clinician: User) -> None:
    pixels = picture(take(clinician, mask, "overlay.png", "?z=2&opacity=1"))
    at = [pixels[round(y * 1.6), x].tolist() for y, x in ((5, 6), (17, 18))]
    assert at == [[255, 0, 0], [128, 128, 128]]


def test_a_legend_is_beside_the_picture_when_it_is_wished(mask: Annotation, clinician: User) -> None:
    plain = picture(take(clinician, mask, "overlay.png", "?z=2"))
    legend = picture(take(clinician, mask, "overlay.png", "?z=2&legend=true"))
    np.testing.assert_array_equal(legend[:, : plain.shape[1]], plain)
    beside = legend[:, plain.shape[1] :].reshape(-1, 3)
    assert (beside == [255, 0, 0]).all(1).any()
    assert not (beside == [0, 255, 0]).all(1).any()
    assert problem(take(clinician, mask, "overlay.png", "?legend=perhaps")) == (400, "bad-picture")


def test_the_labels_are_a_table_and_plain_data(mask: Annotation, clinician: User) -> None:
    rows = list(csv.DictReader(io.StringIO(body(take(clinician, mask, "labels.csv")).decode())))
    told = json.loads(body(take(clinician, mask, "labels.json")))

    assert [(row["value"], row["name"]) for row in rows] == [(str(value), name) for value, name in NAMES.items()]
    assert (rows[2]["type"], rows[2]["voxels"], rows[2]["first_slice"]) == ("SCT 66794005 L1 vertebra", "216", "3")
    assert told["task"] == "odd-ct"
    assert [one["name"] for one in told["labels"]] == list(NAMES.values())


def test_the_spine_keeps_its_files_and_their_names(clinician: User, mask: Annotation) -> None:
    spine = factories.annotation(of=mask.series)
    response = take(clinician, spine, "mask.png", "?z=1")
    assert (
        response["Content-Disposition"]
        == f'attachment; filename="spine-{str(spine.pk)[:8]}-not-approved-mask-slice-2.png"'
    )
    image = Image.open(io.BytesIO(body(response)))
    assert image.mode == "L"
    told = api(clinician).get(f"/api/v1/masks/{spine.pk}/").json()
    assert [(one["value"], one["name"]) for one in told["labels"]] == [(1, "Spine")]


def test_pages_list_the_structures_and_escape_their_names(mask: Annotation, client: Any, clinician: User) -> None:
    client.force_login(clinician)
    for address in (mask.series.get_absolute_url(), mask.series.case.get_absolute_url()):
        page = client.get(address, follow=True).content.decode()
        assert "왼쪽 콩팥" in page
        assert "&lt;script&gt;alert(" in page
        assert "<script>alert(" not in page
        assert 'fill="#808080"' in page
        assert "Odd &lt;i&gt;task&lt;/i&gt;" in page


def test_a_mask_of_the_spine_has_no_table_of_structures(client: Any) -> None:
    spine = factories.annotation()
    client.force_login(factories.user(Role.CLINICIAN, institution=spine.institution))
    for address in (spine.series.get_absolute_url(), spine.series.case.get_absolute_url()):
        page = client.get(address, follow=True).content.decode()
        assert "mask.nii.gz" in page or "Read and correct" in page
        assert "Centroid" not in page
