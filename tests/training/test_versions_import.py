"""Model files from elsewhere: made into versions, or refused with nothing executed and nothing left behind."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from django.core.files.storage import FileSystemStorage, default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.models import Role, User
from registry.models import ModelVersion
from spineml.checksum import sha256_of
from spineml.model import model_file
from spineml.model.model_file import SPEC_ATTRIBUTE, stored_name
from tests import factories
from tests.api_client import api, problem

pytestmark = pytest.mark.django_db
MODELS = "/api/v1/models/"
KERAS2 = Path(__file__).parents[1] / "spineml" / "keras2"
HEAD = stored_name("logits_head/kernel")
Damage = Callable[[Path], None]


@pytest.fixture
def admin() -> User:
    return factories.user(Role.MODEL_ADMIN)


@pytest.fixture
def client(admin: User) -> Client:
    client = Client()
    client.force_login(admin, backend="django.contrib.auth.backends.ModelBackend")
    return client


def stored_models() -> set[str]:
    root = Path(default_storage.path("models"))
    return {str(path) for path in root.rglob("*.h5")}


def send(user: User, path: Path, **fields: Any) -> Any:
    file = SimpleUploadedFile(path.name, path.read_bytes())
    return api(user).post(MODELS, {"file": file, **fields}, format="multipart")


@pytest.mark.parametrize("name", ["ronneberger", "ronneberger_weights", "normalised"])
def test_a_file_of_keras_2_becomes_a_candidate_of_this_platform(admin: User, name: str) -> None:
    window = {"window_centre": 50, "window_width": 350}
    body = send(admin, KERAS2 / f"{name}.h5", notes="From the old lab", **window).json()
    assert (body["status"], body["notes"]) == ("candidate", "From the old lab")
    assert body["spec"]["preprocess"]["window_width"] == 350
    assert body["spec"]["training"]["imported"]["sha256"] == sha256_of(KERAS2 / f"{name}.h5")
    kept = ModelVersion.objects.get(pk=body["id"])
    assert model_file.inspect(Path(default_storage.path(str(kept.file)))).as_json() == body["spec"]
    again = send(admin, KERAS2 / f"{name}.h5", **window)
    assert (again.status_code, again.json()["id"]) == (200, body["id"])


def test_a_file_of_keras_2_is_for_the_task_that_is_said(admin: User, client: Client) -> None:
    answer = send(admin, KERAS2 / "normalised.h5", task="vertebrae-ct")
    assert problem(answer) == (400, "model-file-rejected")
    assert "tells 1 structures apart from the background; labels of “Vertebrae”: 28" in answer.json()["detail"]
    assert problem(send(admin, KERAS2 / "normalised.h5", task="no-such-task")) == (400, "unknown-task")
    assert send(admin, KERAS2 / "normalised.h5", task="spine-ct").json()["spec"]["task"] == "spine-ct"


def test_half_a_window_is_refused(admin: User) -> None:
    assert problem(send(admin, KERAS2 / "normalised.h5", window_centre=50)) == (400, "window-unusable")
    assert problem(send(admin, KERAS2 / "normalised.h5", window_centre=50, window_width=0)) == (400, "window-unusable")


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-700])


def change(damage: Any) -> Any:
    def apply(path: Path) -> None:
        with h5py.File(path, "r+") as file:
            damage(file)

    return apply


@change
def external_link(file: h5py.File) -> None:
    del file[HEAD]
    file[HEAD] = h5py.ExternalLink("/etc/hostname", "/")


@change
def huge_shape(file: h5py.File) -> None:
    del file[HEAD]
    file.create_dataset(HEAD, (10**9, 10**9), np.float32, chunks=(1024, 1024))


@change
def wrong_spec(file: h5py.File) -> None:
    file.attrs[SPEC_ATTRIBUTE] = '{"format": 1}'


@change
def object_dtype(file: h5py.File) -> None:
    del file[HEAD]
    file.create_dataset(HEAD, (1, 1, 2, 1), h5py.string_dtype())


@change
def huge_attribute(file: h5py.File) -> None:
    file.attrs[SPEC_ATTRIBUTE] = "x" * (model_file.MAX_SPEC_CHARACTERS + 1)


@change
def whole_model(file: h5py.File) -> None:
    file.attrs["model_config"] = '{"class_name": "Functional"}'


@pytest.mark.parametrize(
    "damage", [truncated, external_link, huge_shape, wrong_spec, object_dtype, huge_attribute, whole_model]
)
def test_a_file_that_is_broken_or_dangerous_leaves_nothing_behind(
    admin: User, client: Client, tmp_path: Path, damage: Any
) -> None:
    path = factories.model_file(tmp_path / "model.h5")
    damage(path)
    before = stored_models()
    assert problem(send(admin, path)) == (400, "model-file-rejected")
    response = client.post(reverse("training:version_import"), {"file": SimpleUploadedFile("m.h5", path.read_bytes())})
    assert response.status_code == 400
    assert "errorlist" in response.content.decode()
    assert not ModelVersion.objects.exists()
    assert stored_models() == before


@pytest.mark.parametrize("source", ["ours", "theirs"])
def test_a_full_disk_leaves_no_half_version(
    admin: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    path = factories.model_file(tmp_path / "model.h5") if source == "ours" else KERAS2 / "normalised.h5"
    before = stored_models()

    def full(self: Any, name: str, content: Any) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(FileSystemStorage, "_save", full)
        assert problem(send(admin, path)) == (507, "storage-unavailable")
    assert (ModelVersion.objects.count(), stored_models()) == (0, before)
    assert send(admin, path).status_code == 201


def test_a_lambda_layer_is_refused_by_page_and_by_rest(admin: User, client: Client) -> None:
    path = KERAS2 / "lambda.h5"
    refused = send(admin, path)
    assert problem(refused) == (400, "model-file-rejected")
    assert "Nothing in the file was executed" in refused.json()["detail"]
    response = client.post(reverse("training:version_import"), {"file": SimpleUploadedFile("m.h5", path.read_bytes())})
    assert response.status_code == 400
    assert "is a Lambda" in response.content.decode()


def test_a_file_is_imported_by_page(client: Client) -> None:
    file = SimpleUploadedFile("theirs.h5", (KERAS2 / "ronneberger.h5").read_bytes())
    response = client.post(reverse("training:version_import"), {"file": file, "notes": "Old"}, follow=True)
    page = response.content.decode()
    assert "a Keras 2.21.0 file" in page
    assert "not stated in the file" in page  # its training patients
    assert ModelVersion.objects.get().notes == "Old"
