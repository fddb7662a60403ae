"""Mask pictures of a CT whose files are numbered from the head, from the import to the mask."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from accounts.models import Role, User
from cases.intake.worker import run_import
from cases.models import Annotation, ImportRun, Series
from spineml.phantom import spine_phantom, write_dicom_series
from spineplatform.shared.lease import execute
from tests import factories
from tests.api_client import api, problem

pytestmark = pytest.mark.django_db(transaction=True)
DEPTH = 6
FROM_THE_FEET = [4, 6, 8, 10, 12, 14]


@pytest.fixture
def annotator() -> User:
    return factories.user(Role.ANNOTATOR)


@pytest.fixture
def series(annotator: User, tmp_path: Path) -> Series:
    """Imported by REST; IM0001 is the highest slice."""
    volume, _ = spine_phantom((DEPTH, 64, 48), 0, (4.0, 3.0, 3.5))
    files = [
        SimpleUploadedFile(f"IM{DEPTH - z:04d}", path.read_bytes())
        for z, path in enumerate(write_dicom_series(volume, tmp_path))
    ]
    answer = api(annotator).post("/api/v1/uploads/", {"files": files}, format="multipart")
    execute(ImportRun, answer.json()["run"]["id"], run_import)
    return Series.objects.get()


def pictures(name: str) -> list[SimpleUploadedFile]:
    """One for each slice, numbered from the head; the slice z from the feet has 4 + 2 z pixels."""
    files = []
    for z in range(DEPTH):
        pixels = np.zeros((64, 48), np.uint8)
        pixels[4 : 6 + z, 7:9] = 255
        sink = io.BytesIO()
        Image.fromarray(pixels).save(sink, "PNG")
        files.append(SimpleUploadedFile(name.format(DEPTH - z), sink.getvalue()))
    return files


def test_pictures_named_like_the_dicom_files_are_not_upside_down(series: Series, annotator: User) -> None:
    body = {"files": pictures("IM{:04d}.png")}
    response = api(annotator).post(f"/api/v1/series/{series.pk}/masks/", body, format="multipart")
    assert response.status_code == 201
    assert response.json()["areas_px"] == FROM_THE_FEET


def test_an_order_that_is_not_clear_is_asked_for_and_can_be_stated(series: Series, annotator: User) -> None:
    address = f"/api/v1/series/{series.pk}/masks/"
    refused = api(annotator).post(address, {"files": pictures("mask {}.png")}, format="multipart")
    assert problem(refused) == (400, "mask-order-unclear")
    assert not Annotation.objects.exists()
    for order, areas in (("from-head", FROM_THE_FEET), ("from-feet", FROM_THE_FEET[::-1])):
        body = {"files": pictures("mask {}.png"), "order": order}
        assert api(annotator).post(address, body, format="multipart").json()["areas_px"] == areas


def test_the_page_asks_for_the_order_too(series: Series, annotator: User, client: Client) -> None:
    client.force_login(annotator, backend="django.contrib.auth.backends.ModelBackend")
    address = f"/series/{series.pk}/masks/upload/"
    page = client.post(address, {"files": pictures("mask {}.png")})
    assert page.status_code == 400
    assert "slice order of the images is unclear" in page.content.decode()
    assert client.post(address, {"files": pictures("mask {}.png"), "order": "from-head"}).status_code == 302
    assert Annotation.objects.get().areas_px == FROM_THE_FEET


def test_only_what_tells_the_names_of_files_apart_is_kept(series: Series) -> None:
    assert series.meta["slice_names"] == ["6", "5", "4", "3", "2", "1"]
    assert "IM" not in str(series.meta)
