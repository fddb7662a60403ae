"""An interval that rests on too few patients says so wherever it stands: pages, REST, CSV and PDF."""

from __future__ import annotations

import csv
import io

import pytest
from django.test import Client

from accounts.models import Institution, Role, User
from spineml.metrics.summary import summarise
from spineml.metrics.tables import summary_csv
from spineml.reports.evaluation_report import Report, as_pdf
from tests import factories
from tests.api_client import api
from tests.cases import projects
from tests.spineml.evaluated import patients
from tests.spineml.test_evaluation_report import text
from tests.training import judged
from training.models import EvaluationRun

WARNING = "These intervals rest on {n} patients."
MARK = "only {n} patients)"


@pytest.fixture
def place(db: None) -> Institution:
    return factories.institution("Home")


@pytest.fixture
def admin(place: Institution) -> User:
    return factories.user(Role.MODEL_ADMIN, institution=place)


def runs(place: Institution, n: int) -> list[EvaluationRun]:
    """Two versions on the same patients; the first is active."""
    data = judged.dataset(place, patients=n)
    versions = [factories.active_version(), factories.model_version()]
    values = [tuple(0.8 + 0.01 * (i % 7) + shift for i in range(n)) for shift in (0.0, 0.02)]
    return [judged.evaluation(version, data, dice) for version, dice in zip(versions, values, strict=True)]


def page(user: User, address: str) -> str:
    client = Client()
    client.force_login(user)
    return " ".join(client.get(address).content.decode().split())


@pytest.mark.parametrize(("n", "warned"), [(2, True), (6, True), (10, False)])
def test_evaluations_comparisons_and_the_gate_warn_on_their_pages_and_by_rest(
    place: Institution, admin: User, n: int, warned: bool
) -> None:
    first, second = runs(place, n)
    query = f"?run={first.pk}&run={second.pk}"
    for address in (first.get_absolute_url(), f"/models/evaluations/compare/{query}"):
        shown = page(admin, address)
        assert (WARNING.format(n=n) in shown, MARK.format(n=n) in shown) == (warned, warned), address
    gate = page(admin, f"/models/{second.version_id}/promote/")
    assert "95 % interval" in gate
    assert (WARNING.format(n=n) in gate) == warned

    answers = [
        api(admin).get(f"/api/v1/evaluations/{first.pk}/").json()["all"],
        api(admin).get(f"/api/v1/evaluations/compare/{query}").json(),
        api(admin).get(f"/api/v1/models/{second.version_id}/gate/").json(),
    ]
    assert [one["interval_warning"].startswith(WARNING.format(n=n)) for one in answers] == [warned] * 3
    assert answers[0]["per_patient"]["dice"]["few_patients"] == warned
    assert answers[0]["agreement"]["image"]["area_px"]["n"] == n
    assert answers[2]["gate"]["difference"]["few_patients"] == warned


def test_a_gate_that_refuses_by_an_interval_of_few_patients_says_so(place: Institution, admin: User) -> None:
    data = judged.dataset(place, patients=6)
    new = factories.model_version()
    judged.evaluation(factories.active_version(), data, (0.9,) * 6)
    judged.evaluation(new, data, (0.8,) * 6)
    assert WARNING.format(n=6) in api(admin).get(f"/api/v1/models/{new.pk}/gate/").json()["refusal"]


def test_figures_of_an_earlier_version_are_warned_of_too(place: Institution, admin: User) -> None:
    run = runs(place, 2)[0]
    for scope in ("per_patient", "per_image", "pooled"):
        for found in run.result["all"][scope].values():
            for name in ("interval_patients", "few_patients"):
                if found:
                    found.pop(name)
    for scope in ("image", "patient"):
        run.result["all"]["agreement"][scope]["area_px"].pop("values")
    run.save(update_fields=["result"])
    shown = page(admin, run.get_absolute_url())
    assert WARNING.format(n=2) in shown
    assert shown.count(MARK.format(n=2)) > 10


def test_the_summary_of_an_evaluation_says_for_each_interval_on_how_many_patients_it_rests() -> None:
    for n, few in ((3, "yes"), (10, "no")):
        rows = list(csv.DictReader(io.StringIO(summary_csv({"all": summarise(patients(n), draws=100)}))))
        known = [row for row in rows if row["low_95"]]
        assert {(row["interval_patients"], row["few_patients"]) for row in known} == {(str(n), few)}
        assert {row["few_patients"] for row in rows if not row["low_95"]} == {""}


@pytest.mark.parametrize(("n", "warned"), [(3, True), (10, False)])
def test_the_printed_report_warns(n: int, warned: bool) -> None:
    found = summarise(patients(n), draws=100)
    shown = text(as_pdf(Report("v3", [("Version", "v3")], [], {"All": found}, [], [])))
    assert (WARNING.format(n=n) in shown, f"only {n}" in shown) == (warned, warned)


def test_a_reading_project_warns_and_counts_patients_on_its_pages_and_by_rest(place: Institution) -> None:
    group = projects.group(institution=place)
    first = projects.both_read(group, shift=1)
    again = factories.series(of=first.series.case, number=2)
    projects.both_read(group, shift=2, series=again)
    projects.both_read(group, shift=3)
    address = group.project.get_absolute_url()
    shown = page(group.third, address)
    assert "3 pairs of masks, 2 patients" in shown
    assert shown.count(WARNING.format(n=2)) == 2
    assert '<dt>Patients</dt><dd class="numeric">2</dd>' in shown
    assert MARK.format(n=2) in shown
    assert WARNING.format(n=2) in page(group.third, f"{address}variation/")
    summary = api(group.third).get(f"/api/v1/projects/{group.project.pk}/").json()["summary"]
    assert [summary[name]["interval_warning"][:9] for name in ("readers", "model", "variation")] == ["These int"] * 3
    volumes = summary["readers"]["volumes"]["figures"]
    assert (volumes["n"], volumes["values"], volumes["few_patients"]) == (2, 3, True)
