"""Corrections, drafts, measurements and settings of the reading room by REST."""

from __future__ import annotations

import base64
import csv
import io
import struct
import uuid
import zlib
from typing import Any

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from cases.models import Annotation, Draft, Measurement, Series
from spineml.volumes.canonical_file import read_mask
from spineplatform.shared import storage
from spineplatform.shared.models import AuditEvent
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def mask() -> Annotation:
    return factories.annotation()


@pytest.fixture
def clinician(mask: Annotation) -> User:
    return factories.user("clinician", institution=mask.institution)


def door(user: User, **headers: str) -> Client:
    client = Client(headers=headers)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def packed(pixels: np.ndarray) -> str:
    return base64.b64encode(zlib.compress(np.ascontiguousarray(pixels, np.uint8).tobytes())).decode()


def labels_of(annotation: Annotation) -> np.ndarray:
    return read_mask(storage.local_path(annotation.mask)).labels


def correct(user: User, series: Series, **body: Any) -> Any:
    address = reverse("api:corrections", args=[series.pk])
    return door(user).post(address, body, content_type="application/json")


def edited(mask: Annotation, z: int = 2, value: int = 1) -> dict[str, str]:
    pixels = labels_of(mask)[z].copy()
    pixels[0:3, 0:3] = value
    return {str(z): packed(pixels)}


# --- corrections ------------------------------------------------------------------------------------------------------
def test_a_correction_is_a_new_mask_with_its_parent_and_only_the_sent_slices_differ(
    mask: Annotation, clinician: User
) -> None:
    before = labels_of(mask)
    answer = correct(clinician, mask.series, base=str(mask.pk), slices=edited(mask))
    assert answer.status_code == 201
    saved = Annotation.objects.get(pk=answer.json()["id"])
    expected = before.copy()
    expected[2, 0:3, 0:3] = 1
    assert (labels_of(saved) == expected).all()
    assert (labels_of(mask) == before).all()
    assert (saved.source, saved.parent, saved.author) == ("edit", mask, clinician)
    assert saved.areas_px == [int(np.count_nonzero(one)) for one in expected]
    assert saved.voxels == int(expected.sum())
    assert saved.pixel_hash == factories.annotation(of=mask.series, pixels=expected).pixel_hash
    assert AuditEvent.objects.filter(action="mask.corrected", object_id=str(saved.pk)).exists()
    mask.series.case.refresh_from_db()
    assert mask.series.case.state == "corrected"


def test_a_mask_can_be_drawn_from_nothing(clinician: User, mask: Annotation) -> None:
    pixels = np.zeros(mask.series.geometry.shape[1:], np.uint8)
    pixels[4, 5] = 1
    answer = correct(clinician, mask.series, base=None, slices={"1": packed(pixels)}, label="By hand")
    saved = Annotation.objects.get(pk=answer.json()["id"])
    assert labels_of(saved)[1, 4, 5] == 1
    assert labels_of(saved).sum() == 1
    assert (saved.source, saved.parent, saved.label) == ("drawn", None, "By hand")


def test_the_same_correction_sent_again_is_saved_once(mask: Annotation, clinician: User) -> None:
    first = correct(clinician, mask.series, base=str(mask.pk), slices=edited(mask))
    again = correct(clinician, mask.series, base=str(mask.pk), slices=edited(mask))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]


def test_who_saves_second_is_told_and_may_keep_both(mask: Annotation, clinician: User) -> None:
    other = factories.user("annotator", institution=mask.institution)
    first = correct(other, mask.series, base=str(mask.pk), slices=edited(mask, z=1))
    second = correct(clinician, mask.series, base=str(mask.pk), slices=edited(mask, z=3))
    assert second.status_code == 409
    assert second.json()["code"] == "saved-first"
    assert second.json()["annotation"] == first.json()["id"]
    kept = correct(clinician, mask.series, base=str(mask.pk), slices=edited(mask, z=3), alongside=True)
    assert kept.status_code == 201
    assert mask.corrections.count() == 2


