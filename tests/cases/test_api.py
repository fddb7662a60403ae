"""The work list, a case and the slices of a series, through the REST API."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from accounts.models import Institution, Membership, Role, User
from cases.models import Case, CaseState, Series
from spineml.volumes.canonical_file import SliceFileReader
from spineplatform.shared.storage import local_path
from tests import factories
from tests.api_client import api, problem

pytestmark = pytest.mark.django_db
CASES = "/api/v1/cases/"


@pytest.fixture
def home() -> Institution:
    return factories.institution("Home")


@pytest.fixture
def clinician(home: Institution) -> User:
    return factories.user(Role.CLINICIAN, institution=home)


@pytest.fixture
def series(home: Institution) -> Series:
    return factories.series(institution=home, warnings=["Two slices are missing."])


def slice_address(series: Series, z: int) -> str:
    return f"/api/v1/series/{series.pk}/slices/{z}/"


# --- cases ------------------------------------------------------------------------------------------------------------
def test_the_pages_of_the_list_neither_skip_nor_repeat_a_case(home: Institution, clinician: User) -> None:
    cases = [factories.case(institution=home, title=f"case {number}") for number in range(5)]
    factories.case(title="invisible")
    client, address, seen = api(clinician), f"{CASES}?page_size=2", []
    while address:
        page = client.get(address).json()
        seen += [one["title"] for one in page["results"]]
        address = page["next"]
    assert seen == [case.title for case in reversed(cases)]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=scoli", {"Scoliosis"}),
        ("q=stenosis", {"Lumbar"}),  # the description of its series
        ("q=nothing like it", set()),
        ("state=segmented", {"Scoliosis"}),
        ("state=", {"Scoliosis", "Lumbar"}),
        ("date_from=2024-03-02", {"Scoliosis"}),
        ("date_to=2024-03-01", {"Lumbar"}),
        ("date_from=0001-01-01&date_to=9999-12-31", {"Scoliosis", "Lumbar"}),  # as far as calendars go
        ("date_from=2024-03-01&date_to=2024-03-02", {"Scoliosis", "Lumbar"}),
        ("institution={home}", {"Scoliosis", "Lumbar"}),
        ("institution=00000000-0000-4000-8000-000000000000", set()),
    ],
)
def test_the_list_can_be_narrowed(home: Institution, clinician: User, query: str, found: set[str]) -> None:
    lumbar = factories.case(institution=home, title="Lumbar", created_at=datetime(2024, 3, 1, 23, tzinfo=UTC))
    factories.series(of=lumbar, description="Spinal stenosis")
    later = datetime(2024, 3, 2, 1, tzinfo=UTC)
    factories.case(institution=home, title="Scoliosis", state=CaseState.SEGMENTED, created_at=later)
    response = api(clinician).get(f"{CASES}?{query.format(home=home.pk)}")
    assert {one["title"] for one in response.json()["results"]} == found


@pytest.mark.parametrize("query", ["state=lost", "date_from=yesterday", "institution=home"])
def test_a_filter_that_is_not_understood_is_named(clinician: User, query: str) -> None:
    response = api(clinician).get(f"{CASES}?{query}")
    assert problem(response) == (400, "invalid")
    assert set(response.json()["errors"]) == {query.partition("=")[0]}


def test_a_damaged_cursor_is_not_found(clinician: User) -> None:
    assert problem(api(clinician).get(f"{CASES}?cursor=abc"))[0] == 404


def test_a_cursor_of_another_order_is_not_found(clinician: User, home: Institution) -> None:
    for _ in range(2):
        factories.case(institution=home)
    newest = api(clinician).get("/api/v1/cases/", {"page_size": 1}).json()["next"]
    assert problem(api(clinician).get(f"{newest}&sort=due")) == (404, "not-found")


def test_cases_without_a_due_date_are_all_reached_however_many_there_are(clinician: User, home: Institution) -> None:
    patient = factories.case(institution=home).patient
    Case.objects.bulk_create(Case(institution=home, patient=patient, title=str(number)) for number in range(1200))
    address, found = "/api/v1/cases/?sort=due&page_size=200", []
    while address:
        page = api(clinician).get(address).json()
        found += [one["id"] for one in page["results"]]
        address = page["next"] if len(found) <= 1201 else ""
    assert len(found) == len(set(found)) == 1201


def test_a_case_shows_its_series_with_geometry_and_warnings(series: Series, clinician: User) -> None:
    body = api(clinician).get(f"{CASES}{series.case_id}/").json()
    assert body["patient"] == series.case.patient.pseudonym
    assert body["page"] == f"/cases/{series.case_id}/"
    (shown,) = body["series"]
    assert shown["geometry"]["shape"] == [factories.DEPTH, factories.HEIGHT, factories.WIDTH]
    assert shown["geometry"]["spacing"] == list(factories.SPACING)
    assert shown["warnings"] == ["Two slices are missing."]
    assert shown["url"] == f"/api/v1/series/{series.pk}/"


def test_the_list_costs_the_same_for_one_case_and_for_many(
    home: Institution, clinician: User, django_assert_max_num_queries: Any
) -> None:
    for _ in range(10):
        factories.series(institution=home)
    client = api(clinician)
    with django_assert_max_num_queries(7):
        assert len(client.get(CASES).json()["results"]) == 10


def test_a_user_with_two_roles_sees_a_case_once(home: Institution, clinician: User) -> None:
    Membership.objects.create(user=clinician, institution=home, role=Role.ANNOTATOR)
    case = factories.case(institution=home)
    factories.series(of=case)
    factories.series(of=case)
    (shown,) = api(clinician).get(CASES).json()["results"]
    assert shown["series_count"] == 2
    assert Case.objects.count() == 1


# --- slices -----------------------------------------------------------------------------------------------------------
def test_a_slice_is_the_stored_chunk_of_little_endian_hu(series: Series, clinician: User) -> None:
    response = api(clinician).get(slice_address(series, 3), headers={"Accept-Encoding": "gzip, deflate, br"})
    assert response["Content-Encoding"] == "deflate"
    assert response["X-Slice-Type"] == "int16"
    rows, columns = map(int, response["X-Slice-Shape"].split(","))
    pixels = np.frombuffer(zlib.decompress(response.content), "<i2").reshape(rows, columns)
    with SliceFileReader(local_path(series.volume)) as reader:
        np.testing.assert_array_equal(pixels, reader.read(3))
        assert response.content == reader.read_deflated(3)


@pytest.mark.parametrize("accepted", ["", "gzip, br", "identity", "deflate;q=0", "*;q=0", "deflate;q=high"])
def test_who_does_not_accept_deflate_gets_plain_bytes(series: Series, clinician: User, accepted: str) -> None:
    response = api(clinician).get(slice_address(series, 1), headers={"Accept-Encoding": accepted})
    assert "Content-Encoding" not in response
    assert len(response.content) == factories.HEIGHT * factories.WIDTH * 2


@pytest.mark.parametrize("accepted", ["deflate", "*", "br;q=1.0, deflate;q=0.5"])
def test_whoever_accepts_deflate_gets_it(series: Series, clinician: User, accepted: str) -> None:
    response = api(clinician).get(slice_address(series, 1), headers={"Accept-Encoding": accepted})
    assert response["Content-Encoding"] == "deflate"


def test_a_slice_may_be_kept_for_ever_by_this_browser_only(series: Series, clinician: User) -> None:
    client, address = api(clinician), slice_address(series, 2)
    first = client.get(address)
    assert {"private", "immutable"} <= set(first["Cache-Control"].split(", "))
    again = client.get(address, headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again["ETag"] == first["ETag"]
    assert client.get(slice_address(series, 1), headers={"If-None-Match": first["ETag"]}).status_code == 200


def test_deflated_and_plain_bytes_have_tags_of_their_own(series: Series, clinician: User) -> None:
    client, address = api(clinician), slice_address(series, 2)
    plain = client.get(address)
    deflated = client.get(address, headers={"Accept-Encoding": "deflate"})
    assert plain["ETag"] != deflated["ETag"]
    assert "Accept-Encoding" in plain["Vary"]


def test_a_tag_opens_no_door(series: Series, clinician: User) -> None:
    tag = api(clinician).get(slice_address(series, 0))["ETag"]
    stranger = factories.user(Role.CLINICIAN)
    response = api(stranger).get(slice_address(series, 0), headers={"If-None-Match": tag})
    assert problem(response) == (404, "not-found")


def test_a_slice_beyond_the_last_is_not_found(series: Series, clinician: User) -> None:
    response = api(clinician).get(slice_address(series, factories.DEPTH))
    assert problem(response) == (404, "not-found")
    assert "0 to 4" in response.json()["detail"]
