"""A data set from the REST client through a real import worker and back, also when the worker is killed."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.models import Role
from spineplatform.processes import Processes
from tests import factories
from tests.api_client import api
from tests.training import chosen
from tests.waiting import wait_for
from training.models import DatasetRun

pytestmark = [pytest.mark.worker, pytest.mark.slow]


def test_a_data_set_is_checked_and_frozen_by_the_worker_of_the_imports(worker: Processes) -> None:
    place = factories.institution("Home")
    client = api(factories.user(Role.MODEL_ADMIN, institution=place))
    for split in ("train", "validation", "test"):
        chosen.mask(place, split=split)
    url = client.post("/api/v1/datasets/", {"name": "Spine"})["Location"]
    assert finished(client, client.post(f"{url}check/")["Location"])["state"] == "succeeded"
    run = finished(client, client.post(f"{url}freeze/")["Location"])
    assert (run["state"], run["error"], run["result_url"]) == ("succeeded", "", client.get(url).json()["page"])
    body = client.get(url).json()
    assert body["frozen_at"] is not None
    assert {split: one["patients"] for split, one in body["counts"].items()} == {"train": 1, "validation": 1, "test": 1}


def test_a_killed_worker_leaves_one_frozen_set_and_one_file(worker: Processes) -> None:
    place = factories.institution("Home")
    client = api(factories.user(Role.MODEL_ADMIN, institution=place))
    for split in ("train", "test"):
        chosen.mask(place, split=split, depth=60)
    url = client.post("/api/v1/datasets/", {"name": "Spine"})["Location"]
    address = client.post(f"{url}freeze/")["Location"]
    wait_for(lambda: client.get(address).json()["state"] in ("running", "succeeded"), "The start of the run")
    worker.kill("worker-import")
    worker.start_worker("import")
    assert finished(client, address)["state"] == "succeeded"
    run = DatasetRun.objects.get()
    assert (run.dataset.is_frozen, run.dataset.items.count()) == (True, 2)


def finished(client: Any, url: str) -> dict[str, Any]:
    wait_for(lambda: client.get(url).json()["state"] not in ("queued", "running"), "The end of the run")
    body: dict[str, Any] = client.get(url).json()
    return body
