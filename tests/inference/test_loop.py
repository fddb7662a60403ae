"""The whole loop by REST: five cases come in, their approved masks teach a version, which takes over and goes again."""

from __future__ import annotations

import base64
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.models import Role
from registry.services import default_version_ensure
from spineml.phantom import spine_phantom, write_nifti
from spineplatform.processes import Processes
from tests import factories
from tests.api_client import api
from tests.waiting import wait_for

pytestmark = [pytest.mark.worker, pytest.mark.tensorflow, pytest.mark.slow]
SHAPE, SPACING = (5, 192, 192), (3.0, 1.0, 1.0)
SPLITS = ("train", "train", "train", "validation", "test")
TINY = {"epochs": 2, "batch_size": 2, "crop_size": 96, "augmentation": ["flip"], "learning_rate": 1e-4, "patience": 0}


@pytest.fixture
def people(worker: Processes) -> dict[str, Any]:
    """A client for each role of one hospital, with the default model at work."""
    default_version_ensure(folder=settings.MODEL_DIR)
    home = factories.institution("Home")
    return {role.value: api(factories.user(role, institution=home)) for role in Role}


def done(client: Any, address: str, *, key: str = "") -> dict[str, Any]:
    """Look until the run at ``address`` (its ``key``, if it is part of something) has succeeded."""

    def ended() -> dict[str, Any] | None:
        body: dict[str, Any] = client.get(address).json()
        return body if (body[key] if key else body)["state"] not in ("queued", "running") else None

    body = wait_for(ended, f"The end of {address}")
    run = body[key] if key else body
    assert run["state"] == "succeeded", run["error"]
    return body


def posted(client: Any, address: str, body: dict[str, Any], status: int, **options: Any) -> dict[str, Any]:
    answer = client.post(f"/api/v1/{address}", body, **options)
    assert answer.status_code == status, answer.json()
    found: dict[str, Any] = answer.json()
    return found


def upload(client: Any, folder: Path, seed: int) -> tuple[str, np.ndarray]:
    """Send a phantom of its own patient; its series, and the labels that are true for it."""
    volume, truth = spine_phantom(shape=SHAPE, seed=seed, spacing=SPACING)
    path = write_nifti(volume, folder / f"ct-{seed}.nii.gz")
    file = SimpleUploadedFile(path.name, path.read_bytes())
    sent = posted(client, "uploads/", {"files": [file], "title": f"Case {seed}"}, 201, format="multipart")
    body = done(client, sent["url"], key="run")
    return next(one["series"] for one in body["verdicts"] if one["series"]), truth.labels


def first_mask(client: Any, series: str) -> str:
    """The mask of the segmentation that the upload asked for."""
    runs = client.get(f"/api/v1/runs/inference/?series={series}").json()["results"]
    return str(done(client, runs[-1]["url"])["mask"])


def packed(labels: np.ndarray) -> str:
    """One slice as the REST interface takes it."""
    return base64.b64encode(zlib.compress(np.ascontiguousarray(labels).tobytes())).decode()


def correct_and_approve(people: dict[str, Any], series: str, mask: str, labels: np.ndarray) -> None:
    slices = {str(z): packed(one) for z, one in enumerate(labels)}
    body = {"base": mask, "slices": slices}
    corrected = posted(people["annotator"], f"series/{series}/corrections/", body, 201)
    signed = {"verdict": "approved", "annotation": corrected["id"]}
    assert posted(people["clinician"], f"series/{series}/reviews/", signed, 201)["case_state"] == "approved"


def set_splits(admin: Any) -> None:
    patients = admin.get("/api/v1/splits/").json()["results"]
    assert len(patients) == len(SPLITS)
    for one, split in zip(patients, SPLITS, strict=True):
        answer = admin.put(f"/api/v1/splits/{one['id']}/", {"split": split, "reason": "For this loop."})
        assert answer.status_code == 200, answer.json()


def freeze(admin: Any) -> dict[str, Any]:
    """A frozen data set of everything that is approved; what the check remarks on is accepted with a note."""
    draft = posted(admin, "datasets/", {"name": "The loop's masks"}, 201)
    done(admin, posted(admin, f"datasets/{draft['id']}/check/", {}, 202)["url"])
    findings = admin.get(draft["url"]).json()["findings"]
    keys = [one["key"] for one in findings if one["decision"] == "open"]
    if keys:
        accepted = {"decision": "accept", "keys": keys, "note": "Phantoms."}
        posted(admin, f"datasets/{draft['id']}/decide/", accepted, 200)
    done(admin, posted(admin, f"datasets/{draft['id']}/freeze/", {}, 202)["url"])
    frozen: dict[str, Any] = admin.get(draft["url"]).json()
    return frozen


def active(admin: Any) -> dict[str, Any]:
    return next(one for one in admin.get("/api/v1/models/").json()["results"] if one["status"] == "active")


def segment(client: Any, series: str) -> str:
    """The version that segments now, as the run says."""
    answer = client.post(f"/api/v1/series/{series}/segment/", {})
    return str(done(client, answer["Location"])["model_version"]["id"])


def test_five_cases_teach_a_version_that_takes_over_and_gives_way_again(people: dict[str, Any], tmp_path: Path) -> None:
    admin, clinician = people["model_admin"], people["clinician"]
    cases = [upload(clinician, tmp_path, seed) for seed in range(len(SPLITS))]
    for series, labels in cases:
        correct_and_approve(people, series, first_mask(clinician, series), labels)

    set_splits(admin)
    frozen = freeze(admin)
    assert {split: counts["patients"] for split, counts in frozen["counts"].items()} == {
        "train": 3,
        "validation": 1,
        "test": 1,
    }

    old = active(admin)
    asked = {"dataset": frozen["id"], "base": old["id"], "settings": TINY}
    trained = done(admin, posted(admin, "trainings/", asked, 202)["url"])
    assert [epoch["epoch"] for epoch in trained["epochs"]] == [1, 2]
    new = trained["version"]
    assert admin.get(f"/api/v1/models/{new}/").json()["parent"] == old["id"]

    for version in (old["id"], new):
        wanted = {"version": version, "dataset": frozen["id"], "split": "test"}
        judged = done(admin, posted(admin, "evaluations/", wanted, 202)["url"])
        assert judged["unseen"]["patients"] == 1

    refused = admin.post(f"/api/v1/models/{new}/promote/", {})
    assert (refused.status_code, refused.json()["code"]) == (409, "gate-refused")  # one test patient decides nothing
    reason = {"reason": "One phantom is all there is to judge by."}
    assert posted(admin, f"models/{new}/promote/", reason, 200)["kind"] == "override"
    assert segment(clinician, cases[-1][0]) == new

    assert posted(admin, "models/rollback/", {}, 200)["kind"] == "rollback"
    assert segment(clinician, cases[-1][0]) == old["id"]
