"""Tasks by REST: made, changed and deleted by those whose they are; rules between them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.models import Institution, Role, User
from registry.models import Task
from spineml.tasks.shipped import VERTEBRAE_CT
from spineplatform.shared.models import AuditEvent
from tests import factories
from tests.api_client import api, problem

pytestmark = pytest.mark.django_db
URL = "/api/v1/tasks/"
KIDNEYS = {"slug": "kidneys-ct", "name": "Kidneys"}
LABELS = [{"value": 1, "name": "Left kidney"}, {"value": 2, "name": "Right kidney", "colour": "#ABCDEF"}]


@pytest.fixture
def place() -> Institution:
    return factories.institution()


@pytest.fixture
def admin(place: Institution) -> User:
    return factories.user(Role.MODEL_ADMIN, institution=place)


@pytest.fixture
def kidneys(admin: User) -> dict[str, Any]:
    response = api(admin).post(URL, {**KIDNEYS, "labels": LABELS})
    assert response.status_code == 201, response.json()
    return response.json()


def labels_of(response: Any) -> list[tuple[int, str]]:
    return [(label["value"], label["name"]) for label in response.json()["labels"]]


def change(user: User, slug: str, **body: Any) -> Any:
    return api(user).patch(f"{URL}{slug}/", body)


# --- reading ----------------------------------------------------------------------------------------------------------
def test_everybody_sees_the_tasks_of_the_platform_and_of_their_institution_only(admin: User, kidneys: Any) -> None:
    reader = factories.user(Role.CLINICIAN, institution=admin.institutions.get())
    stranger = factories.user(Role.CLINICIAN)
    assert [row["slug"] for row in api(reader).get(URL).json()["results"]] == ["spine-ct", "vertebrae-ct", "kidneys-ct"]
    assert [row["slug"] for row in api(stranger).get(URL).json()["results"]] == ["spine-ct", "vertebrae-ct"]
    assert problem(api(stranger).get(URL + "kidneys-ct/")) == (404, "not-found")
    assert api(reader).get(URL + "kidneys-ct/").json()["may_change"] is False


def test_a_task_names_its_labels_with_values_colours_and_codes(admin: User) -> None:
    body = api(admin).get(URL + "vertebrae-ct/").json()
    first = body["labels"][0]
    assert (first["value"], first["name"], first["short"], first["colour"]) == (1, "C1 vertebra", "C1", "#b9e83d")
    assert first["type"] == {"value": "14806007", "scheme": "SCT", "meaning": "C1 vertebra"}
    assert body["relations"] == [
        {
            "source": "vertebrae-ct",
            "target": "spine-ct",
            "values": {str(value): 1 for value in sorted(VERTEBRAE_CT.values - {26, 27})},
            "rule": "All vertebrae, without sacrum and coccyx",
        }
    ]


def test_which_labels_masks_use_is_told_with_those_of_others_not_counted(admin: User, place: Institution) -> None:
    task = Task.objects.get(pk="vertebrae-ct")
    for series in (factories.series(institution=place), factories.series()):
        pixels = np.zeros(series.geometry.shape, np.uint8)
        pixels[0, 0, 0] = 26
        factories.annotation(of=series, pixels=pixels, task=task)
    sacrum, coccyx = api(admin).get(URL + "vertebrae-ct/").json()["labels"][-2:]
    assert (sacrum["in_use"], sacrum["masks"]) == (True, 1)
    assert (coccyx["in_use"], coccyx["masks"]) == (False, 0)


# --- making -----------------------------------------------------------------------------------------------------------
def test_a_task_is_made_of_labels_and_what_is_left_out_is_filled_in(kidneys: dict[str, Any]) -> None:
    left, right = kidneys["labels"]
    assert (left["short"], left["colour"]) == ("LK", "#b9e83d")
    assert (right["short"], right["colour"]) == ("RK", "#abcdef")
    assert left["category"]["meaning"] == "Anatomical Structure"
    assert kidneys["owner"]["name"] == Institution.objects.get().name
    assert AuditEvent.objects.filter(action="task.created", object_id="kidneys-ct").count() == 1


def test_a_copy_has_the_labels_of_the_original_and_is_ones_own(admin: User) -> None:
    response = api(admin).post(URL, {"slug": "lumbar-ct", "name": "Lumbar spine", "copy_of": "vertebrae-ct"})
    assert response.status_code == 201
    assert Task.objects.get(pk="lumbar-ct").definition.labels == VERTEBRAE_CT.labels
    assert response.json()["may_change"] is True


FILES = {
    "dataset.json": b'{"labels": {"background": 0, "liver": 1, "spleen": 2}}',
    "anatomy.ctbl": b"# Slicer\n0 Background 0 0 0 0\n1 liver 221 130 101 255\n2 spleen 157 108 162 255\n",
    "labels.txt": b'0 0 0 0 0 0 0 "Clear Label"\n1 255 0 0 1 1 1 "liver"\n2 0 255 0 1 1 1 "spleen"\n',
}


@pytest.mark.parametrize("name", FILES)
def test_labels_come_from_a_file_of_another_program(admin: User, name: str) -> None:
    sent = {"slug": "organs", "name": "Organs", "file": SimpleUploadedFile(name, FILES[name])}
    response = api(admin).post("/api/v1/task-files/", sent, format="multipart")
    assert response.status_code == 201, response.json()
    assert labels_of(response) == [(1, "liver"), (2, "spleen")]


def test_a_task_without_labels_has_one_of_its_name(admin: User) -> None:
    assert labels_of(api(admin).post(URL, {"slug": "lungs", "name": "Lungs"})) == [(1, "Lungs")]


def label(value: Any = 1, name: str = "A", **more: Any) -> dict[str, Any]:
    return {"value": value, "name": name, **more}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"labels": [label(1, "A"), label(1, "B")]}, "“A” and “B” have the same value, 1."),
        ({"labels": [label(1, "Liver"), label(2, "LIVER")]}, "Two labels are called “LIVER”."),
        ({"labels": [label(0)]}, "“A” has the value 0. Values are 1 to 255."),
        ({"labels": [label(256)]}, "“A” has the value 256. Values are 1 to 255."),
        ({"labels": [label(n, f"L{n}") for n in range(1, 257)]}, "“L256” has the value 256. Values are 1 to 255."),
        ({"labels": [label(name="x" * 300)]}, "is not a valid name. Use 1 to 64 characters on one line."),
        ({"labels": [label(name=" \t ")]}, "may not be blank"),
        ({"labels": [label(colour="red")]}, "The colour of “A” is “red”. Write colours as #rrggbb."),
        ({"labels": [label(short="far too long")]}, "“far too long” is not a valid name. Use 1 to 8 characters"),
        ({"labels": [label(type={"value": "x" * 16, "meaning": " a"})]}, None),
        ({"slug": "Kidneys CT"}, "The identifier “Kidneys CT” is not valid."),
        ({"slug": "x" * 33}, "is not valid. Use at most 32 lower-case letters, digits and hyphens."),
        ({"slug": "../../etc"}, "is not valid"),
        ({"name": "x" * 65}, "is not a valid name. Use 1 to 64 characters on one line."),
        ({"copy_of": "nowhere"}, "Not found, or you do not have access."),
        ({"copy_of": "spine-ct", "labels": LABELS}, "Give labels, or a task to copy: one of them."),
        ({"surprise": 1}, "There is no such field here."),
    ],
)
def test_what_is_wrong_with_a_task_is_said_and_nothing_is_made(admin: User, body: dict[str, Any], said: str) -> None:
    response = api(admin).post(URL, {**KIDNEYS, **body})
    if said is None:
        assert response.status_code == 201
        return
    assert response.status_code in {400, 404}, response.json()
    assert said in response.json()["detail"]
    assert not Task.objects.filter(name="Kidneys").exists()


@pytest.mark.parametrize("content", [b"", b"\x00\xff\xfe", b"not a list", b"{}", b'{"labels": {"a": [1, 2]}}'])
def test_a_file_that_lists_no_labels_is_refused(admin: User, content: bytes) -> None:
    sent = {**KIDNEYS, "file": SimpleUploadedFile("dataset.json", content)}
    response = api(admin).post("/api/v1/task-files/", sent, format="multipart")
    assert response.status_code == 400
    assert len(response.json()["detail"]) > 20


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "왼쪽 콩팥", "L" * 64])
def test_any_name_of_up_to_64_characters_is_kept_as_it_is(admin: User, name: str) -> None:
    assert labels_of(api(admin).post(URL, {**KIDNEYS, "labels": [label(name=name)]})) == [(1, name)]


def test_a_slug_is_taken_once(admin: User, kidneys: Any) -> None:
    other = factories.user(Role.MODEL_ADMIN)
    assert problem(api(other).post(URL, KIDNEYS)) == (409, "slug-taken")


def test_only_who_runs_the_platform_makes_tasks_for_every_institution(admin: User) -> None:
    operator = factories.user(is_superuser=True)
    wanted = {**KIDNEYS, "platform": True}
    assert problem(api(admin).post(URL, wanted)) == (403, "forbidden")
    assert api(operator).post(URL, wanted).json()["owner"] is None


# --- changing ---------------------------------------------------------------------------------------------------------
def test_labels_are_renamed_recoloured_added_and_reordered(admin: User, kidneys: dict[str, Any]) -> None:
    labels = [label(3, "Bladder"), label(2, "Left kidney", colour="#00ff00"), label(1, "Right kidney")]
    response = change(admin, "kidneys-ct", revision=1, name="Urinary tract", labels=labels)
    assert response.status_code == 200, response.json()
    assert labels_of(response) == [(3, "Bladder"), (2, "Left kidney"), (1, "Right kidney")]
    assert (response.json()["name"], response.json()["revision"], response["ETag"]) == ("Urinary tract", 2, '"2"')
    assert [one["colour"] for one in response.json()["labels"]] == ["#fb9fff", "#00ff00", "#b9e83d"]


def test_who_changes_what_has_changed_meanwhile_is_told_by_whom_and_how(admin: User, kidneys: Any) -> None:
    other = factories.user(Role.MODEL_ADMIN, institution=admin.institutions.get(), first_name="Ada", last_name="Park")
    change(other, "kidneys-ct", revision=1, labels=[label(1, "Kidney, left"), label(2, "Right kidney")])
    response = change(admin, "kidneys-ct", revision=1, name="Nieren")
    assert problem(response) == (409, "task-changed")
    assert response.json()["revision"] == 2
    said = [one["message"] for one in response.json()["changes"]]
    assert said[0] == f"{other.display_name()}: Label 1, “Left kidney”, is now “Kidney, left”."
    assert Task.objects.get(pk="kidneys-ct").name == "Kidneys"


def test_the_revision_may_come_as_if_match_and_must_come(admin: User, kidneys: Any) -> None:
    client = api(admin)
    assert client.patch(URL + "kidneys-ct/", {"name": "A"}, headers={"If-Match": '"1"'}).status_code == 200
    assert problem(client.patch(URL + "kidneys-ct/", {"name": "B"}, headers={"If-Match": '"1"'})) == (
        409,
        "task-changed",
    )
    assert client.patch(URL + "kidneys-ct/", {"name": "B"}, headers={"If-Match": "*"}).status_code == 200
    assert problem(client.patch(URL + "kidneys-ct/", {"name": "C"})) == (400, "invalid")


def test_a_change_that_changes_nothing_makes_no_revision(admin: User, kidneys: dict[str, Any]) -> None:
    assert change(admin, "kidneys-ct", revision=1, name="Kidneys").json()["revision"] == 1


@pytest.mark.parametrize("lost", [[label(2, "Right kidney")], [label(7, "Left kidney"), label(2, "Right kidney")]])
def test_a_label_that_a_mask_uses_is_neither_removed_nor_renumbered(
    admin: User, place: Institution, kidneys: Any, lost: list[dict[str, Any]]
) -> None:
    factories.annotation(of=factories.series(institution=place), task=Task.objects.get(pk="kidneys-ct"))
    response = change(admin, "kidneys-ct", revision=1, labels=lost)
    assert problem(response) == (409, "label-in-use")
    assert response.json()["detail"] == (
        "“Left kidney” keeps the value 1 and cannot be removed, because it is used by: 1 mask. It can be renamed."
    )


def test_a_label_that_a_version_or_a_rule_names_stays(admin: User, place: Institution, kidneys: Any) -> None:
    task = Task.objects.get(pk="kidneys-ct")
    factories.model_version(task=task, owner=place, spec={"task": task.pk, "values": [0, 1]})
    api(admin).post(URL + "kidneys-ct/rules/", {"target": "spine-ct", "values": {"2": 1}})
    response = change(admin, "kidneys-ct", revision=1, labels=[label(3, "Bladder")])
    assert "1 model version" in response.json()["detail"]
    assert "the rule with spine-ct" in response.json()["detail"]


def test_labels_of_the_platform_are_changed_by_who_runs_it_only(admin: User) -> None:
    operator = factories.user(is_superuser=True)
    assert problem(change(admin, "spine-ct", revision=1, name="Column")) == (403, "forbidden")
    assert change(operator, "spine-ct", revision=1, name="Column").json()["name"] == "Column"


# --- deleting ---------------------------------------------------------------------------------------------------------
def test_a_task_that_nothing_uses_is_deleted(admin: User, kidneys: Any) -> None:
    assert api(admin).delete(URL + "kidneys-ct/").status_code == 204
    assert not Task.objects.filter(pk="kidneys-ct").exists()


def test_a_task_in_use_is_not_deleted_and_says_by_what(admin: User, place: Institution, kidneys: Any) -> None:
    task = Task.objects.get(pk="kidneys-ct")
    factories.annotation(of=factories.series(institution=place), task=task)
    factories.model_version(task=task, owner=place)
    response = api(admin).delete(URL + "kidneys-ct/")
    assert problem(response) == (409, "task-in-use")
    assert response.json()["depends"] == {"annotation": 1, "modelversion": 1}
    assert "model versions: 1" in response.json()["detail"]
    assert "masks: 1" in response.json()["detail"]


def test_a_task_that_comes_with_the_platform_is_never_deleted() -> None:
    operator = factories.user(is_superuser=True)
    assert problem(api(operator).delete(URL + "vertebrae-ct/")) == (409, "task-shipped")


# --- rules ------------------------------------------------------------------------------------------------------------
def test_a_rule_says_what_masks_become_until_it_is_deleted(admin: User, kidneys: Any) -> None:
    client = api(admin)
    rule = {"target": "spine-ct", "values": {"1": 1, "2": 1}, "rule": "Both"}
    assert client.post(URL + "kidneys-ct/rules/", rule).status_code == 201
    assert client.get(URL + "kidneys-ct/").json()["relations"][0]["values"] == {"1": 1, "2": 1}
    assert problem(client.post(URL + "kidneys-ct/rules/", rule)) == (409, "rule-exists")
    assert client.delete(URL + "kidneys-ct/rules/spine-ct/").status_code == 204
    assert problem(client.delete(URL + "kidneys-ct/rules/spine-ct/")) == (404, "not-found")


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"target": "spine-ct", "values": {"9": 1}}, "Kidneys has no label with the value 9."),
        ({"target": "spine-ct", "values": {"1": 2}}, "Spine has no label with the value 2."),
        ({"target": "spine-ct", "values": {"one": 1}}, "Kidneys has no label with the value one."),
        ({"target": "spine-ct", "values": {}}, "The rule keeps no label."),
        ({"target": "kidneys-ct", "values": {"1": 1}}, "A rule is between two different tasks."),
    ],
)
def test_a_rule_needs_values_that_both_tasks_have(admin: User, kidneys: Any, rule: Any, said: str) -> None:
    response = api(admin).post(URL + "kidneys-ct/rules/", rule)
    assert problem(response) == (400, "rule-rejected")
    assert said in response.json()["detail"]


def test_rules_that_lead_back_to_another_label_are_refused() -> None:
    client = api(factories.user(is_superuser=True))
    response = client.post(URL + "spine-ct/rules/", {"target": "vertebrae-ct", "values": {"1": 20}})
    assert problem(response) == (400, "rule-rejected")
    assert "would become 20 by way of spine-ct, vertebrae-ct" in response.json()["detail"]


def test_rules_that_lead_back_to_the_same_label_are_fine(admin: User, kidneys: Any) -> None:
    client = api(admin)
    client.post(URL, {"slug": "copy", "name": "Copy", "copy_of": "kidneys-ct"})
    there = client.post(URL + "kidneys-ct/rules/", {"target": "copy", "values": {"1": 2, "2": 1}})
    back = client.post(URL + "copy/rules/", {"target": "kidneys-ct", "values": {"1": 2, "2": 1}})
    assert (there.status_code, back.status_code) == (201, 201)


def test_a_rule_between_tasks_of_the_platform_is_not_an_institutions(admin: User) -> None:
    response = api(admin).post(URL + "spine-ct/rules/", {"target": "vertebrae-ct", "values": {"1": 20}})
    assert problem(response) == (403, "forbidden")
