"""Evaluations and the gate as pages."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Institution, Role, User
from registry.models import Promotion
from registry.selectors import version_active
from tests import factories
from tests.training import judged
from training.models import EvaluationRun

pytestmark = pytest.mark.django_db
OLD = (0.90, 0.85, 0.95, 0.88, 0.92, 0.80)


@pytest.fixture
def place() -> Institution:
    return factories.institution("Home")


@pytest.fixture
def client(place: Institution) -> Client:
    return signed_in(factories.user(Role.MODEL_ADMIN, institution=place))


def signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    return client


def text(client: Client, name: str, *args: object, query: str = "") -> str:
    response = client.get(reverse(name, args=args) + query)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def test_an_evaluation_shows_tables_plots_and_the_worst_images_with_the_way_to_them(
    place: Institution, client: Client
) -> None:
    run = judged.evaluation(factories.model_version(), judged.dataset(place), OLD)
    page = text(client, "training:evaluation", run.pk)
    for words in ("Per patient", "Per image", "Pooled", "Table 1", "Bland-Altman", "Hausdorff 95 (mm)", "0.904"):
        assert words in page, words
    assert "boxes.svg" in page
    worst = run.series.all()[5]
    address = f"{worst.series.get_absolute_url()}?mask={worst.annotation_id}"
    assert f"{address}#z=0" in page
    assert client.get(address)["Location"].endswith(f"/view/?mask={worst.annotation_id}")
    assert "was trained on" not in page


def test_a_korean_reader_finds_no_english_measure_plot_or_interval(place: Institution, client: Client) -> None:
    run = judged.evaluation(factories.model_version(), judged.dataset(place), OLD)
    address = reverse("training:evaluation", args=[run.pk])
    page = client.get(address, headers={"accept-language": "ko"}).content.decode()
    for words in ("민감도 (재현율)", "평균 표면 거리 (mm)", "면적 (mm²)", "영상별, 환자별 분포"):
        assert words in page, words
    for words in ("Sensitivity", "Precision", "Area (", "per patient", "Distribution over"):
        assert words not in page, words
    assert not re.search(r"\d to [-\d]", page)


def test_patients_the_version_was_trained_on_are_said_and_figures_given_without_them(
    place: Institution, client: Client
) -> None:
    run = judged.evaluation(factories.model_version(), judged.dataset(place), OLD, seen=(0, 1))
    page = text(client, "training:evaluation", run.pk)
    assert f"{run.version} was trained on 2 of these 6 patients" in page
    assert f"Patients on whom {run.version} was not trained" in page
    assert "All patients" in page


def test_the_best_threshold_is_told_on_validation_patients_only(place: Institution, client: Client) -> None:
    run = judged.evaluation(factories.model_version(), judged.dataset(place, split="validation"), OLD)
    assert "Best threshold" not in text(client, "training:evaluation", run.pk)
    run.result["all"]["curve"]["best"] = 0.42
    run.save()
    page = text(client, "training:evaluation", run.pk)
    assert "<strong>0.42</strong>" in page
    assert "not test patients" in page


def test_a_case_of_another_institution_is_not_linked(place: Institution) -> None:
    run = judged.evaluation(factories.model_version(), judged.dataset(place), OLD)
    elsewhere = factories.user(Role.CLINICIAN)
    run.dataset.institutions.add(elsewhere.memberships.get().institution)
    page = text(signed_in(elsewhere), "training:evaluation", run.pk)
    assert "/series/" not in page
    assert "P-" not in page
    assert "another institution" in page


def test_a_waiting_evaluation_shows_its_progress_and_a_failed_one_its_error(place: Institution, client: Client) -> None:
    data = judged.dataset(place, patients=1)
    waiting = judged.waiting(factories.model_version(), data)
    assert f"/ws/runs/evaluation/{waiting.pk}/" in text(client, "training:evaluation", waiting.pk)
    EvaluationRun.objects.filter(pk=waiting.pk).update(
        state="failed", error_message="The disk is full.", finished_at=waiting.created_at
    )
    page = text(client, "training:evaluation", waiting.pk)
    assert "The disk is full." in page
    assert reverse("training:evaluation_retry", args=[waiting.pk]) in page


def test_an_evaluation_is_started_from_the_list(place: Institution, client: Client) -> None:
    version, data = factories.model_version(), judged.dataset(place, patients=1)
    asked = {"version": version.pk, "dataset": data.pk, "split": "test"}
    response = client.post(reverse("training:evaluations"), asked)
    run = EvaluationRun.objects.get()
    assert response.url == run.get_absolute_url()
    assert data.name in text(client, "training:evaluations")
    wrong = client.post(reverse("training:evaluations"), {**asked, "split": "validation"}, follow=True)
    assert b"no patient in that split" in wrong.content


def test_a_clinician_reads_the_list_without_the_form(place: Institution) -> None:
    judged.evaluation(factories.model_version(), judged.dataset(place, patients=1), (0.9,))
    page = text(signed_in(factories.user(Role.CLINICIAN, institution=place)), "training:evaluations")
    assert "id_dataset" not in page
    assert "Succeeded" in page


def test_versions_stand_side_by_side_with_differences_and_who_is_better_for_whom(
    place: Institution, client: Client
) -> None:
    data = judged.dataset(place)
    first = judged.evaluation(factories.model_version(), data, OLD, seen=(0,))
    second = judged.evaluation(factories.model_version(), data, tuple(value + 0.02 for value in OLD))
    page = text(client, "training:evaluations_compare", query=f"?run={first.pk}&run={second.pk}")
    assert "Mean of 5 patients" in page
    assert "1 patient is excluded" in page
    assert "+0.020" in page
    assert page.count('class="end best"') == 5
    assert f"versions.svg?run={first.pk}&amp;run={second.pk}" in page


def test_what_cannot_be_compared_says_so(client: Client) -> None:
    response = client.get(reverse("training:evaluations_compare"))
    assert response.status_code == 400
    assert b"Choose two or more finished evaluations" in response.content


# --- the gate ---------------------------------------------------------------------------------------------------------
def test_the_gate_starts_the_evaluations_that_are_missing(place: Institution, client: Client) -> None:
    active, new = factories.active_version(), factories.model_version()
    data = judged.dataset(place)
    page = text(client, "training:promote", new.pk)
    assert "Evaluate now" in page
    client.post(reverse("training:promote_evaluate", args=[new.pk]), {"dataset": data.pk})
    assert {run.version for run in EvaluationRun.objects.all()} == {active, new}
    page = text(client, "training:promote", new.pk)
    assert page.count("/ws/runs/evaluation/") == 2
    assert "Evaluate now" not in page


def test_a_candidate_that_passes_is_promoted_by_one_button(place: Institution, client: Client) -> None:
    active, new = factories.active_version(), factories.model_version()
    data = judged.dataset(place)
    judged.evaluation(active, data, OLD)
    judged.evaluation(new, data, tuple(value + 0.02 for value in OLD))
    page = text(client, "training:promote", new.pk)
    assert "passes the promotion gate" in page
    assert "Institution: Home" in page
    assert "id_reason" not in page
    client.post(reverse("training:promote", args=[new.pk]), {"dataset": data.pk})
    assert version_active(place.pk) == new
    page = text(client, "training:promote", new.pk)
    assert f"Roll back to {active}" in page
    assert "Passed the promotion gate" in page


def test_a_refused_candidate_needs_a_written_reason(place: Institution, client: Client) -> None:
    active, new = factories.active_version(), factories.model_version()
    data = judged.dataset(place)
    judged.evaluation(active, data, OLD)
    judged.evaluation(new, data, tuple(value - 0.05 for value in OLD))
    assert "Override the promotion gate" in text(client, "training:promote", new.pk)
    response = client.post(reverse("training:promote", args=[new.pk]), follow=True)
    assert b"lower end of its 95 % interval" in response.content
    client.post(reverse("training:promote", args=[new.pk]), {"reason": "New scanner."})
    assert Promotion.objects.get().reason == "New scanner."


def test_the_button_of_the_list_leads_to_the_gate_when_it_refuses(place: Institution, client: Client) -> None:
    factories.active_version()
    new = factories.model_version()
    response = client.post(reverse("training:activate", args=[new.pk]))
    assert response.url == reverse("training:promote", args=[new.pk]) + f"?institution={place.pk}"


def test_one_click_rolls_back(place: Institution, client: Client) -> None:
    old, new = factories.model_version(), factories.model_version()
    for version in (old, new):
        client.post(reverse("training:promote", args=[version.pk]), {"reason": "Try."})
    client.post(reverse("training:rollback"))
    assert version_active(place.pk) == old
    again = client.post(reverse("training:rollback"), follow=True)
    assert b"no earlier version" in again.content


def test_a_clinician_sees_the_gate_but_no_button(place: Institution) -> None:
    factories.active_version()
    page = text(
        signed_in(factories.user(Role.CLINICIAN, institution=place)), "training:promote", factories.model_version().pk
    )
    assert "id_reason" not in page
    assert "Promotion history" in page
