"""Pages of tasks: the list, one task, the form that changes it, and rules."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.models import Institution, Role, User
from registry.models import Task, TaskRelation
from spineml.tasks.files import labels_of_file
from spineml.tasks.shipped import VERTEBRAE_CT
from tests import factories
from training.structures.typed import TypedLabel, as_base

pytestmark = pytest.mark.django_db
BACKEND = "django.contrib.auth.backends.ModelBackend"


@pytest.fixture
def place() -> Institution:
    return factories.institution("Home")


@pytest.fixture
def admin(place: Institution) -> User:
    return factories.user(Role.MODEL_ADMIN, institution=place)


@pytest.fixture
def browser(admin: User, client: Client) -> Client:
    client.force_login(admin, backend=BACKEND)
    return client


@pytest.fixture
def lumbar(place: Institution, browser: Client) -> Task:
    sent = {"owner": place.pk, "name": "Lumbar spine", "slug": "lumbar-ct", "copy_of": "vertebrae-ct"}
    answer = browser.post(reverse("training:tasks"), sent)
    assert answer["Location"] == reverse("training:task_edit", args=["lumbar-ct"])
    return Task.objects.get(pk="lumbar-ct")


def form(task: Task, revision: int = 1, **changed: dict[str, str]) -> dict[str, Any]:
    """What the browser sends; ``changed`` by value, as ``v20={"name": ...}``."""
    rows = [vars(TypedLabel.of(label)) | changed.get(f"v{label.value}", {}) for label in task.definition.labels]
    rows += [row for name, row in changed.items() if name.startswith("new")]
    sent: dict[str, Any] = {"name": task.name, "revision": revision, "base": as_base(task.definition.labels)}
    return sent | {f"label_{name}": [row[name] for row in rows] for name in rows[0]}


def edit(browser: Client, task: Task, **changed: Any) -> Any:
    return browser.post(reverse("training:task_edit", args=[task.pk]), form(task, **changed), follow=True)


def words(response: Any) -> str:
    return re.sub(r"\s+", " ", response.content.decode())


def new(value: str, name: str) -> dict[str, str]:
    return {"value": value, "name": name, "short": "", "colour": "#ffffff", "code": "", "meaning": "", "side": "left"}


def test_the_list_names_tasks_with_their_owner_and_offers_a_new_one_to_model_admins(
    browser: Client, lumbar: Task, place: Institution
) -> None:
    shown = words(browser.get(reverse("training:tasks")))
    assert all(name in shown for name in ("Vertebrae", "Lumbar spine", "Platform", "Home", "New task", "#b9e83d"))
    browser.force_login(factories.user(Role.CLINICIAN, institution=place), backend=BACKEND)
    assert "New task" not in words(browser.get(reverse("training:tasks")))


def test_a_copy_has_all_labels_with_their_codes(lumbar: Task) -> None:
    assert lumbar.definition.labels == VERTEBRAE_CT.labels


def test_labels_are_imported_from_a_file(place: Institution, browser: Client) -> None:
    file = SimpleUploadedFile("dataset.json", b'{"labels": {"background": 0, "liver": 1, "spleen": 2}}')
    browser.post(reverse("training:tasks"), {"owner": place.pk, "name": "Organs", "slug": "organs", "file": file})
    assert [label.name for label in Task.objects.get(pk="organs").definition.labels] == ["liver", "spleen"]


def test_what_is_wrong_with_a_new_task_stands_beside_the_form_that_keeps_what_was_typed(
    place: Institution, browser: Client
) -> None:
    response = browser.post(reverse("training:tasks"), {"owner": place.pk, "name": "Knee", "slug": "Not A Slug"})
    assert response.status_code == 400
    assert "The identifier “Not A Slug” is not valid." in words(response)
    assert 'value="Knee"' in words(response)


def test_a_task_page_shows_every_label_with_swatch_and_code(browser: Client) -> None:
    shown = words(browser.get(reverse("training:task", args=["vertebrae-ct"])))
    assert "L1 vertebra" in shown
    assert '<rect width="14" height="14" rx="3" fill="#b9e83d"/>' in shown
    assert "66794005" in shown
    assert "the rule with spine-ct" in shown


def test_the_form_renames_recolours_adds_reorders_and_keeps_codes(browser: Client, lumbar: Task) -> None:
    edit(browser, lumbar, v20={"name": "First lumbar", "colour": "#00ff00"}, new1=new("40", "Left rib"))
    task = Task.objects.get(pk="lumbar-ct")
    label = task.definition.label(20)
    assert (label.name, label.colour, label.type) == ("First lumbar", "#00ff00", VERTEBRAE_CT.label(20).type)
    added = task.definition.labels[-1]
    assert (added.value, added.short, added.modifier and added.modifier.meaning) == (40, "Left rib", "Left")
    assert (task.revision, len(task.definition.labels)) == (2, 29)


def test_rows_marked_for_removal_and_empty_rows_are_left_out(browser: Client, lumbar: Task) -> None:
    sent = form(lumbar, new1=new("40", "")) | {"remove": ["28", "27"]}
    browser.post(reverse("training:task_edit", args=["lumbar-ct"]), sent)
    assert Task.objects.get(pk="lumbar-ct").values == VERTEBRAE_CT.values - {27, 28}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"v20": {"name": "l2 vertebra"}}, "Two labels are called"),
        ({"v20": {"value": "21"}}, "have the same value, 21."),
        ({"v20": {"value": "two"}}, "has the value “two”. Values are whole numbers from 1 to 255."),
        ({"v20": {"value": "256"}}, "has the value 256. Values are 1 to 255."),
        ({"v20": {"name": "x" * 65}}, "is not a valid name. Use 1 to 64 characters"),
        ({"v20": {"name": ""}}, "The label with the value 20 has no name."),
        ({"v20": {"code": "x" * 17}}, "is not a valid part of a code."),
    ],
)
def test_a_refused_change_keeps_what_was_typed(browser: Client, lumbar: Task, changed: Any, said: str) -> None:
    response = edit(browser, lumbar, v1={"name": "Typed by me"}, **changed)
    assert response.status_code == 400
    assert said in words(response)
    assert 'value="Typed by me"' in words(response)
    assert Task.objects.get(pk="lumbar-ct").revision == 1


def test_of_two_who_edit_at_once_the_second_sees_both_changes_and_loses_none(
    browser: Client, lumbar: Task, place: Institution
) -> None:
    other = Client()
    other.force_login(factories.user(Role.MODEL_ADMIN, institution=place), backend=BACKEND)
    first = form(lumbar, v20={"name": "Theirs"}, new1=new("50", "Their rib"))
    second = form(lumbar, v20={"colour": "#123456"}, v21={"name": "Mine"}, new1=new("60", "My rib"))
    url = reverse("training:task_edit", args=["lumbar-ct"])
    other.post(url, first)

    response = browser.post(url, second)
    shown = words(response)
    assert response.status_code == 409
    assert "Label 20, “L1 vertebra”, is now “Theirs”." in shown
    assert Task.objects.get(pk="lumbar-ct").definition.label(21).name == "L2 vertebra"
    for kept in ("Theirs", "#123456", "Mine", "My rib", "Their rib", 'name="revision" value="2"'):
        assert kept in shown


def test_names_with_markup_are_shown_as_text(browser: Client, lumbar: Task) -> None:
    edit(browser, lumbar, v20={"name": "<script>alert(1)</script>"})
    for name in ("training:task", "training:task_edit"):
        shown = words(browser.get(reverse(name, args=["lumbar-ct"])))
        assert "<script>alert(1)" not in shown
        assert "&lt;script&gt;alert(1)" in shown


def test_a_rule_is_proposed_made_and_deleted(browser: Client, lumbar: Task) -> None:
    url = reverse("training:task_rule", args=["lumbar-ct"])
    shown = words(browser.get(url, {"target": "vertebrae-ct"}))
    assert '<option value="20" selected>20 · L1 vertebra</option>' in shown
    sent = {"target": "vertebrae-ct", "rule": "Only these", "becomes_20": "20", "becomes_21": "21"}
    browser.post(url, sent)
    assert TaskRelation.objects.get(source="lumbar-ct").values == {"20": 20, "21": 21}
    refused = browser.post(url, sent)
    assert refused.status_code == 409
    assert "There is a rule between these two tasks already." in words(refused)
    browser.post(reverse("training:task_rule_delete", args=["lumbar-ct", "vertebrae-ct"]))
    assert not TaskRelation.objects.filter(source="lumbar-ct").exists()


def test_a_task_is_deleted_unless_something_uses_it(browser: Client, lumbar: Task, place: Institution) -> None:
    mask = factories.annotation(of=factories.series(institution=place), task=lumbar)
    url = reverse("training:task_delete", args=["lumbar-ct"])
    assert "is used by: masks: 1" in words(browser.post(url, follow=True))
    type(mask).objects.filter(pk=mask.pk).delete()
    browser.post(url)
    assert not Task.objects.filter(pk="lumbar-ct").exists()


@pytest.mark.parametrize("kind", ["dataset.json", "labels.ctbl", "labels.txt"])
def test_labels_taken_as_a_file_can_be_imported_again(browser: Client, kind: str) -> None:
    response = browser.get(reverse("training:task_labels", args=["vertebrae-ct", kind]))
    assert response["Content-Disposition"] == f'attachment; filename="vertebrae-ct-{kind}"'
    read = labels_of_file(response.content.decode())
    assert [(label.value, label.name) for label in read] == [(label.value, label.name) for label in VERTEBRAE_CT.labels]


def test_labels_are_taken_as_csv_and_nothing_else_is_there(browser: Client) -> None:
    response = browser.get(reverse("training:task_labels", args=["vertebrae-ct", "labels.csv"]))
    assert "20,L1 vertebra,L1," in response.content.decode()
    assert browser.get(reverse("training:task_labels", args=["vertebrae-ct", "labels.exe"])).status_code == 404
