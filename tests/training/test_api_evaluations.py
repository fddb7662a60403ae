"""Evaluations through the REST API."""

from __future__ import annotations

import csv
import io

import pytest

from accounts.models import Institution, Role, User
from spineplatform.shared.models import AuditEvent
from tests import factories
from tests.api_client import api, problem
from tests.training import judged
from training.models import EvaluationRun

pytestmark = pytest.mark.django_db
EVALUATIONS = "/api/v1/evaluations/"
DICE = (0.9, 0.8, 0.7)


@pytest.fixture
def place() -> Institution:
    return factories.institution("Home")


@pytest.fixture
def admin(place: Institution) -> User:
    return factories.user(Role.MODEL_ADMIN, institution=place)


@pytest.fixture
def run(place: Institution) -> EvaluationRun:
    return judged.evaluation(factories.model_version(), judged.dataset(place, patients=3), DICE, seen=(2,))


def test_an_evaluation_is_queued_once_for_a_version_data_set_and_split(place: Institution, admin: User) -> None:
    version, data = factories.model_version(), judged.dataset(place, patients=1)
    asked = {"version": str(version.pk), "dataset": str(data.pk), "split": "test"}
    first, again = (api(admin).post(EVALUATIONS, asked) for _ in range(2))
    assert (first.status_code, again.status_code) == (202, 200)
    assert first.json()["id"] == again.json()["id"]
    body = api(admin).get(first["Location"]).json()
    assert (body["state"], body["all"], body["series"], body["plots"]) == ("queued", None, [], [])
    assert AuditEvent.objects.filter(action="evaluation.requested", actor=admin).count() == 1


def test_a_draft_or_a_split_without_patients_is_refused(place: Institution, admin: User) -> None:
    version, data = factories.model_version(), judged.dataset(place, patients=1)
    draft = judged.dataset(place, patients=1, frozen=False)
    asked = {"version": str(version.pk), "dataset": str(data.pk), "split": "validation"}
    assert problem(api(admin).post(EVALUATIONS, asked)) == (409, "split-empty")
    assert problem(api(admin).post(EVALUATIONS, {**asked, "dataset": str(draft.pk)})) == (404, "not-found")
    assert problem(api(admin).post(EVALUATIONS, {**asked, "split": "other"})) == (400, "invalid")


def test_figures_are_given_for_all_patients_and_for_the_unseen(run: EvaluationRun, admin: User) -> None:
    body = api(admin).get(f"{EVALUATIONS}{run.pk}/").json()
    assert (body["all"]["patients"], body["unseen"]["patients"], body["seen_patients"]) == (3, 2, 1)
    assert body["unseen"]["per_patient"]["dice"]["mean"] == pytest.approx(0.85, abs=0.01)
    assert [one["seen"] for one in body["series"]] == [False, False, True]
    assert set(body["all"]["pooled"]) == set(body["all"]["per_image"])


def test_plots_are_given_as_svg_and_png_and_no_storage_name_is_told(run: EvaluationRun, admin: User) -> None:
    body = api(admin).get(f"{EVALUATIONS}{run.pk}/")
    assert run.result["plots"][0]["svg"] not in body.content.decode()
    (plot,) = body.json()["plots"]
    for kind, kind_type in (("svg", "image/svg+xml"), ("png", "image/png")):
        response = api(admin).get(plot[kind])
        assert response["Content-Type"] == kind_type
        assert f".{kind}" in response["Content-Disposition"]
    assert problem(api(admin).get(plot["svg"].replace("boxes", "other"))) == (404, "not-found")
    assert problem(api(admin).get(plot["svg"].replace(".svg", ".exe"))) == (404, "not-found")


@pytest.mark.parametrize(("scope", "rows"), [("images", 9), ("patients", 3)])
def test_figures_are_given_as_csv(run: EvaluationRun, admin: User, scope: str, rows: int) -> None:
    response = api(admin).get(f"{EVALUATIONS}{run.pk}/csv/{scope}/")
    lines = list(csv.DictReader(io.StringIO(response.content.decode())))
    assert len(lines) == rows
    assert lines[0]["patient"].startswith("P-")
    assert {line["seen_in_training"] for line in lines} == {"yes", "no"}
    assert AuditEvent.objects.filter(action="evaluation.downloaded", object_id=str(run.pk)).exists()


