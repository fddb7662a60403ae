"""Label maps by REST: which label each value is, said in the file, in the request, or afterwards."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from accounts.models import Role, User
from cases.models import Annotation, PendingMask, Series
from spineml.volumes.canonical_file import read_mask
from spineplatform.shared.storage import local_path
from tests import factories
from tests.api_client import api, problem
from tests.cases.test_api_mask_upload import npy

pytestmark = pytest.mark.django_db


@pytest.fixture
def series() -> Series:
    return factories.series()


@pytest.fixture
def annotator(series: Series) -> User:
    return factories.user(Role.ANNOTATOR, institution=series.institution)


def send(user: User, series: Series, *files: Any, **fields: Any) -> Any:
    address = f"/api/v1/series/{series.pk}/masks/"
    return api(user).post(address, {"files": list(files), **fields}, format="multipart")


def column(*values: int) -> np.ndarray:
    """Some pixels of each value, one below the other."""
    pixels = np.zeros((factories.DEPTH, factories.HEIGHT, factories.WIDTH), np.int16)
    for place, value in enumerate(values):
        pixels[place % factories.DEPTH, 2 * (place // factories.DEPTH) + 2, 3:8] = value
    return pixels


def seg_nrrd(pixels: np.ndarray, names: dict[int, str], geometry: Any) -> SimpleUploadedFile:
    """As 3D Slicer writes segmentations, raw."""
    affine = geometry.affine_lps()
    directions = " ".join(f"({','.join(map(str, affine[:3, axis]))})" for axis in range(3))
    lines = [
        "NRRD0004",
        "type: uint8",
        "dimension: 3",
        "space: left-posterior-superior",
        f"sizes: {' '.join(map(str, pixels.shape[::-1]))}",
        f"space directions: {directions}",
        f"space origin: ({','.join(map(str, affine[:3, 3]))})",
        "encoding: raw",
        "endian: little",
    ]
    for number, (value, name) in enumerate(names.items()):
        lines += [f"Segment{number}_LabelValue:={value}", f"Segment{number}_Name:={name}"]
        lines += [f"Segment{number}_Color:=0.5 0.25 1"]
    content = "\n".join(lines).encode() + b"\n\n" + pixels.astype(np.uint8).tobytes()
    return SimpleUploadedFile("Segmentation.seg.nrrd", content)


def stored() -> np.ndarray:
    return read_mask(local_path(Annotation.objects.get().mask)).labels


# --- said by the file or the request ----------------------------------------------------------------------------------
def test_values_of_the_task_are_taken_as_they_are(series: Series, annotator: User) -> None:
    response = send(annotator, series, npy(column(20, 21, 26)), task="vertebrae-ct", label="By hand")
    assert response.status_code == 201, response.json()
    assert (response.json()["task"], response.json()["label"]) == ("vertebrae-ct", "By hand")
    np.testing.assert_array_equal(stored(), column(20, 21, 26))
    assert not PendingMask.objects.exists()


def test_the_names_in_the_file_decide(series: Series, annotator: User) -> None:
    file = seg_nrrd(column(1, 2), {1: "vertebrae_L2", 2: "L1 vertebra"}, series.geometry)
    assert send(annotator, series, file, task="vertebrae-ct").status_code == 201
    np.testing.assert_array_equal(stored(), column(21, 20))


def test_a_mapping_decides_over_everything(series: Series, annotator: User) -> None:
    file = seg_nrrd(column(1, 2, 7), {1: "L2", 2: "L1", 7: "Cage"}, series.geometry)
    mapping = json.dumps({"1": 22, "2": 22, "7": None})
    assert send(annotator, series, file, task="vertebrae-ct", mapping=mapping).status_code == 201
    np.testing.assert_array_equal(stored(), column(22, 22, 0))


def test_forty_values_become_five_labels(series: Series, annotator: User) -> None:
    values = list(range(101, 141))
    mapping = {str(value): 20 + (value - 101) // 8 for value in values}
    response = send(annotator, series, npy(column(*values)), task="vertebrae-ct", mapping=json.dumps(mapping))
    assert response.status_code == 201, response.json()
    assert set(np.unique(stored())) == {0, 20, 21, 22, 23, 24}
    assert [row["value"] for row in Annotation.objects.get().labels] == [20, 21, 22, 23, 24]


def test_a_spine_mask_may_have_a_mapping_too(series: Series, annotator: User) -> None:
    mapping = json.dumps({"5": 1, "6": 1, "9": None})
    assert send(annotator, series, npy(column(5, 6, 9)), mapping=mapping).json()["task"] == "spine-ct"
    np.testing.assert_array_equal(stored(), column(1, 1, 0))


# --- asked for --------------------------------------------------------------------------------------------------------
def test_values_without_a_label_are_refused_by_name_and_wait_for_a_mapping(series: Series, annotator: User) -> None:
    file = seg_nrrd(column(1, 2), {1: "L1", 2: "척추 <b>케이지</b>"}, series.geometry)
    refused = send(annotator, series, file, task="vertebrae-ct")
    assert problem(refused) == (400, "values-without-label")
    body = refused.json()
    assert "2 (척추 <b>케이지</b>)" in body["detail"]
    assert [(one["value"], one["name"], one["voxels"], one["label"], one["by"]) for one in body["found"]] == [
        (1, "L1", 5, 20, "name"),
        (2, "척추 <b>케이지</b>", 5, None, ""),
    ]
    assert body["found"][0]["colour"] == "#8040ff"
    assert not Annotation.objects.exists()

    address = f"/api/v1/pending-masks/{body['pending']}/"
    assert api(annotator).get(address).json()["found"][0]["label"] == 20
    completed = api(annotator).post(address, {"mapping": {"1": 20, "2": None}}, format="json")
    assert completed.status_code == 201, completed.json()
    np.testing.assert_array_equal(stored(), column(20, 0))
    assert api(annotator).get(address).status_code == 404


def test_numbers_of_another_program_are_only_a_proposal(series: Series, annotator: User) -> None:
    refused = send(annotator, series, npy(column(31, 30)), task="vertebrae-ct")
    assert problem(refused) == (400, "values-without-label")
    assert [(one["value"], one["label"], one["by"]) for one in refused.json()["found"]] == [
        (30, 21, "totalsegmentator"),
        (31, 20, "totalsegmentator"),
    ]


def test_what_was_said_is_proposed_the_next_time_at_the_same_institution(series: Series, annotator: User) -> None:
    def proposed(user: User, of: Series) -> list[tuple[int | None, str]]:
        address = f"/api/v1/series/{of.pk}/pending-masks/"
        files = [seg_nrrd(column(4, 6), {4: "Cage", 6: "Wirbel 20"}, of.geometry)]
        response = api(user).post(address, {"files": files, "task": "vertebrae-ct"}, format="multipart")
        assert response.status_code == 201, response.json()
        return [(one["label"], one["by"]) for one in response.json()["found"]]

    assert proposed(annotator, series) == [(None, ""), (None, "")]
    file = seg_nrrd(column(2, 1), {2: "Cage", 1: "Wirbel 20"}, series.geometry)
    mapping = json.dumps({"2": None, "1": 20})
    assert send(annotator, series, file, task="vertebrae-ct", mapping=mapping).status_code == 201
    colleague = factories.user(Role.ANNOTATOR, institution=series.institution)
    assert proposed(colleague, series) == [(None, "remembered"), (20, "remembered")]
    elsewhere = factories.series(institution=factories.institution())
    stranger = factories.user(Role.ANNOTATOR, institution=elsewhere.institution)
    assert proposed(stranger, elsewhere) == [(None, ""), (None, "")]


def test_each_value_has_a_picture(series: Series, annotator: User) -> None:
    refused = send(annotator, series, npy(column(40, 41)), task="vertebrae-ct").json()
    address = f"/api/v1/pending-masks/{refused['pending']}/"
    for one in api(annotator).get(address).json()["found"]:
        picture = api(annotator).get(one["picture"])
        assert picture["Content-Type"] == "image/png"
        assert picture.content.startswith(b"\x89PNG")
    assert api(annotator).get(f"{address}pictures/7/").status_code == 404


def test_a_pending_label_map_is_its_authors_alone(series: Series, annotator: User) -> None:
    pending = send(annotator, series, npy(column(40, 41)), task="vertebrae-ct").json()["pending"]
    colleague = factories.user(Role.ANNOTATOR, institution=series.institution)
    address = f"/api/v1/pending-masks/{pending}/"
    assert api(colleague).get(address).status_code == 404
    assert api(colleague).post(address, {"mapping": {}}, format="json").status_code == 404
    assert api(annotator).delete(address).status_code == 204
    assert api(annotator).get(address).status_code == 404


@pytest.mark.django_db(transaction=True)
def test_after_a_day_it_is_gone_with_its_file() -> None:
    series = factories.series()
    annotator = factories.user(Role.ANNOTATOR, institution=series.institution)
    send(annotator, series, npy(column(40, 41)), task="vertebrae-ct")
    old = PendingMask.objects.get()
    PendingMask.objects.update(created_at=timezone.now() - timedelta(days=1, minutes=1))
    send(annotator, series, npy(column(42, 43)), task="vertebrae-ct")
    assert not PendingMask.objects.filter(pk=old.pk).exists()
    assert not default_storage.exists(old.file.name)
    assert default_storage.exists(PendingMask.objects.get().file.name)


# --- what is refused --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"mapping": '{"20": 99, "21": 21}'}, "mapping-rejected"),
        ({"mapping": '{"20": 20}'}, "values-without-label"),
        ({"mapping": '{"20": 20, "21": 21, "22": 22}'}, "mapping-rejected"),
        ({"mapping": '{"20": null, "21": null}'}, "mask-empty"),
        ({"mapping": "[20, 21]"}, "invalid"),
        ({"mapping": '{"20": "L1", "21": 21}'}, "invalid"),
        ({"mapping": '{"20": true, "21": 21}'}, "invalid"),
        ({"mapping": '{"²0": 20, "21": 21}'}, "invalid"),
        ({"mapping": '{"20": 20'}, "invalid"),
        ({"task": "knee-mri"}, "unknown-task"),
        ({"task": "brain-ct"}, "unknown-task"),
        ({"every_label": "true"}, "every-label-is-spine"),
    ],
)
def test_a_mapping_that_does_not_fit_keeps_nothing(
    series: Series, annotator: User, fields: dict[str, str], code: str
) -> None:
    factories.task("brain-ct", owner=factories.institution())
    response = send(annotator, series, npy(column(20, 21)), **{"task": "vertebrae-ct", **fields})
    assert problem(response) == (400, code)
    assert not Annotation.objects.exists()
    assert not PendingMask.objects.exists()


def test_the_same_label_map_twice_names_the_first(series: Series, annotator: User) -> None:
    first = send(annotator, series, npy(column(20, 21)), task="vertebrae-ct")
    again = send(annotator, series, npy(column(20, 21)), task="vertebrae-ct")
    assert problem(again) == (409, "same-mask")
    assert again.json()["annotation"] == first.json()["id"]
    assert not PendingMask.objects.exists()


def test_long_names_are_cut_and_shown_as_text(series: Series, annotator: User) -> None:
    file = seg_nrrd(column(1), {1: "<script>alert(1)</script>" + "w" * 300}, series.geometry)
    name = send(annotator, series, file, task="vertebrae-ct").json()["found"][0]["name"]
    assert name.startswith("<script>")
    assert len(name) == 64
