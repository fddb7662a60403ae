"""The pixels of a mask and the files it can be taken away as."""

from __future__ import annotations

import io
import zipfile
import zlib
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from PIL import Image

from accounts.models import Role, User
from cases.models import Annotation
from spineml.masks.read import read_mask
from spineml.readers.series import ReceivedFile
from spineplatform.shared.models import AuditEvent
from tests import factories
from tests.api_client import api, problem

pytestmark = pytest.mark.django_db
LARGEST = factories.DEPTH // 2


@pytest.fixture
def mask() -> Annotation:
    return factories.annotation()


@pytest.fixture
def clinician(mask: Annotation) -> User:
    return factories.user(Role.CLINICIAN, institution=mask.institution)


def take(user: User, mask: Annotation, kind: str, query: str = "") -> Any:
    return api(user).get(f"/api/v1/masks/{mask.pk}/download/{kind}/{query}")


def body(response: Any) -> bytes:
    assert response.status_code == 200
    return b"".join(response.streaming_content) if response.streaming else response.content


def picture(response: Any) -> np.ndarray:
    return np.array(Image.open(io.BytesIO(body(response))))


def test_a_slice_of_a_mask_is_its_stored_labels(mask: Annotation, clinician: User) -> None:
    response = api(clinician).get(f"/api/v1/masks/{mask.pk}/slices/1/", headers={"Accept-Encoding": "deflate"})
    assert response["X-Slice-Type"] == "uint8"
    pixels = np.frombuffer(zlib.decompress(response.content), np.uint8).reshape(factories.HEIGHT, factories.WIDTH)
    np.testing.assert_array_equal(pixels, factories.labels()[1])


@pytest.mark.parametrize("kind", ["mask.nii.gz", "mask.npy", "mask.zip"])
def test_a_whole_mask_can_be_uploaded_again_as_it_was_taken(
    mask: Annotation, clinician: User, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / kind
    path.write_bytes(body(take(clinician, mask, kind)))
    again = read_mask([ReceivedFile(path, kind)], mask.series.geometry)
    np.testing.assert_array_equal(again.labels, factories.labels())


def test_a_nifti_of_a_dicom_series_has_columns_first(mask: Annotation, clinician: User, tmp_path: Path) -> None:
    path = tmp_path / "mask.nii.gz"
    path.write_bytes(body(take(clinician, mask, "mask.nii.gz")))
    image: Any = nibabel.load(path)
    assert image.shape == (factories.WIDTH, factories.HEIGHT, factories.DEPTH)
    np.testing.assert_allclose(image.affine, mask.series.geometry.affine_ras())


def test_the_zip_holds_one_png_for_each_slice(mask: Annotation, clinician: User) -> None:
    with zipfile.ZipFile(io.BytesIO(body(take(clinician, mask, "mask.zip")))) as archive:
        assert len(archive.namelist()) == factories.DEPTH


def test_a_mask_png_is_0_and_255_on_the_pixels_of_the_slice(mask: Annotation, clinician: User) -> None:
    np.testing.assert_array_equal(picture(take(clinician, mask, "mask.png", "?z=1")), factories.labels()[1] * 255)


def test_without_a_slice_the_one_with_the_largest_area_is_drawn(mask: Annotation, clinician: User) -> None:
    response = take(clinician, mask, "mask.png")
    assert f"slice-{LARGEST + 1}.png" in response["Content-Disposition"]
    np.testing.assert_array_equal(picture(response) > 0, factories.labels()[LARGEST] > 0)


def test_an_empty_mask_is_drawn_in_the_middle(clinician: User, mask: Annotation) -> None:
    empty = factories.annotation(of=mask.series, pixels=np.zeros_like(factories.labels()))
    assert f"slice-{LARGEST + 1}." in take(clinician, empty, "overlay.jpg")["Content-Disposition"]


@pytest.mark.parametrize(("kind", "signature"), [("overlay.jpg", b"\xff\xd8\xff"), ("overlay.png", b"\x89PNG")])
def test_an_overlay_has_square_pixels(mask: Annotation, clinician: User, kind: str, signature: bytes) -> None:
    content = body(take(clinician, mask, kind, "?z=1"))
    assert content.startswith(signature)
    _, height_mm, width_mm = factories.SPACING
    tall = round(factories.HEIGHT * height_mm / width_mm)
    assert Image.open(io.BytesIO(content)).size == (factories.WIDTH, tall)


def test_opacity_0_shows_no_colour_and_1_nothing_else(mask: Annotation, clinician: User) -> None:
    clear = picture(take(clinician, mask, "overlay.png", "?z=1&opacity=0"))
    full = picture(take(clinician, mask, "overlay.png", "?z=1&opacity=1"))
    assert (clear[..., 0] == clear[..., 2]).all()
    assert not (full[18, 14] == full[18, 14][0]).all()


def test_the_window_changes_the_grey_values(mask: Annotation, clinician: User) -> None:
    bone = picture(take(clinician, mask, "overlay.png", "?z=1&window=bone"))
    soft = picture(take(clinician, mask, "overlay.png", "?z=1&window=soft"))
    assert (bone != soft).any()


@pytest.mark.parametrize("query", ["?z=first", "?window=lung", "?opacity=2", "?opacity=nan", "?opacity=thick"])
def test_a_picture_that_cannot_be_drawn_says_why(mask: Annotation, clinician: User, query: str) -> None:
    assert problem(take(clinician, mask, "overlay.png", query)) == (400, "bad-picture")


@pytest.mark.parametrize(("kind", "query"), [("mask.exe", ""), ("mask.png", "?z=5"), ("overlay.png", "?z=-1")])
def test_an_unknown_kind_or_slice_is_not_found(mask: Annotation, clinician: User, kind: str, query: str) -> None:
    assert problem(take(clinician, mask, kind, query)) == (404, "not-found")


@pytest.mark.parametrize("accepted", ["image/png", "text/html,*/*;q=0.8", "application/json"])
def test_a_picture_comes_whatever_the_request_accepts(mask: Annotation, clinician: User, accepted: str) -> None:
    address = f"/api/v1/masks/{mask.pk}/download/mask.png/"
    response = api(clinician).get(address, headers={"Accept": accepted})
    assert response["Content-Type"] == "image/png"
    assert problem(api(clinician).get(f"{address}?z=99", headers={"Accept": accepted})) == (404, "not-found")


def test_each_download_is_recorded_with_who_and_what(mask: Annotation, clinician: User) -> None:
    take(clinician, mask, "mask.png")
    event = AuditEvent.objects.get(action="mask.downloaded")
    assert (event.actor, event.object_id, event.detail) == (clinician, str(mask.pk), {"kind": "mask.png"})


def test_a_file_name_tells_nothing_about_the_patient(mask: Annotation, clinician: User) -> None:
    name = take(clinician, mask, "overlay.jpg")["Content-Disposition"]
    assert mask.series.case.patient.pseudonym not in name
    assert mask.series.case.title not in name