def test_the_summary_and_the_report_are_given_as_stored(run: EvaluationRun, admin: User) -> None:
    assert b"per patient,dice" in api(admin).get(f"{EVALUATIONS}{run.pk}/csv/summary/").content
    report = api(admin).get(f"{EVALUATIONS}{run.pk}/report/")
    assert b"".join(report.streaming_content).startswith(b"%PDF")
    assert problem(api(admin).get(f"{EVALUATIONS}{run.pk}/csv/everything/")) == (404, "not-found")


def test_the_report_is_in_the_language_of_whoever_opens_it(run: EvaluationRun, admin: User) -> None:
    def opened(language: str) -> bytes:
        answer = api(admin).get(f"{EVALUATIONS}{run.pk}/report/", headers={"accept-language": language})
        return b"".join(answer.streaming_content)

    assert [opened(language) for language in ("en", "ko")] == [b"%PDF-1.4 en", b"%PDF-1.4 ko"]
    EvaluationRun.objects.filter(pk=run.pk).update(  # of an earlier worker
        result={**run.result, "reports": {}, "report": run.result["reports"]["en"]}
    )
    assert opened("ko") == b"%PDF-1.4 en"


def test_files_of_an_evaluation_that_is_not_ready_are_a_conflict(place: Institution, admin: User) -> None:
    waiting = judged.waiting(factories.model_version(), judged.dataset(place, patients=1))
    for path in ("report/", "csv/summary/", "plots/boxes.svg"):
        assert problem(api(admin).get(f"{EVALUATIONS}{waiting.pk}/{path}")) == (409, "conflict")


def test_patients_of_another_institution_keep_their_pseudonyms_to_themselves(run: EvaluationRun) -> None:
    elsewhere = factories.user(Role.MODEL_ADMIN)
    run.dataset.institutions.add(elsewhere.memberships.get().institution)
    body = api(elsewhere).get(f"{EVALUATIONS}{run.pk}/").json()
    assert [one["patient"] for one in body["series"]] == ["patient 1", "patient 2", "patient 3"]
    assert b"P-" not in api(elsewhere).get(f"{EVALUATIONS}{run.pk}/csv/patients/").content


def test_evaluations_are_listed_newest_first_and_by_version(
    run: EvaluationRun, admin: User, place: Institution
) -> None:
    newer = judged.evaluation(factories.model_version(), run.dataset, DICE)
    shown = api(admin).get(EVALUATIONS).json()["results"]
    assert [one["id"] for one in shown] == [str(newer.pk), str(run.pk)]
    only = api(admin).get(EVALUATIONS, {"version": str(run.version_id)}).json()["results"]
    assert [one["id"] for one in only] == [str(run.pk)]
    assert api(factories.user(Role.MODEL_ADMIN)).get(EVALUATIONS).json()["results"] == []


def test_versions_are_compared_on_patients_that_none_saw(run: EvaluationRun, admin: User) -> None:
    better = judged.evaluation(factories.model_version(), run.dataset, (0.95, 0.85, 0.75))
    asked = {"run": [str(better.pk), str(run.pk)]}
    body = api(admin).get(f"{EVALUATIONS}compare/", asked).json()
    assert body["versions"] == [str(run.version), str(better.version)]
    assert (len(body["patients"]), body["seen_patients"]) == (2, 1)
    assert body["differences"][str(better.version)]["dice"]["mean"] == pytest.approx(0.05, abs=0.01)
    assert {line["best"] for line in body["patients"]} == {str(better.version)}
    plot = api(admin).get(f"{EVALUATIONS}compare/versions.svg", asked)
    assert b"<svg" in plot.content


@pytest.mark.parametrize("what", ["one", "other split", "not ready"])
def test_what_cannot_be_compared_is_refused(run: EvaluationRun, admin: User, place: Institution, what: str) -> None:
    other = {
        "one": lambda: run,
        "other split": lambda: judged.evaluation(
            factories.model_version(), judged.dataset(place, patients=1, split="train"), (0.9,)
        ),
        "not ready": lambda: judged.waiting(factories.model_version(), run.dataset, split="test"),
    }[what]()
    response = api(admin).get(f"{EVALUATIONS}compare/", {"run": [str(run.pk), str(other.pk)]})
    assert problem(response) == (400, "not-comparable")
