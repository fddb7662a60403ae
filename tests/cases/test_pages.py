"""Pages of cases: what they cost does not grow with what they show."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.translation import override

from accounts.models import Institution, Role
from cases.models import AnnotationSource, Case, Series, Verdict
from cases.worklist.filters import BadFilter, CaseFilter
from cases.worklist.selectors import case_page
from spineplatform.shared import storage
from spineplatform.shared.runs import RunState
from tests import factories

pytestmark = pytest.mark.django_db
BACKEND = "django.contrib.auth.backends.ModelBackend"


@pytest.fixture
def home() -> Institution:
    return factories.institution()


@pytest.fixture
def clinician(client: Client, home: Institution) -> Client:
    client.force_login(factories.user(Role.CLINICIAN, institution=home), backend=BACKEND)
    return client


def add_series(case: Case) -> None:
    """With a mask by a person and one by a model, a comparison of both, and a failed run."""
    series = factories.series(of=case)
    author = factories.user(Role.ANNOTATOR, institution=case.institution)
    mask = factories.annotation(of=series, source=AnnotationSource.UPLOAD, author=author)
    predicted = factories.prediction(of=series).annotation
    factories.comparison_run(reference=mask, predicted=predicted)
    factories.inference_run(of=series, state=RunState.FAILED)


def queries(client: Client, address: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


def test_a_case_page_takes_as_many_queries_for_many_series_as_for_one(clinician: Client, home: Institution) -> None:
    case = factories.case(institution=home)
    add_series(case)
    first = queries(clinician, case.get_absolute_url())
    for _ in range(2):
        add_series(case)
    assert queries(clinician, case.get_absolute_url()) == first


ADDRESSES: list[Callable[[Case], str]] = [
    lambda case: f"/series/{case.series.get().pk}/view/",
    lambda case: f"/api/v1/series/{case.series.get().pk}/",
]


def test_a_case_page_offers_to_segment_again_only_what_a_model_was_asked_for(
    clinician: Client, home: Institution
) -> None:
    series = factories.series(of=factories.case(institution=home))
    factories.annotation(
        of=series, source=AnnotationSource.DRAWN, author=factories.user(Role.ANNOTATOR, institution=home)
    )
    assert "Segment again" not in clinician.get(series.case.get_absolute_url()).content.decode()
    factories.inference_run(of=series, state=RunState.SUCCEEDED)
    assert "Segment again" in clinician.get(series.case.get_absolute_url()).content.decode()


@pytest.mark.parametrize("address", ADDRESSES, ids=["page", "API"])
def test_a_series_takes_as_many_queries_for_many_masks_as_for_some(
    clinician: Client, home: Institution, address: Callable[[Case], str]
) -> None:
    case = factories.case(institution=home)
    add_series(case)
    clinician.get(address(case))  # the first look is remembered, see cases.exposures
    first = queries(clinician, address(case))
    series = case.series.get()
    for _ in range(3):
        author = factories.user(Role.ANNOTATOR, institution=home)
        mask = factories.annotation(of=series, source=AnnotationSource.UPLOAD, author=author)
        factories.comparison_run(reference=mask, predicted=factories.prediction(of=series).annotation)
    assert queries(clinician, address(case)) == first


def test_the_work_list_takes_as_many_queries_for_many_cases_as_for_one(clinician: Client, home: Institution) -> None:
    factories.case(institution=home)
    first = queries(clinician, "/cases/")
    for _ in range(3):
        factories.case(institution=home)
    assert queries(clinician, "/cases/") == first


def test_a_series_that_describes_nothing_is_called_by_its_size_in_the_readers_language(home: Institution) -> None:
    series = factories.series(institution=home, description="")
    depth, height, width = series.geometry.shape
    with override("ko"):
        assert str(series) == f"{width} x {height}, 슬라이스 {depth}장"


def test_series_are_counted_case_by_case(home: Institution) -> None:
    full, empty = factories.case(institution=home), factories.case(institution=home)
    for _ in range(2):
        factories.series(of=full)
    user = factories.user(Role.CLINICIAN, institution=home)
    assert {case.pk: case.series_count for case in case_page(user).cases} == {full.pk: 2, empty.pk: 0}


@pytest.mark.parametrize("after", ["!", "bm9uc2Vuc2U=", "WzEsIDJd", "WyIyMDI1LTAxLTAxIiwgM10="])
def test_a_damaged_page_address_is_said(after: str) -> None:
    with pytest.raises(BadFilter):
        case_page(factories.user(Role.CLINICIAN), CaseFilter(), after=after)


def test_a_part_of_the_list_asked_for_after_the_session_ended_loads_the_whole_page(client: Client) -> None:
    answer = client.get("/cases/?after=x", headers={"HX-Request": "true"})
    assert (answer.status_code, answer["HX-Refresh"]) == (200, "true")


def test_a_storage_that_is_away_is_said_in_words(
    clinician: Client, home: Institution, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(file: object) -> None:
        raise PermissionError("/srv/secret/place")

    mask = factories.annotation(of=factories.series(institution=home))
    monkeypatch.setattr(storage, "local_path", away)
    for address in (f"/masks/{mask.pk}/download/overlay.png", f"/api/v1/series/{mask.series_id}/slices/?first=0"):
        answer = clinician.get(address)
        assert answer.status_code == 507
        assert "storage is full or not available" in answer.content.decode()
        assert "secret" not in answer.content.decode()


def test_an_upload_shows_what_asks_for_a_look_first(clinician: Client, home: Institution) -> None:
    upload = factories.upload(institution=home)
    factories.import_run(of=upload, state=RunState.SUCCEEDED)
    statuses = [Verdict.IMPORTED, Verdict.SKIPPED, Verdict.IMPORTED, Verdict.REJECTED]
    for number, status in enumerate(statuses):
        factories.verdict(upload, name=f"{number}.dcm", status=status)
    context = clinician.get(upload.get_absolute_url()).context
    assert [verdict.name for verdict in context["verdicts"]] == ["3.dcm", "1.dcm", "0.dcm", "2.dcm"]
    assert context["counts"] == [(Verdict.REJECTED, 1), (Verdict.SKIPPED, 1), (Verdict.IMPORTED, 2)]


VIEWERS = ["viewer/reading.js", "viewer/simple.js"]


def test_the_viewer_is_loaded_where_series_are_read_and_nowhere_else(clinician: Client, home: Institution) -> None:
    add_series(factories.case(institution=home))
    series = Series.objects.get()
    read, view = f"/series/{series.pk}/read/", f"/series/{series.pk}/view/"
    pages = ["/cases/", series.case.get_absolute_url(), view, read]
    loaded = {script: [page for page in pages if script in clinician.get(page).content.decode()] for script in VIEWERS}
    assert loaded == {"viewer/reading.js": [read], "viewer/simple.js": [view]}
