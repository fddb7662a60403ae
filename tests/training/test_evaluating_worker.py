"""An evaluation from the REST client through a real worker and back."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings

from accounts.models import Role
from registry.services import default_version_ensure
from spineplatform.processes import Processes
from tests import factories
from tests.api_client import api
from tests.training import judged
from tests.waiting import wait_for

pytestmark = [pytest.mark.worker, pytest.mark.tensorflow, pytest.mark.slow]


def test_a_version_is_evaluated_by_the_worker_of_the_segmentations(worker: Processes) -> None:
    version = default_version_ensure(folder=settings.MODEL_DIR)
    place = factories.institution("Home")
    client = api(factories.user(Role.MODEL_ADMIN, institution=place))
    data = judged.written(judged.dataset(place, patients=2, frozen=False))
    asked = {"version": str(version.pk), "dataset": str(data.pk), "split": "test"}
    response = client.post("/api/v1/evaluations/", asked)
    assert response.status_code == 202
    body = finished(client, response["Location"])
    assert (body["state"], body["error"]) == ("succeeded", "")
    assert (body["all"]["images"], body["unseen"]["patients"]) == (6, 2)
    assert client.get(body["plots"][0]["svg"]).status_code == 200
    run = client.get(f"/api/v1/runs/evaluation/{body['id']}/").json()
    assert (run["done"], run["total"]) == (6, 6)


def finished(client: Any, url: str) -> dict[str, Any]:
    wait_for(lambda: client.get(url).json()["state"] not in ("queued", "running"), "The end of the evaluation")
    body: dict[str, Any] = client.get(url).json()
    return body
