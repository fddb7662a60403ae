"""Versions in a real worker: the one that was promoted last, one that is named, one whose file was changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage

from accounts.models import Role, User
from inference.models import InferenceRun
from registry.models import ModelVersion
from registry.services import version_register
from spineplatform.processes import Processes
from tests import factories
from tests.api_client import api
from tests.waiting import wait_for

pytestmark = [pytest.mark.worker, pytest.mark.tensorflow, pytest.mark.slow]
KERAS2 = Path(__file__).parents[1] / "spineml" / "keras2" / "ronneberger.h5"


@pytest.fixture
def person(worker: Processes) -> User:
    return factories.user(Role.CLINICIAN, Role.MODEL_ADMIN)


@pytest.fixture
def versions(person: User, tmp_path: Path) -> list[ModelVersion]:
    """One of this platform, and one that Keras 2 wrote; none is active."""
    paths = (factories.model_file(tmp_path / "model.h5"), KERAS2)
    return [version_register(path=path, actor=person) for path in paths]


def segmented(person: User, **named: str) -> InferenceRun:
    """A new series of the person's institution, through REST and the worker."""
    series = factories.series(institution=person.memberships.first().institution)
    started = api(person).post(f"/api/v1/series/{series.pk}/segment/", named, format="json").json()
    return ended(InferenceRun.objects.get(pk=started["id"]))


def ended(run: InferenceRun) -> InferenceRun:
    wait_for(lambda: InferenceRun.objects.get(pk=run.pk).is_finished, "The end of the run")
    run.refresh_from_db()
    return run


def post(person: User, address: str, **body: Any) -> None:
    response = api(person).post(f"/api/v1/models/{address}/", body, format="json")
    assert response.status_code == 200, response.json()


def test_a_promoted_version_segments_at_once_and_a_named_one_at_any_time(
    person: User, versions: list[ModelVersion]
) -> None:
    first, second = versions
    post(person, f"{first.pk}/promote")
    assert segmented(person).model_version == first
    post(person, f"{second.pk}/promote", reason="No test patients yet.")
    assert segmented(person).model_version == second  # the worker was not started anew
    assert segmented(person, model_version=str(first.pk)).model_version == first
    post(person, "rollback")
    assert segmented(person).model_version == first


def test_a_version_whose_file_was_changed_segments_nothing_until_it_is_restored(
    person: User, versions: list[ModelVersion]
) -> None:
    version = versions[0]
    file = Path(default_storage.path(str(version.file)))
    kept = file.read_bytes()
    file.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
    run = segmented(person, model_version=str(version.pk))
    assert (run.state, run.error_code) == ("failed", "model-file-rejected")
    assert "SHA-256 differs" in run.error_message
    assert not run.series.annotations.exists()
    file.write_bytes(kept)
    api(person).post(f"/api/v1/runs/inference/{run.pk}/retry/")
    assert ended(run).state == "succeeded", run.error_message