@pytest.mark.parametrize(
    ("slices", "code"),
    [
        ({}, "nothing-changed"),
        ({"99": packed(np.zeros((24, 32)))}, "slice-damaged"),
        ({"1": packed(np.zeros((24, 31)))}, "slice-damaged"),
        ({"1": packed(np.zeros((4000, 4000)))}, "slice-damaged"),  # never unpacked whole
        ({"1": base64.b64encode(b"not zlib").decode()}, "slice-damaged"),
        ({"1": "%%%"}, "slice-damaged"),
        ({"one": "AAAA"}, "invalid"),
    ],
)
def test_a_correction_that_does_not_fit_is_refused_with_its_reason(
    mask: Annotation, clinician: User, slices: dict[str, str], code: str
) -> None:
    answer = correct(clinician, mask.series, base=str(mask.pk), slices=slices)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert not mask.corrections.exists()


def test_a_correction_that_changes_nothing_is_no_new_mask(mask: Annotation, clinician: User) -> None:
    answer = correct(clinician, mask.series, base=str(mask.pk), slices={"2": packed(labels_of(mask)[2])})
    assert (answer.status_code, answer.json()["code"]) == (400, "nothing-changed")


def test_the_mask_of_another_series_is_no_base(mask: Annotation, clinician: User) -> None:
    other = factories.annotation(of=factories.series(institution=mask.institution))
    answer = correct(clinician, mask.series, base=str(other.pk), slices=edited(mask))
    assert answer.status_code == 404


