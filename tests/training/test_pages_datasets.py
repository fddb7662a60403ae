"""Pages of data sets and splits: what they show, and what their buttons do."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Institution, Role
from spineplatform.shared.runs import RunState
from tests import factories
from tests.training import chosen, judged
from training.models import Dataset, DatasetRun, PatientSplit, TrainingRun

pytestmark = pytest.mark.django_db


@pytest.fixture
def place() -> Institution:
    return factories.institution("Home")


@pytest.fixture
def browser(place: Institution, client: Client) -> Client:
    client.force_login(
        factories.user(Role.MODEL_ADMIN, institution=place), backend="django.contrib.auth.backends.ModelBackend"
    )
    return client


def shown(client: Client, url: str, status: int = 200) -> str:
    response = client.get(url, follow=True)
    assert response.status_code == status
    return str(response.content.decode())


def finding(mask: object, **values: object) -> dict[str, object]:
    found = {"key": "abc", "code": "empty", "annotation": str(mask), "other": "", "z": None, "values": {}}
    return {**found, "blocking": False, **values}


# --- splits -----------------------------------------------------------------------------------------------------------
def test_splits_are_drawn_and_set_on_their_page(place: Institution, browser: Client) -> None:
    for _ in range(3):
        chosen.mask(place)
    patient = chosen.mask(place).series.case.patient
    drawn = {"institution": place.pk, "train": 50, "validation": 25, "test": 25, "seed": 3}
    answer = browser.post(reverse("training:splits_draw"), drawn, follow=True).content.decode()
    assert "4 patients were assigned a split, seed 3." in answer
    again = browser.post(reverse("training:splits_draw"), drawn, follow=True).content.decode()
    assert "Every patient with images has a split already." in again
    url = reverse("training:split_set", args=[patient.pk])
    back = f"{reverse('training:splits')}?q={patient}"
    answer = browser.post(url, {"split": "validation", "reason": "Seen before.", "next": back}, follow=True)
    assert answer.redirect_chain[0][0] == back
    assert PatientSplit.objects.get(patient=patient).reason == "Seen before."
    assert "Seen before." in answer.content.decode()


def test_a_wrong_draw_says_what_is_wrong(place: Institution, browser: Client) -> None:
    wrong = {"institution": place.pk, "train": 90, "validation": 25, "test": 25}
    response = browser.post(reverse("training:splits_draw"), wrong)
    assert response.status_code == 400
    assert "The three shares must add up to 100 %." in response.content.decode()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"split": "other", "reason": "x"}, "Choose one of them."),
        ({"split": "test", "reason": " "}, "Give a reason"),
        ({"split": "test", "reason": "x", "next": "https://elsewhere.example/"}, "Test"),
    ],
)
def test_setting_a_split_never_leads_elsewhere(
    body: dict[str, str], words: str, place: Institution, browser: Client
) -> None:
    patient = chosen.mask(place).series.case.patient
    answer = browser.post(reverse("training:split_set", args=[patient.pk]), body, follow=True)
    assert answer.redirect_chain[0][0] == reverse("training:splits")
    assert words in answer.content.decode()


def test_a_patient_whom_a_version_knows_has_no_form(place: Institution, browser: Client) -> None:
    data = judged.dataset(place, patients=1, split="train")
    TrainingRun.objects.create(institution=place, dataset=data, settings={})
    page = shown(browser, reverse("training:splits"))
    assert "fixed" in page
    assert "Set by hand" not in page


# --- data sets --------------------------------------------------------------------------------------------------------
def test_a_draft_is_made_checked_and_drawn_from_its_page(place: Institution, browser: Client) -> None:
    chosen.mask(place)
    response = browser.post(reverse("training:datasets"), {"name": "Spine", "institutions": [place.pk]}, follow=True)
    page = response.content.decode()
    data = Dataset.objects.get()
    assert "1 patient has no split yet" in page
    assert (
        "1 patient was assigned a split."
        in browser.post(reverse("training:dataset_draw", args=[data.pk]), follow=True).content.decode()
    )
    page = browser.post(reverse("training:dataset_check", args=[data.pk]), follow=True).content.decode()
    assert f"/ws/runs/dataset/{data.runs.get().pk}/" in page
    browser.post(reverse("training:dataset_cancel", args=[data.runs.get().pk]))
    assert data.runs.get().state == RunState.CANCELLED
    assert "Spine" in shown(browser, reverse("training:datasets"))


def test_a_wrong_choice_is_said_on_the_form(place: Institution, browser: Client) -> None:
    url, good = reverse("training:datasets"), {"name": "Spine", "institutions": [place.pk]}
    assert browser.post(url, {**good, "name": ""}).status_code == 400
    response = browser.post(url, {**good, "masks": "nonsense"})
    assert response.status_code == 400
    assert "Some of the masks do not exist" in response.content.decode()
    assert browser.post(url, good).status_code == 302
    assert browser.post(url, good).status_code == 409


def test_findings_are_shown_with_the_case_to_open_and_decided_on(place: Institution, browser: Client) -> None:
    mask = chosen.mask(place, split="train")
    data = chosen.draft(place, findings=[finding(mask.pk)])
    page = shown(browser, data.get_absolute_url())
    assert "Empty mask" in page
    assert "1 mask</h2>" in page
    assert f"{mask.series.get_absolute_url()}?mask={mask.pk}" in page
    url = reverse("training:dataset_decide", args=[data.pk])
    assert "Choose at least one finding." in browser.post(url, follow=True).content.decode()
    chosen_one = {"finding": "abc", "decision": "accept"}
    assert "Give a reason for accepting this finding" in browser.post(url, chosen_one, follow=True).content.decode()
    assert "Choose what to do" in browser.post(url, {"finding": "abc"}, follow=True).content.decode()
    kept = browser.post(url, {"finding": "abc", "note": "A note <so far>"})
    assert kept.status_code == 400
    assert 'value="abc" checked' in kept.content.decode()
    assert "A note &lt;so far&gt;" in kept.content.decode()
    browser.post(url, {**chosen_one, "note": "No vertebra there."})
    assert "No vertebra there." in shown(browser, data.get_absolute_url())
    browser.post(url, {"finding": "abc", "decision": "leave-out"})
    assert "1 mask was excluded." in shown(browser, data.get_absolute_url())
    browser.post(url, {"finding": "abc", "decision": "take-back"})
    assert "excluded" not in shown(browser, data.get_absolute_url()).split('id="findings"')[0]


def test_too_few_test_patients_for_the_gate_are_said_before_anything_is_trained(
    place: Institution, browser: Client, settings: Any
) -> None:
    settings.GATE_LEAST_PATIENTS = 5
    for _ in range(4):
        chosen.mask(place, split="test")
    data = chosen.draft(place)
    assert "needs at least 5 test patients" in shown(browser, data.get_absolute_url())
    settings.GATE_LEAST_PATIENTS = 4
    assert "The promotion gate needs at least" not in shown(browser, data.get_absolute_url())


def test_a_failed_freeze_says_why(place: Institution, browser: Client) -> None:
    chosen.mask(place, split="train")
    data = chosen.draft(place)
    chosen.failed_run(data)
    assert "Label checks found something." in shown(browser, data.get_absolute_url())
    answer = browser.post(reverse("training:dataset_freeze", args=[data.pk]), follow=True).content.decode()
    assert DatasetRun.objects.filter(dataset=data, state=RunState.QUEUED, freezes=True).exists()
    assert "Freezing" in answer


def test_a_frozen_set_shows_its_file_and_what_rests_on_it(place: Institution, browser: Client) -> None:
    data = judged.dataset(place, patients=1)
    judged.evaluation(factories.model_version(number=3, owner=place), data, (0.9,))
    training = TrainingRun.objects.create(institution=place, dataset=data, settings={})
    page = shown(browser, data.get_absolute_url())
    assert data.sha256 in page
    assert "Evaluation of v3, Test" in page
    assert training.get_absolute_url() in page
    assert reverse("training:dataset_delete", args=[data.pk]) not in page
    answer = browser.post(reverse("training:dataset_delete", args=[data.pk]), follow=True).content.decode()
    assert "so it cannot be deleted" in answer


def test_a_set_is_deleted_and_downloaded_from_its_page(place: Institution, browser: Client) -> None:
    data = chosen.frozen(place)
    response = browser.get(reverse("training:dataset_download", args=[data.pk]))
    assert b"".join(response.streaming_content)[:4] == b"\x89HDF"
    answer = browser.post(reverse("training:dataset_delete", args=[data.pk]), follow=True).content.decode()
    assert "The data set was deleted." in answer
