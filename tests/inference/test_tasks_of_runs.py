"""Segmenting with a task: one or several at upload, an institution's own choice, and a start by REST or page."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.models import Role, User
from cases.models import Series, Upload
from inference.models import InferenceRun
from inference.services import segment_imported
from registry.models import ModelVersion
from registry.selectors import default_tasks
from tests import factories
from tests.api_client import api, problem
from tests.permissions.world import file

pytestmark = pytest.mark.django_db


@pytest.fixture
def series() -> Series:
    return factories.series()


@pytest.fixture
def admin(series: Series) -> User:
    return factories.user(Role.MODEL_ADMIN, institution=series.institution)


@pytest.fixture
def versions(series: Series) -> dict[str, ModelVersion]:
    """Active ones of the spine, and of a task of the institution."""
    lungs = factories.task("lungs-ct", owner=series.institution, name="Lungs", values=(1, 2))
    return {
        "spine-ct": factories.active_version(),
        "lungs-ct": factories.active_version(task=lungs, at=series.institution, owner=series.institution),
    }


def segmented(series: Series) -> set[Any]:
    return set(InferenceRun.objects.filter(series=series).values_list("model_version", flat=True))


def choose(user: User, series: Series, *tasks: str) -> Any:
    address = f"/api/v1/institutions/{series.institution_id}/default-tasks/"
    return api(user).put(address, {"tasks": list(tasks)}, format="json")


def test_new_series_are_segmented_with_what_the_institution_has_chosen(
    series: Series, admin: User, versions: dict[str, ModelVersion]
) -> None:
    assert default_tasks(series.institution_id) == ["spine-ct"]
    assert choose(admin, series, "lungs-ct", "spine-ct", "lungs-ct").json() == {"tasks": ["lungs-ct", "spine-ct"]}
    segment_imported(series=series, actor=admin)
    assert segmented(series) == {version.pk for version in versions.values()}
    assert choose(admin, series).json() == {"tasks": ["spine-ct"]}


def test_the_sender_may_name_other_tasks(series: Series, admin: User, versions: dict[str, ModelVersion]) -> None:
    segment_imported(series=series, actor=admin, tasks=["lungs-ct"])
    assert segmented(series) == {versions["lungs-ct"].pk}


def test_tasks_of_an_upload_are_kept_with_it(series: Series, admin: User, versions: dict[str, ModelVersion]) -> None:
    data = {"files": [file()], "segment_with": ["lungs-ct", "spine-ct"], "institution": str(series.institution_id)}
    response = api(admin).post("/api/v1/uploads/", data, format="multipart")
    assert response.status_code == 201, response.json()
    assert Upload.objects.get().options["tasks"] == ["lungs-ct", "spine-ct"]


@pytest.mark.parametrize(
    ("task", "refusal"),
    [("vertebrae-ct", (409, "no-active-model")), ("brain-ct", (400, "unknown-task")), ("none", (400, "unknown-task"))],
)
def test_a_task_that_cannot_be_segmented_with_is_said_at_once(
    series: Series, admin: User, versions: dict[str, ModelVersion], task: str, refusal: tuple[int, str]
) -> None:
    elsewhere = factories.institution()
    factories.active_version(task=factories.task("brain-ct", owner=elsewhere), at=elsewhere, owner=elsewhere)
    data = {"files": [file()], "segment_with": [task], "institution": str(series.institution_id)}
    assert problem(api(admin).post("/api/v1/uploads/", data, format="multipart")) == refusal
    assert not Upload.objects.exists()
    started = api(admin).post(f"/api/v1/series/{series.pk}/segment/", {"task": task}, format="json")
    assert problem(started) == refusal
    if task == "vertebrae-ct":
        assert "No model version of vertebrae-ct is active" in started.json()["detail"]


def test_a_run_is_started_with_a_task_and_names_it(
    series: Series, admin: User, versions: dict[str, ModelVersion]
) -> None:
    address = f"/api/v1/series/{series.pk}/segment/"
    started = api(admin).post(address, {"task": "lungs-ct"}, format="json")
    assert started.status_code == 202, started.json()
    assert (started.json()["task"], started.json()["model_version"]["id"]) == ("lungs-ct", str(versions["lungs-ct"].pk))
    assert api(admin).post(address, {}, format="json").json()["task"] == "spine-ct"
    both = {"task": "spine-ct", "model_version": str(versions["lungs-ct"].pk)}
    assert problem(api(admin).post(address, both, format="json")) == (400, "another-task")


def test_the_page_offers_versions_of_every_task_by_its_name(
    client: Client, series: Series, admin: User, versions: dict[str, ModelVersion]
) -> None:
    client.force_login(admin)
    page = client.get(f"/series/{series.pk}/view/").content.decode()
    assert "Lungs: v" in page
    assert page.index("platform v") < page.index("Lungs: v")


def test_tasks_are_offered_at_upload_where_there_is_a_choice(
    client: Client, series: Series, admin: User, versions: dict[str, ModelVersion]
) -> None:
    client.force_login(admin)
    assert "Segment with" in client.get("/cases/upload/").content.decode()
    versions["lungs-ct"].choices.all().delete()
    assert "Segment with" not in client.get("/cases/upload/").content.decode()


def test_the_choice_of_an_institution_is_made_on_the_page_of_tasks(
    client: Client, series: Series, admin: User, versions: dict[str, ModelVersion]
) -> None:
    client.force_login(admin)
    page = client.get("/models/tasks/").content.decode()
    assert 'value="spine-ct" checked' in page
    client.post(f"/models/tasks/default/{series.institution_id}/", {"tasks": ["lungs-ct"]})
    assert default_tasks(series.institution_id) == ["lungs-ct"]
    client.post(f"/models/tasks/default/{series.institution_id}/", {"tasks": ["no-such-task"]})
    assert default_tasks(series.institution_id) == ["lungs-ct"]