def test_a_page_opened_by_one_person_never_writes_as_another(mask: Annotation, clinician: User) -> None:
    address = reverse("api:corrections", args=[mask.series_id])
    body = {"base": str(mask.pk), "slices": edited(mask)}
    answer = door(clinician, **{"X-Reader": str(clinician.pk + 1)}).post(address, body, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (409, "another-person")


# --- drafts -----------------------------------------------------------------------------------------------------------
def test_a_draft_grows_slice_by_slice_comes_back_with_the_page_and_goes_with_the_save(
    mask: Annotation, clinician: User
) -> None:
    client = door(clinician)
    address = reverse("api:draft", args=[mask.series_id])

    def put(**body: Any) -> Any:
        return client.put(address, {"base": str(mask.pk), **body}, content_type="application/json")

    first = put(slices=edited(mask, z=1), revision=0).json()["revision"]
    second = put(slices=edited(mask, z=2), revision=first).json()["revision"]
    assert put(slices={"1": None}, revision=second).status_code == 200
    reading = client.get(reverse("api:reading", args=[mask.series_id])).json()
    assert reading["draft"]["slices"] == edited(mask, z=2)
    assert reading["draft"]["base"] == str(mask.pk)
    late = put(slices=edited(mask, z=3), revision=first)
    assert (late.status_code, late.json()["code"]) == (409, "draft-elsewhere")
    again = put(slices=edited(mask, z=2), revision=0)  # the page that closed had sent it already
    assert (again.status_code, again.json()["revision"]) == (200, reading["draft"]["revision"])
    correct(clinician, mask.series, base=str(mask.pk), slices=edited(mask))
    assert not Draft.objects.exists()


def test_a_draft_is_seen_by_its_author_only(mask: Annotation, clinician: User) -> None:
    address = reverse("api:draft", args=[mask.series_id])
    body = {"base": str(mask.pk), "slices": edited(mask), "revision": 0}
    door(clinician).put(address, body, content_type="application/json")
    other = factories.user("clinician", institution=mask.institution)
    assert door(other).get(reverse("api:reading", args=[mask.series_id])).json()["draft"] is None


# --- measurements -----------------------------------------------------------------------------------------------------
def measure(user: User, series: Series, kind: str, points: list[list[float]], **values: float) -> Any:
    body = {"kind": kind, "plane": "coronal", "index": 3, "points": points, "values": values}
    return door(user).post(reverse("api:measurements", args=[series.pk]), body, content_type="application/json")


@pytest.mark.parametrize(
    ("kind", "points", "values"),
    [
        ("length", [[0, 0, 0], [3, 4, 12]], {"length_mm": 13}),
        ("angle", [[1, 0, 0], [0, 0, 0], [0, 0, 2]], {"degrees": 90}),
        ("cobb", [[0, 0, 50], [10, 0, 50], [0, 0, 0], [10, 0, 10]], {"degrees": 45}),
        (
            "height-ratio",
            [[0, 0, 15], [0, 0, 0], [0, 20, 20], [0, 20, 0]],
            {"anterior_mm": 15, "posterior_mm": 20, "ratio": 0.75},
        ),
    ],
)
def test_a_measurement_is_computed_from_its_points_and_kept_with_author_and_time(
    mask: Annotation, clinician: User, kind: str, points: list[list[float]], values: dict[str, float]
) -> None:
    answer = measure(clinician, mask.series, kind, points, nonsense=1)
    assert answer.status_code == 201
    assert answer.json()["values"] == pytest.approx(values)
    assert answer.json()["author"] == clinician.display_name()
    text = door(clinician).get(reverse("viewer:measurements_csv", args=[mask.series_id])).content.decode()
    assert text.splitlines()[0].startswith("kind,plane,index,name,value")
    assert len(text.splitlines()) == 1 + len(values)


def test_the_measurements_name_a_person_called_like_a_formula_as_text(mask: Annotation) -> None:
    person = factories.user("clinician", institution=mask.institution, username="+1-1@example.org")
    assert measure(person, mask.series, "length", [[-1, 0, 0], [3, 4, 12]]).status_code == 201
    text = door(person).get(reverse("viewer:measurements_csv", args=[mask.series_id])).content.decode()
    row = next(iter(csv.DictReader(io.StringIO(text))))
    assert row["author"] == "'+1-1@example.org"
    assert row["points_lps_mm"].startswith("(-1.000,0.000,0.000) (")


def test_a_measurement_that_is_sent_again_is_kept_once_and_its_id_is_nobody_elses(
    mask: Annotation, clinician: User
) -> None:
    body = {"id": str(uuid.uuid4()), "kind": "length", "plane": "axial", "index": 0, "points": [[0, 0, 0], [3, 4, 0]]}
    address = reverse("api:measurements", args=[mask.series_id])
    colleague = factories.user("clinician", institution=mask.institution)
    sent = [
        door(person).post(address, body, content_type="application/json").status_code
        for person in (clinician, clinician, colleague)
    ]
    assert sent == [201, 200, 409]
    assert Measurement.objects.get().author == clinician


def test_the_values_of_a_region_are_those_of_the_viewer(mask: Annotation, clinician: User) -> None:
    answer = measure(clinician, mask.series, "ellipse", [[0, 0, 0], [5, 5, 0]], mean_hu=12.5, area_mm2=20.0)
    assert answer.json()["values"] == {"mean_hu": 12.5, "area_mm2": 20.0}


def test_points_that_make_no_measurement_are_refused(mask: Annotation, clinician: User) -> None:
    assert measure(clinician, mask.series, "angle", [[0, 0, 0], [0, 0, 0], [1, 0, 0]]).status_code == 400
    assert measure(clinician, mask.series, "cobb", [[0, 0, 0], [1, 0, 0]]).status_code == 400


def test_only_its_author_removes_a_measurement(mask: Annotation, clinician: User) -> None:
    measurement = factories.measurement(of=mask.series)
    address = reverse("api:measurement", args=[measurement.pk])
    assert door(clinician).delete(address).status_code == 403
    assert door(measurement.author).delete(address).status_code == 204


# --- settings and slices ----------------------------------------------------------------------------------------------
def test_settings_come_back_with_the_next_series(mask: Annotation, clinician: User) -> None:
    client = door(clinician)
    client.put(reverse("api:viewer-settings"), {"preset": "soft"}, content_type="application/json")
    assert client.get(reverse("api:reading", args=[mask.series_id])).json()["settings"] == {"preset": "soft"}


def test_several_slices_come_in_one_answer_that_may_be_kept(mask: Annotation, clinician: User) -> None:
    client = door(clinician)
    address = reverse("api:mask-slices", args=[mask.pk])
    answer = client.get(address, {"first": 3, "count": 8})
    assert answer["Cache-Control"].endswith("immutable")
    body, found = answer.content, []
    while body:
        (length,) = struct.unpack("<I", body[:4])
        found.append(np.frombuffer(zlib.decompress(body[4 : 4 + length]), np.uint8))
        body = body[4 + length :]
    assert (np.array(found).reshape(2, 24, 32) == labels_of(mask)[3:5]).all()
    kept = client.get(address, {"first": 3, "count": 8}, headers={"If-None-Match": answer["ETag"]})
    assert kept.status_code == 304
    assert client.get(reverse("api:series-slices", args=[mask.series_id]), {"first": 99}).status_code == 404
