"""Model versions through the REST API."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.models import Role, User
from registry.models import ModelVersion
from spineml.model.model_file import TrainingRecord
from spineplatform.shared.api import FORM_BYTES
from spineplatform.shared.models import AuditEvent
from tests import factories
from tests.api_client import api, problem
from training.versions import api as training_api

pytestmark = pytest.mark.django_db
MODELS = "/api/v1/models/"


@pytest.fixture
def admin() -> User:
    return factories.user(Role.MODEL_ADMIN)


def send(user: User, path: Path, **fields: Any) -> Any:
    file = SimpleUploadedFile(path.name, path.read_bytes())
    return api(user).post(MODELS, {"file": file, **fields}, format="multipart")


def test_a_registered_model_is_a_candidate_with_the_spec_of_its_file(admin: User, tmp_path: Path) -> None:
    path = factories.model_file(tmp_path / "model.h5", name="Tiny", data=TrainingRecord(patients=3))
    response = send(admin, path, notes="From the night shift")
    assert response.status_code == 201
    body = response.json()
    assert (body["status"], body["number"], body["name"]) == ("candidate", 1, "v1")
    assert body["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert body["spec"]["data"]["patients"] == 3
    assert body["notes"] == "From the night shift"
    assert api(admin).get(response["Location"]).json() == body


def test_the_same_file_again_is_the_same_version(admin: User, tmp_path: Path) -> None:
    path = factories.model_file(tmp_path / "model.h5")
    first, again = send(admin, path), send(admin, path)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]


def test_versions_are_numbered_and_listed_from_new_to_old_without_their_specs(admin: User, tmp_path: Path) -> None:
    for name in ("first", "second"):
        send(admin, factories.model_file(tmp_path / f"{name}.h5"))
    shown = api(admin).get(MODELS).json()["results"]
    assert [one["number"] for one in shown] == [2, 1]
    assert "spec" not in shown[0]


@pytest.mark.parametrize("content", [b"not HDF5", b"\x89HDF\r\n\x1a\n and then nothing"])
def test_a_file_that_is_no_model_is_refused(admin: User, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.h5"
    path.write_bytes(content)
    assert problem(send(admin, path)) == (400, "model-file-rejected")
    assert not ModelVersion.objects.exists()


def test_a_model_for_something_else_is_refused(admin: User, tmp_path: Path) -> None:
    response = send(admin, factories.model_file(tmp_path / "model.h5", task="knee-mri"))
    assert problem(response) == (400, "model-file-rejected")


def test_a_request_without_a_file_names_the_field(admin: User) -> None:
    response = api(admin).post(MODELS, {"notes": "none"}, format="multipart")
    assert problem(response) == (400, "invalid")
    assert set(response.json()["errors"]) == {"file"}


def test_a_file_larger_than_any_model_is_refused_before_it_is_read(
    admin: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_api, "MAX_FILE_BYTES", 1000 - FORM_BYTES)
    assert problem(send(admin, factories.model_file(tmp_path / "model.h5"))) == (413, "too-large")


def test_activating_goes_through_the_gate_and_the_version_before_comes_back_freely(admin: User) -> None:
    old, new = factories.model_version(), factories.model_version()
    assert api(admin).post(f"{MODELS}{old.pk}/activate/").json()["status"] == "active"
    assert problem(api(admin).post(f"{MODELS}{new.pk}/activate/")) == (409, "no-test-patients")
    assert api(admin).post(f"{MODELS}{new.pk}/promote/", {"reason": "No test patients yet."}).status_code == 200
    assert api(admin).get(f"{MODELS}{old.pk}/").json()["status"] == "candidate"
    assert api(admin).post(f"{MODELS}{old.pk}/activate/").json()["status"] == "active"
    assert api(admin).get(f"{MODELS}{new.pk}/").json()["status"] == "candidate"


def test_a_retired_version_cannot_be_activated(admin: User) -> None:
    retired = factories.model_version(retired=True)
    assert problem(api(admin).post(f"{MODELS}{retired.pk}/activate/")) == (409, "version-retired")


def test_the_file_is_given_back_as_it_is_and_that_is_recorded(admin: User, tmp_path: Path) -> None:
    path = factories.model_file(tmp_path / "model.h5")
    version = send(admin, path).json()
    response = api(admin).get(f"{MODELS}{version['id']}/download/")
    assert b"".join(response.streaming_content) == path.read_bytes()
    assert 'filename="spine-ct-v1.h5"' in response["Content-Disposition"]
    assert AuditEvent.objects.filter(action="model.downloaded", actor=admin, object_id=version["id"]).exists()


def test_an_unknown_version_is_not_found(admin: User) -> None:
    assert problem(api(admin).get(f"{MODELS}00000000-0000-4000-8000-000000000000/")) == (404, "not-found")


def test_a_model_is_of_a_task_of_its_institution_and_marks_labels_of_it(admin: User, tmp_path: Path) -> None:
    place = admin.memberships.get().institution
    factories.task("knee-ct", owner=place, values=(1, 2))
    factories.task("brain-ct", owner=factories.institution())
    named = {"classes": ("background", "Femur"), "task": "knee-ct"}

    taken = send(admin, factories.model_file(tmp_path / "knee.h5", values=(0, 2), **named))
    other = send(admin, factories.model_file(tmp_path / "other.h5", values=(0, 3), **named))
    foreign = send(admin, factories.model_file(tmp_path / "brain.h5", task="brain-ct"))

    assert taken.status_code == 201, taken.json()
    assert taken.json()["task"] == "knee-ct"
    assert problem(other) == (400, "model-file-rejected")
    assert "values 3" in other.json()["detail"]
    assert problem(foreign) == (400, "model-file-rejected")
