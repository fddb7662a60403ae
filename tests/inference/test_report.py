"""A report is written by a worker, says no name it was not asked for, and shows nobody more than they may see."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.urls import reverse

from accounts.models import Role
from cases.models import Annotation, Review
from inference.models import ReportRun
from inference.services_report import NothingToReport, report_start
from spineplatform.shared import storage
from spineplatform.shared.models import AuditEvent
from spineplatform.shared.runs import RunState
from tests import factories
from tests.cases import projects
from tests.inference import reports

pytestmark = pytest.mark.django_db(transaction=True)
UNLIKE = [{"code": "intensities", "message": "The mix of intensities is unlike."}]


@pytest.fixture
def mask() -> Annotation:
    case = factories.case(title="Mrs Secret")
    series = factories.series(of=case, description="SECRET from_file.nii")
    return factories.prediction(of=series, deviations=UNLIKE).annotation


@pytest.fixture
def clinician(mask: Annotation) -> Any:
    return factories.user(Role.CLINICIAN, institution=mask.institution)


def facts(run: ReportRun) -> dict[str, str]:
    assert run.result is not None
    return dict(run.result["facts"])


def test_a_worker_writes_the_pdf_and_the_pictures(mask: Annotation, clinician: Any) -> None:
    factories.measurement(of=mask.series, author=clinician)
    run = reports.written(mask, requested_by=clinician)
    assert run.state == RunState.SUCCEEDED
    assert run.result is not None
    assert storage.local_path(run.result["pdf"]).read_bytes().startswith(b"%PDF")
    assert all(storage.local_path(one["file"]).read_bytes().startswith(b"\x89PNG") for one in run.result["pictures"])
    assert run.result["warnings"] == ["The mix of intensities is unlike."]
    assert [row[3] for row in run.result["measurements"]] == ["length 5 mm"]
    version = mask.prediction.model_version
    assert facts(run)["Mask by"] == f"Model {version}, SHA-256 {version.sha256}"
    assert facts(run)["Sign-off"] == "Not signed off"


def test_the_report_tells_who_signed_the_mask(mask: Annotation, clinician: Any) -> None:
    Review.objects.create(
        institution=mask.institution, series=mask.series, annotation=mask, verdict="approved", reader=clinician
    )
    said = facts(reports.written(mask, requested_by=clinician))["Sign-off"]
    assert said.startswith(f"Approved by {clinician.display_name()}")
    assert "not this mask" not in said


def test_titles_and_file_names_stay_out_unless_the_title_is_asked_for(mask: Annotation) -> None:
    anonymous, named = reports.written(mask), reports.written(mask, with_title=True)
    assert "secret" not in json.dumps(anonymous.result).lower()
    assert facts(named)["Case"] == "Mrs Secret"
    assert "from_file" not in json.dumps(named.result)


def test_asking_twice_gives_the_report_that_is_going(mask: Annotation, clinician: Any) -> None:
    first = report_start(series=mask.series, actor=clinician)
    assert report_start(series=mask.series, actor=clinician) == first
    assert report_start(series=mask.series, actor=clinician, with_title=True) != first


def test_a_series_without_a_mask_has_nothing_to_report(clinician: Any, mask: Annotation) -> None:
    empty = factories.series(of=factories.case(institution=mask.institution))
    with pytest.raises(NothingToReport):
        report_start(series=empty, actor=clinician)
    with pytest.raises(NothingToReport):
        report_start(series=empty, actor=clinician, annotation=mask)


def test_whoever_reads_blindly_sees_only_their_own_reports(client: Any) -> None:
    home = factories.institution()
    reader, other = (factories.user("annotator", institution=home) for _ in "ab")
    clinician = factories.user(Role.CLINICIAN, institution=home)
    project = projects.project(readers=[reader, other], adjudicator=clinician, institution=home)
    series = projects.item(project).series
    mask = factories.prediction(of=series).annotation
    by_other, mine = (reports.written(mask, requested_by=person) for person in (other, reader))
    client.force_login(reader)
    assert client.get(reverse("inference:report", args=[by_other.pk])).status_code == 404
    listed = client.get(reverse("api:reports", args=[series.pk])).json()["results"]
    assert [one["id"] for one in listed] == [str(mine.pk)]


def test_the_page_shows_the_pictures_and_the_pdf_is_audited(client: Any, mask: Annotation, clinician: Any) -> None:
    run = reports.written(mask, requested_by=clinician)
    client.force_login(clinician)
    page = client.get(reverse("inference:report", args=[run.pk])).content.decode()
    assert "not a medical device" in page
    assert reverse("inference:report_picture", args=[run.pk, 0]) in page
    assert client.get(reverse("inference:report_picture", args=[run.pk, 99])).status_code == 404
    answer = client.get(reverse("api:report-pdf", args=[run.pk]))
    assert answer.getvalue().startswith(b"%PDF")
    assert answer["Content-Type"] == "application/pdf"
    assert mask.series.case.patient.pseudonym in answer["Content-Disposition"]
    assert AuditEvent.objects.filter(action="report.downloaded", object_id=str(run.pk)).exists()


def test_an_unfinished_report_has_no_pdf_yet(client: Any, mask: Annotation, clinician: Any) -> None:
    client.force_login(clinician)
    run = reports.run(mask)
    assert client.get(reverse("api:report-pdf", args=[run.pk])).status_code == 409
    assert client.get(reverse("inference:report", args=[run.pk])).status_code == 200
