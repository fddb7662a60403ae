"""The gate through the REST API."""

from __future__ import annotations

import pytest

from accounts.models import Institution, Role, User
from registry.models import ModelVersion
from tests import factories
from tests.api_client import api, problem
from tests.training import judged

pytestmark = pytest.mark.django_db
MODELS, PROMOTIONS = "/api/v1/models/", "/api/v1/promotions/"
OLD = (0.90, 0.85, 0.95, 0.88, 0.92, 0.80)
WORSE = tuple(value - 0.05 for value in OLD)


@pytest.fixture
def place() -> Institution:
    return factories.institution("Home")


@pytest.fixture
def admin(place: Institution) -> User:
    return factories.user(Role.MODEL_ADMIN, institution=place, first_name="Mina", last_name="Park")


def judge(place: Institution, dice: tuple[float, ...]) -> ModelVersion:
    active, new = factories.active_version(), factories.model_version()
    data = judged.dataset(place)
    judged.evaluation(active, data, OLD)
    judged.evaluation(new, data, dice)
    return new


def test_the_gate_shows_its_figures_to_whoever_may_see_models(place: Institution) -> None:
    new = judge(place, WORSE)
    clinician = factories.user(Role.CLINICIAN, institution=place)
    body = api(clinician).get(f"{MODELS}{new.pk}/gate/").json()
    assert (body["passed"], body["needs_gate"], body["missing"]) == (False, True, [])
    assert body["gate"]["patients"] == 6
    assert "lower end" in body["refusal"]
    assert body["dataset"]["name"]


def test_a_refusal_is_a_problem_with_the_figures(place: Institution, admin: User) -> None:
    response = api(admin).post(f"{MODELS}{judge(place, WORSE).pk}/promote/")
    assert problem(response) == (409, "gate-refused")
    gate = response.json()["gate"]
    assert gate["difference"]["interval"][0] < -0.01
    assert gate["groups"][0]["falls"] is True


def test_a_missing_evaluation_names_data_set_and_versions(place: Institution, admin: User) -> None:
    active, new = factories.active_version(), factories.model_version()
    data = judged.dataset(place)
    response = api(admin).post(f"{MODELS}{new.pk}/promote/")
    assert problem(response) == (409, "evaluation-missing")
    assert response.json()["dataset"] == str(data.pk)
    assert set(response.json()["missing"]) == {str(active.pk), str(new.pk)}


def test_promotion_override_and_rollback_stand_in_the_history(place: Institution, admin: User) -> None:
    new = judge(place, WORSE)
    promoted = api(admin).post(f"{MODELS}{new.pk}/promote/", {"reason": "Needed for the new scanner."})
    assert promoted.status_code == 200
    assert promoted.json()["kind"] == "override"
    back = api(admin).post(f"{MODELS}rollback/")
    assert (back.status_code, back.json()["kind"]) == (200, "rollback")
    shown = api(admin).get(PROMOTIONS).json()["results"]
    assert [one["kind"] for one in shown] == ["rollback", "override"]
    assert (shown[1]["reason"], shown[1]["decided_by"]) == ("Needed for the new scanner.", "Mina Park")
    assert shown[1]["gate"]["passed"] is False


def test_the_active_version_again_answers_that_nothing_is_to_be_done(admin: User) -> None:
    active = factories.active_version()
    assert api(admin).post(f"{MODELS}{active.pk}/promote/").status_code == 204


def test_a_data_set_without_test_patients_cannot_be_named(place: Institution, admin: User) -> None:
    train = judged.dataset(place, split="train", patients=1)
    response = api(admin).post(f"{MODELS}{factories.model_version().pk}/promote/", {"dataset": str(train.pk)})
    assert problem(response) == (404, "not-found")


def test_rolling_back_the_first_version_is_a_conflict(admin: User) -> None:
    assert problem(api(admin).post(f"{MODELS}rollback/")) == (409, "nothing-before")
