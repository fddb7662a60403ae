"""Which masks a version made, which versions know a patient, and a version that is asked for by name."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Institution, Role, User
from cases.models import AnnotationSource
from tests import factories
from tests.api_client import api
from tests.training import judged
from tests.training.registry import signed_in, text, trained
from training.models import DatasetItem, Split
from training.versions.selectors import Sight, versions_that_saw

pytestmark = pytest.mark.django_db
MODELS = "/api/v1/models/"


@pytest.fixture
def place() -> Institution:
    return factories.institution("Home")


@pytest.fixture
def admin(place: Institution) -> User:
    return factories.user(Role.MODEL_ADMIN, institution=place)


@pytest.fixture
def client(admin: User) -> Client:
    return signed_in(admin)


def test_the_masks_of_a_version_are_those_of_cases_one_may_see(client: Client, admin: User, place: Institution) -> None:
    version = factories.model_version()
    mine = [factories.prediction(of=factories.series(institution=place), model_version=version) for _ in range(2)]
    factories.prediction(of=factories.series(), model_version=version)  # another institution's
    factories.prediction(of=factories.series(institution=place))  # another version's
    body = api(admin).get(f"{MODELS}{version.pk}/masks/?page_size=1").json()
    assert [one["id"] for one in body["results"]] == [str(mine[1].annotation_id)]
    second = api(admin).get(body["next"]).json()
    assert [one["id"] for one in second["results"]] == [str(mine[0].annotation_id)]
    assert second["next"] is None
    page = text(client, "inference:version_masks", version.pk)
    assert page.count("/view/?mask=") == 2
    assert "2 masks of cases you have access to" in page


def test_a_version_knows_a_patient_by_its_training_its_lineage_and_its_evaluations(
    client: Client, admin: User, place: Institution
) -> None:
    made = judged.dataset(place, patients=1, split=Split.TRAIN)
    patient = DatasetItem.objects.get().patient
    first = trained(made)
    second = factories.model_version(parent=first)
    third = trained(judged.dataset(place, patients=1, split=Split.TRAIN), base=second)
    factories.model_version()  # knows nobody
    assert versions_that_saw(patient, admin) == [
        Sight(third, inherited=True, through=first),
        Sight(second, inherited=True, through=first),
        Sight(first, trained=True),
    ]
    case = patient.cases.get()
    body = api(admin).get(f"/api/v1/cases/{case.pk}/versions/").json()
    assert [one["version"]["number"] for one in body] == [third.number, second.number, first.number]
    assert body[0]["through"]["number"] == first.number
    page = text(client, "training:case_versions", case.pk)
    assert f"descends from {first}" in page
    assert "was trained on this patient" in page


def test_the_same_image_under_another_name_is_found_by_its_pixels(admin: User, place: Institution) -> None:
    series = factories.series(institution=place)
    version = factories.model_version(spec={"data": {"pixel_hashes": [series.pixel_hash, "ab" * 32]}})
    assert versions_that_saw(series.case.patient, admin) == [Sight(version, trained=True)]


def test_validation_and_evaluation_are_said_too(admin: User, place: Institution) -> None:
    made = judged.dataset(place, patients=1, split=Split.VALIDATION)
    patient = DatasetItem.objects.get().patient
    version = trained(made)
    judged.evaluation(version, made, (0.9,))
    judged.waiting(factories.model_version(), made)  # not finished: has seen nothing yet
    assert versions_that_saw(patient, admin) == [Sight(version, tuned=True, judged=True)]


def test_a_patient_nobody_knows_is_said_to_be_so(client: Client, place: Institution) -> None:
    case = factories.case(institution=place)
    assert "No model version was trained" in text(client, "training:case_versions", case.pk)


def test_a_named_version_segments_by_page_and_by_rest(place: Institution) -> None:
    clinician = factories.user(Role.CLINICIAN, institution=place)
    factories.active_version()
    named, series = factories.model_version(), factories.series(institution=place)
    body = {"model_version": str(named.pk)}
    answer = api(clinician).post(f"/api/v1/series/{series.pk}/segment/", body, format="json")
    assert answer.status_code == 202, answer.json()
    other = factories.series(institution=place)
    signed_in(clinician).post(reverse("inference:start", args=[other.pk]), body)
    assert [run.model_version for one in (series, other) for run in one.inference_runs.all()] == [named, named]


def test_a_mask_of_a_person_is_no_mask_of_a_version(admin: User, place: Institution) -> None:
    factories.annotation(of=factories.series(institution=place), source=AnnotationSource.UPLOAD)
    assert api(admin).get(f"{MODELS}{factories.model_version().pk}/masks/").json()["results"] == []
