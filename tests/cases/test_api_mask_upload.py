"""The masks of a series through the REST API: uploading one, and the list."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from accounts.models import Role, User
from cases.models import Annotation, Series
from spineml.volumes.canonical_file import read_mask
from spineplatform.shared.storage import local_path
from tests import factories
from tests.api_client import api, problem

pytestmark = pytest.mark.django_db


@pytest.fixture
def series() -> Series:
    return factories.series()


@pytest.fixture
def annotator(series: Series) -> User:
    return factories.user(Role.ANNOTATOR, institution=series.institution)


def npy(pixels: np.ndarray, name: str = "mask.npy") -> SimpleUploadedFile:
    sink = io.BytesIO()
    np.lib.format.write_array(sink, pixels, allow_pickle=False)
    return SimpleUploadedFile(name, sink.getvalue())


def png(pixels: np.ndarray, name: str) -> SimpleUploadedFile:
    sink = io.BytesIO()
    Image.fromarray(pixels).save(sink, "PNG")
    return SimpleUploadedFile(name, sink.getvalue())


def send(user: User, series: Series, *files: SimpleUploadedFile, **fields: Any) -> Any:
    address = f"/api/v1/series/{series.pk}/masks/"
    return api(user).post(address, {"files": list(files), **fields}, format="multipart")


def test_an_uploaded_mask_is_kept_on_the_grid_of_the_series(series: Series, annotator: User) -> None:
    response = send(annotator, series, npy(factories.labels()), label="By hand")
    assert response.status_code == 201
    body = response.json()
    assert (body["source"], body["author"], body["label"]) == ("upload", annotator.username, "By hand")
    assert body["voxels"] == int(factories.labels().sum())
    assert body["slices_with_mask"] == factories.DEPTH - 1
    volume_ml = factories.labels().sum() * np.prod(factories.SPACING) / 1000
    assert body["volume_ml"] == pytest.approx(volume_ml)
    stored = read_mask(local_path(Annotation.objects.get().mask))
    np.testing.assert_array_equal(stored.labels, factories.labels())
    assert api(annotator).get(response["Location"]).json() == body


def test_one_png_for_each_slice_makes_a_mask(series: Series, annotator: User) -> None:
    labels = factories.labels()
    files = [png(labels[z] * 255, f"slice{z}.png") for z in reversed(range(factories.DEPTH))]
    assert send(annotator, series, *files).json()["voxels"] == int(labels.sum())


@pytest.mark.parametrize(
    ("pixels", "code"),
    [
        (np.zeros((factories.DEPTH, factories.HEIGHT, factories.WIDTH), np.uint8), "mask-empty"),
        (np.ones((factories.DEPTH, factories.HEIGHT, factories.WIDTH + 1), np.uint8), "mask-wrong-size"),
        (np.ones((factories.DEPTH + 1, factories.HEIGHT, factories.WIDTH), np.uint8), "mask-wrong-slice-count"),
        (np.arange(factories.DEPTH * 768).reshape(factories.DEPTH, 24, 32) % 4, "mask-too-many-values"),
    ],
)
def test_a_mask_that_does_not_fit_says_how(series: Series, annotator: User, pixels: np.ndarray, code: str) -> None:
    assert problem(send(annotator, series, npy(pixels))) == (400, code)
    assert not Annotation.objects.exists()


def test_a_label_map_is_taken_when_every_label_is_spine(series: Series, annotator: User) -> None:
    pixels = factories.labels() * np.arange(factories.DEPTH, dtype=np.uint8)[:, None, None]
    assert problem(send(annotator, series, npy(pixels))) == (400, "mask-too-many-values")
    assert send(annotator, series, npy(pixels), every_label="true").status_code == 201


def test_the_same_mask_twice_names_the_first(series: Series, annotator: User) -> None:
    first = send(annotator, series, npy(factories.labels())).json()
    again = send(annotator, series, npy(factories.labels()))
    assert problem(again) == (409, "same-mask")
    assert again.json()["annotation"] == first["id"]


def test_a_request_without_a_mask_names_the_field(series: Series, annotator: User) -> None:
    response = send(annotator, series, label="nothing")
    assert problem(response) == (400, "invalid")
    assert set(response.json()["errors"]) == {"files"}


def test_masks_are_listed_from_new_to_old(series: Series, annotator: User) -> None:
    old, new = factories.annotation(of=series), factories.prediction(of=series).annotation
    factories.annotation()
    shown = api(annotator).get(f"/api/v1/series/{series.pk}/masks/").json()["results"]
    assert [one["id"] for one in shown] == [str(new.pk), str(old.pk)]
    assert shown[0]["prediction"]["model_version"]["name"] == str(new.model_version)
