"""A report is written by a worker, says no name it was not asked for, and shows nobody more than they may see."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.urls import reverse
from django.utils import translation

from accounts.models import Role
from cases.models import Annotation, AnnotationSource, Review, ReviewVerdict
from cases.models.viewer import MeasurementKind
from inference.models import ReportRun
from inference.reports.services import NothingToReport, case_report_start, report_start
from inference.reports.worker import KINDS, PLANES, SOURCES, VERDICTS, run_report
from registry.models import Task
from spineml.message import message
from spineml.reports.case_report import MEASUREMENT_HEAD, SUMMARY_HEAD
from spineplatform.shared import storage
from spineplatform.shared.lease import execute
from spineplatform.shared.messages import sentence
from spineplatform.shared.models import AuditEvent
from spineplatform.shared.runs import RunState
from tests import factories
from tests.cases import projects
from tests.inference import reports
from tests.pdf_text import pdf_text

pytestmark = pytest.mark.django_db(transaction=True)
UNLIKE = [{"code": "intensities", "message": message("The mix of intensities is unlike.")}]


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
    (section,) = run.result["sections"]
    assert all(storage.local_path(one["file"]).read_bytes().startswith(b"\x89PNG") for one in section["pictures"])
    assert section["warnings"] == ["The mix of intensities is unlike."]
    assert [row[3] for row in section["measurements"]] == ["length 5 mm"]
    version = mask.model_version
    assert facts(run)["Mask by"] == f"Model {version}, SHA-256 {version.sha256}"
    assert facts(run)["Sign-off"] == "Not signed off"


def test_the_report_tells_who_signed_the_mask(mask: Annotation, clinician: Any) -> None:
    Review.objects.create(
        institution=mask.institution, series=mask.series, annotation=mask, verdict="approved", reader=clinician
    )
    with translation.override("ko"):  # a worker of a Korean installation
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


# --- of a whole case --------------------------------------------------------------------------------------------------
@pytest.fixture
def second(mask: Annotation) -> Annotation:
    """A mask on another series of the same case, which has a third one without any."""
    case = mask.series.case
    factories.series(of=case, number=3)
    return factories.prediction(of=factories.series(of=case, number=2)).annotation


def of_case(mask: Annotation, person: Any, **fields: Any) -> ReportRun:
    run = case_report_start(case=mask.series.case, actor=person, **fields)
    execute(ReportRun, run.pk, run_report)
    run.refresh_from_db()
    return run


def test_a_case_has_one_report_with_a_summary_and_a_section_for_each_series_with_a_mask(
    mask: Annotation, second: Annotation, clinician: Any, client: Any
) -> None:
    factories.measurement(of=second.series, author=clinician)
    older = factories.prediction(of=second.series).annotation
    newest = factories.prediction(of=second.series).annotation
    run = of_case(mask, clinician)
    assert run.result is not None
    assert set(run.masks.all()) == {mask, newest}
    assert older not in run.masks.all()
    assert (facts(run)["Series"], facts(run)["Series without a mask"]) == ("3", "3")
    assert [row[0] for row in run.result["summary"]] == ["1", "2"]
    assert [len(one["measurements"]) for one in run.result["sections"]] == [0, 1]
    assert "secret" not in json.dumps(run.result).lower()
    client.force_login(clinician)
    page = client.get(reverse("inference:report", args=[run.pk])).content.decode()
    last = sum(len(one["pictures"]) for one in run.result["sections"]) - 1
    assert reverse("inference:report_picture", args=[run.pk, last]) in page
    assert client.get(reverse("inference:report_picture", args=[run.pk, last])).status_code == 200
    assert client.get(reverse("inference:report_picture", args=[run.pk, last + 1])).status_code == 404
    answer = client.get(reverse("inference:report_pdf", args=[run.pk]))
    assert answer.getvalue().startswith(b"%PDF")
    assert answer["Content-Disposition"].endswith(f'report-{mask.series.case.patient.pseudonym}.pdf"')


def test_the_report_of_a_case_with_one_series_is_that_of_the_series(mask: Annotation, clinician: Any) -> None:
    run = case_report_start(case=mask.series.case, actor=clinician, with_title=True)
    assert run == report_start(series=mask.series, actor=clinician, with_title=True)


def test_asking_twice_for_a_case_gives_the_report_that_is_going(
    mask: Annotation, second: Annotation, clinician: Any
) -> None:
    first = case_report_start(case=mask.series.case, actor=clinician)
    assert case_report_start(case=mask.series.case, actor=clinician) == first
    assert report_start(series=mask.series, actor=clinician) != first


def test_a_case_without_a_mask_has_nothing_to_report(clinician: Any, mask: Annotation, client: Any) -> None:
    case = factories.case(institution=mask.institution)
    for number in (1, 2):
        factories.series(of=case, number=number)
    with pytest.raises(NothingToReport, match="No series of this case"):
        case_report_start(case=case, actor=clinician)
    client.force_login(clinician)
    page = client.post(reverse("inference:case_report_start", args=[case.pk]), follow=True)
    assert "No series of this case" in page.content.decode()


def test_whoever_reads_a_series_blindly_sees_no_report_of_the_case_by_others(client: Any) -> None:
    home = factories.institution()
    reader, other = (factories.user("annotator", institution=home) for _ in "ab")
    clinician = factories.user(Role.CLINICIAN, institution=home)
    project = projects.project(readers=[reader, other], adjudicator=clinician, institution=home)
    item = projects.item(project)
    beside = factories.prediction(of=factories.series(of=item.series.case, number=2)).annotation
    projects.mask(item, other)
    by_other, mine = of_case(beside, other), of_case(beside, reader)
    assert by_other.masks.filter(author=other).exists()
    assert not mine.masks.filter(author=other).exists()
    client.force_login(reader)
    assert client.get(reverse("inference:report", args=[by_other.pk])).status_code == 404
    listed = client.get(reverse("api:case-reports", args=[beside.series.case_id])).json()["results"]
    assert [one["id"] for one in listed] == [str(mine.pk)]


# --- in the language of whoever asked ---------------------------------------------------------------------------------
HANGUL = re.compile("[\uac00-\ud7a3]")


def test_the_pdf_of_a_korean_user_is_korean_and_the_page_is_in_its_readers_language(
    mask: Annotation, clinician: Any, client: Any
) -> None:
    factories.measurement(of=mask.series, author=clinician)
    client.force_login(clinician)
    address = reverse("api:reports", args=[mask.series.pk])
    asked = client.post(address, content_type="application/json", headers={"accept-language": "ko"})
    run = ReportRun.objects.get(pk=asked.json()["id"])
    execute(ReportRun, run.pk, run_report)
    run.refresh_from_db()
    assert run.result is not None
    text = pdf_text(storage.local_path(run.result["pdf"]).read_bytes())
    for words in ("척추 CT 보고서", "서명하지 않음", "길이 5 mm", "의료기기가 아닙니다"):
        assert words in text
    assert "Sign-off" not in text
    pages = {
        language: client.get(reverse("inference:report", args=[run.pk]), headers={"accept-language": language})
        for language in ("en", "ko")
    }
    assert "Not signed off" in pages["en"].content.decode()
    assert "Not signed off" not in pages["ko"].content.decode()


def test_english_and_korean_reports_are_asked_for_side_by_side(mask: Annotation, clinician: Any) -> None:
    english = report_start(series=mask.series, actor=clinician)
    with translation.override("ko"):
        assert report_start(series=mask.series, actor=clinician) != english


def test_every_short_word_of_a_report_is_translated() -> None:
    signed = {"verdict": VERDICTS[ReviewVerdict.APPROVED], "reader": "Ada", "time": "2026-11-27 09:00"}
    filled = (
        message("Series {number}", number=2),
        message("Spine CT report, {patient}", patient="P-1"),
        message("{verdict} by {reader}, {time} UTC", **signed),
        message("{verdict} by {reader}, {time} UTC (not this mask)", **signed),
    )
    tables = (KINDS, VERDICTS, SOURCES, PLANES)
    words = (
        *(one for table in tables for one in table.values()),
        *SUMMARY_HEAD,
        *MEASUREMENT_HEAD,
        *filled,
    )
    with translation.override("ko"):
        assert [text for text in words if not HANGUL.search(sentence(text))] == []
        assert sentence(filled[2]).startswith("승인됨")


def test_every_kind_of_measurement_verdict_and_source_has_a_word_in_reports() -> None:
    assert set(KINDS) == set(MeasurementKind)
    assert set(VERDICTS) == set(ReviewVerdict)
    assert set(SOURCES) == set(AnnotationSource)


def test_a_report_of_named_structures_lists_each_with_its_code_and_volume(client: Any) -> None:
    task = Task.objects.get(pk="vertebrae-ct")
    pixels = factories.labels()
    pixels[3:] *= 20
    named = factories.annotation(pixels=pixels, task=task)
    person = factories.user(Role.CLINICIAN, institution=named.institution)
    run = reports.written(named, requested_by=person)
    assert run.result is not None
    (section,) = run.result["sections"]
    assert [row[1:4] for row in section["structures"]] == [
        ["C1 vertebra", "C1 vertebra (SCT 14806007)", "0.2 ml"],
        ["L1 vertebra", "L1 vertebra (SCT 66794005)", "0.2 ml"],
    ]
    client.force_login(person)
    page = client.get(reverse("inference:report", args=[run.pk]))
    assert "SCT 66794005" in page.content.decode()


def test_a_report_of_the_spine_has_no_table_of_structures(mask: Annotation, clinician: Any) -> None:
    run = reports.written(mask, requested_by=clinician)
    assert run.result is not None
    assert run.result["sections"][0]["structures"] == []
