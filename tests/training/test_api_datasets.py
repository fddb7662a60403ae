"""Splits and data sets through the REST API."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.models import Institution, Membership, Role, User
from cases.models import Exposure
from spineml.volumes.canonical_file import read_volume
from spineplatform.shared import storage
from spineplatform.shared.models import AuditEvent
from tests import factories
from tests.api_client import api, problem
from tests.cases import projects
from tests.training import chosen, judged, learnable
from training.models import Dataset, TrainingRun

pytestmark = pytest.mark.django_db
DATASETS, SPLITS = "/api/v1/datasets/", "/api/v1/splits/"


@pytest.fixture
def place() -> Institution:
    return factories.institution("Home")


@pytest.fixture
def client(place: Institution) -> Any:
    return api(factories.user(Role.MODEL_ADMIN, institution=place, username="admin"))


# --- splits -----------------------------------------------------------------------------------------------------------
def test_patients_are_listed_drawn_and_set_by_hand(place: Institution, client: Any) -> None:
    people = [chosen.mask(place).series.case.patient for _ in range(4)]
    waiting = client.get(SPLITS, {"split": "none"}).json()["results"]
    assert {one["id"] for one in waiting} == {str(person.pk) for person in people}
    assert waiting[0]["split"] is None
    drawn = client.post(f"{SPLITS}draw/", {"seed": 5, "train": 0.5, "validation": 0.25, "test": 0.25}).json()
    assert sorted(one["split"] for one in drawn) == ["test", "train", "train", "validation"]
    assert {one["seed"] for one in drawn} == {5}
    url = f"{SPLITS}{people[0].pk}/"
    assert problem(client.put(url, {"split": "test"})) == (400, "invalid")
    body = client.put(url, {"split": "test", "reason": "Judged before."}).json()
    assert (body["split"], body["origin"], body["decided_by"]) == ("test", "by-hand", "admin")
    found = client.get(SPLITS, {"q": people[0].pseudonym}).json()["results"]
    assert [one["split"]["reason"] for one in found] == ["Judged before."]


def test_shares_must_add_up(client: Any) -> None:
    assert problem(client.post(f"{SPLITS}draw/", {"train": 0.9, "validation": 0.9, "test": 0.1})) == (400, "invalid")


def test_a_split_that_a_version_knows_stays_and_says_why(place: Institution, client: Any) -> None:
    data = judged.dataset(place, patients=1, split="train")
    TrainingRun.objects.create(institution=place, dataset=data, settings={})
    patient = data.items.get().patient
    response = client.put(f"{SPLITS}{patient.pk}/", {"split": "test", "reason": "Too few."})
    assert problem(response) == (409, "split-trained")
    assert client.get(SPLITS).json()["results"][0]["fixed"] is True


def test_images_under_several_names_are_listed(place: Institution, client: Any) -> None:
    series = chosen.mask(place, split="train").series
    image = read_volume(storage.local_path(series.volume))
    factories.series(institution=factories.institution(), image=image)
    (found,) = client.get("/api/v1/duplicates/").json()
    assert (found["pixel_hash"], found["hidden"]) == (series.pixel_hash, 1)
    assert [(one["series"], one["split"]) for one in found["series"]] == [(str(series.pk), "train")]


# --- data sets --------------------------------------------------------------------------------------------------------
def test_a_draft_tells_what_it_holds_and_what_is_missing(place: Institution, client: Any) -> None:
    mask = chosen.mask(place, split="train")
    waiting = chosen.mask(place).series.case.patient
    response = client.post(DATASETS, {"name": "Spine", "source": "upload"})
    assert response.status_code == 201
    body = client.get(response["Location"]).json()
    assert body["counts"]["train"] == {"patients": 1, "series": 1, "images": 3, "images_with_spine": 3}
    assert body["without_split"] == [str(waiting.pk)]
    assert [one["code"] for one in body["missing"]] == ["one-patient", "no-validation-patients", "no-test-patients"]
    assert (body["run"], body["findings"], body["frozen_at"]) == (None, [], None)
    masks = client.get(f"{body['url']}masks/").json()["results"]
    assert {one["id"]: one["split"] for one in masks}[str(mask.pk)] == "train"
    assert [one["id"] for one in client.get(DATASETS).json()["results"]] == [body["id"]]


def test_what_makes_no_data_set_is_refused(client: Any) -> None:
    assert problem(client.post(DATASETS, {"name": ""})) == (400, "invalid")
    assert client.post(DATASETS, {"name": "Spine"}).status_code == 201
    assert problem(client.post(DATASETS, {"name": "Spine"})) == (409, "name-taken")
    unknown = {"name": "Other", "masks": ["00000000-0000-4000-8000-000000000000"]}
    assert problem(client.post(DATASETS, unknown)) == (400, "masks-unknown")
    elsewhere = {"name": "Other", "institutions": [str(factories.institution().pk)]}
    assert problem(client.post(DATASETS, elsewhere)) == (404, "not-found")


def test_freezing_asks_for_splits_and_checking_for_masks(place: Institution, client: Any) -> None:
    url = client.post(DATASETS, {"name": "Spine"})["Location"]
    assert problem(client.post(f"{url}check/")) == (409, "nothing-chosen")
    patient = chosen.mask(place).series.case.patient
    refused = client.post(f"{url}freeze/")
    assert problem(refused) == (409, "patients-without-split")
    assert refused.json()["patients"] == [str(patient.pk)]
    assert [one["patient"] for one in client.post(f"{url}splits/", {"seed": 1}).json()] == [str(patient.pk)]
    run = client.post(f"{url}freeze/")
    assert (run.status_code, run.json()["freezes"]) == (202, True)
    assert client.get(run["Location"]).json()["kind"] == "dataset"
    assert problem(client.delete(url)) == (409, "dataset-busy")


FOUND = {
    "key": "abc",
    "code": "shifted",
    "other": "",
    "z": 2,
    "values": {"share": 0.2, "then": 0.7, "distance": 12.5, "unit": "mm"},
    "blocking": False,
}


@pytest.fixture
def draft(place: Institution) -> Dataset:
    """A draft with one finding."""
    mask = chosen.mask(place, split="train")
    return chosen.draft(place, findings=[{**FOUND, "annotation": str(mask.pk)}])


def test_findings_are_read_and_decided_on(draft: Dataset, client: Any) -> None:
    url = f"{DATASETS}{draft.pk}/"
    (found,) = client.get(url).json()["findings"]
    assert found["message"] == (
        "20% of the mask is on bone; shifted by 12.5 mm it would be 70%. It is probably shifted."
    )
    assert found["page"].endswith(f"?mask={found['mask']}#z=2")
    assert problem(client.post(f"{url}freeze/")) == (409, "findings-open")
    accept = {"decision": "accept", "keys": ["abc"]}
    assert problem(client.post(f"{url}decide/", accept)) == (400, "note-needed")
    body = client.post(f"{url}decide/", {**accept, "note": "Metal beside it."}).json()
    assert [(one["decision"], one["note"], one["decided_by"]) for one in body["findings"]] == [
        ("accepted", "Metal beside it.", "admin")
    ]
    out = {"decision": "leave-out", "masks": [found["mask"]]}
    assert client.post(f"{url}decide/", out).json()["counts"]["train"]["patients"] == 0
    back = {"decision": "take-back", "masks": [found["mask"]]}
    assert client.post(f"{url}decide/", back).json()["counts"]["train"]["patients"] == 1
    assert AuditEvent.objects.filter(action__startswith="dataset.").count() == 3


def test_the_file_is_given_to_who_manages_it_once_it_is_frozen(place: Institution, client: Any, draft: Dataset) -> None:
    assert problem(client.get(f"{DATASETS}{draft.pk}/download/")) == (409, "dataset-not-frozen")
    data = chosen.frozen(place)
    response = client.get(f"{DATASETS}{data.pk}/download/")
    content = b"".join(response.streaming_content)
    assert (len(content), content[:4]) == (data.size, b"\x89HDF")
    assert AuditEvent.objects.filter(action="dataset.downloaded", object_id=str(data.pk)).count() == 1
    reader = api(factories.user(Role.CLINICIAN, institution=place))
    assert problem(reader.get(f"{DATASETS}{data.pk}/download/")) == (403, "forbidden")


def test_a_set_is_deleted_unless_something_rests_on_it(place: Institution, client: Any) -> None:
    used = judged.dataset(place, patients=1)
    judged.evaluation(factories.model_version(), used, (0.9,))
    refused = client.delete(f"{DATASETS}{used.pk}/")
    assert problem(refused) == (409, "dataset-in-use")
    assert refused.json()["depends"] == {"trainings": 0, "versions": 0, "evaluations": 1}
    unused = chosen.frozen(place)
    assert client.delete(f"{DATASETS}{unused.pk}/").status_code == 204
    assert client.get(f"{DATASETS}{unused.pk}/").status_code == 404


def test_who_manages_only_one_of_its_institutions_may_look_but_not_touch(place: Institution, client: Any) -> None:
    data = chosen.frozen(place)
    data.institutions.add(factories.institution())
    assert client.get(f"{DATASETS}{data.pk}/").status_code == 200
    assert problem(client.get(f"{DATASETS}{data.pk}/download/")) == (403, "forbidden")
    assert problem(client.delete(f"{DATASETS}{data.pk}/")) == (403, "forbidden")


def test_findings_at_another_institution_have_no_case_to_open(place: Institution, draft: Dataset) -> None:
    elsewhere = factories.institution()
    draft.institutions.add(elsewhere)
    stranger: User = factories.user(Role.MODEL_ADMIN, institution=elsewhere)
    (found,) = api(stranger).get(f"{DATASETS}{draft.pk}/").json()["findings"]
    assert found["page"] == ""


# --- blind reading ----------------------------------------------------------------------------------------------------
def test_who_reads_a_series_blindly_gets_no_file_with_its_mask_and_who_got_one_reads_no_more(
    place: Institution,
) -> None:
    data = chosen.frozen(place)
    series = data.items.get().annotation.series
    group = projects.group(institution=place)
    item = projects.item(group.project, series)
    runner, adjudicator = group.second, group.third
    for person in (runner, adjudicator):
        Membership.objects.create(user=person, institution=place, role=Role.MODEL_ADMIN)
    address = f"{DATASETS}{data.pk}/download/"
    assert problem(api(runner).get(address)) == (409, "dataset-read-blindly")
    answer = api(adjudicator).get(address)
    assert answer.status_code == 200
    b"".join(answer.streaming_content)
    assert list(Exposure.objects.values_list("series", "user")) == [(item.series_id, adjudicator.pk)]


def test_pictures_of_a_training_hide_what_is_read_blindly(place: Institution) -> None:
    data = chosen.frozen(place)
    group = projects.group(institution=place)
    run = learnable.run(data)
    sample = learnable.sample(run)
    projects.item(group.project, sample.series)
    Membership.objects.create(user=group.second, institution=place, role=Role.MODEL_ADMIN)
    address = f"/api/v1/trainings/{run.pk}/samples/{sample.pk}.png"
    assert api(group.second).get(address).status_code == 404
    page = Client()
    page.force_login(group.second)
    assert str(sample.pk) not in page.get(f"/models/trainings/{run.pk}/").content.decode()
