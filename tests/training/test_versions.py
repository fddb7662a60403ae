"""The registry of versions: import, notes, retiring, deleting, lineage, and who saw a patient."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.db.models import ProtectedError
from django.test import Client
from django.urls import reverse

from accounts.models import Institution, Role, User
from registry.models import ActiveVersion, ModelVersion, Promotion, VersionShare
from registry.services import version_register
from spineplatform.shared.models import AuditEvent
from tests import factories
from tests.api_client import api, problem
from tests.training import judged
from tests.training.registry import signed_in, text, trained
from training.models import Split
from training.versions import selectors as selectors_versions
from training.versions import services as services_versions

pytestmark = pytest.mark.django_db
MODELS = "/api/v1/models/"


@pytest.fixture
def place() -> Institution:
    return factories.institution("Home")


@pytest.fixture
def admin(place: Institution) -> User:
    return factories.user(Role.MODEL_ADMIN, institution=place)


@pytest.fixture
def client(admin: User) -> Client:
    return signed_in(admin)


# --- notes, retiring, deleting ----------------------------------------------------------------------------------------
def test_notes_are_changed_and_the_trail_keeps_the_old_ones(admin: User, client: Client, place: Institution) -> None:
    version = factories.model_version(owner=place, notes="first")
    answer = api(admin).patch(f"{MODELS}{version.pk}/", {"notes": "second"}, format="json")
    assert answer.json()["notes"] == "second"
    client.post(reverse("training:version_notes", args=[version.pk]), {"notes": "third"})
    version.refresh_from_db()
    assert version.notes == "third"
    events = AuditEvent.objects.filter(action="model.noted").order_by("pk")
    assert [event.detail["before"] for event in events] == ["first", "second"]


def test_a_retired_version_is_hidden_until_asked_for_and_comes_back(
    admin: User, client: Client, place: Institution
) -> None:
    version = factories.model_version(owner=place)
    assert api(admin).post(f"{MODELS}{version.pk}/retire/").json()["status"] == "retired"
    assert api(admin).get(f"{MODELS}?status=in-use").json()["results"] == []
    assert f'id="version-{version.pk}"' not in text(client, "training:versions")
    assert f'id="version-{version.pk}"' in text(client, "training:versions", query="?status=retired")
    assert api(admin).post(f"{MODELS}{version.pk}/restore/").json()["status"] == "candidate"


def test_the_active_version_is_neither_retired_nor_deleted(admin: User, place: Institution) -> None:
    active = factories.active_version(at=place, owner=place)
    assert problem(api(admin).post(f"{MODELS}{active.pk}/retire/")) == (409, "version-active")
    assert problem(api(admin).delete(f"{MODELS}{active.pk}/")) == (409, "version-active")


def test_restoring_a_version_in_use_changes_nothing(admin: User, place: Institution) -> None:
    active = factories.active_version(at=place, owner=place)
    assert api(admin).post(f"{MODELS}{active.pk}/restore/").json()["status"] == "active"


def test_a_version_is_deleted_with_its_file_and_its_number_is_never_given_again(
    admin: User, tmp_path: Path, django_capture_on_commit_callbacks: Any
) -> None:
    first = version_register(path=factories.model_file(tmp_path / "a.h5"), actor=admin)
    with django_capture_on_commit_callbacks(execute=True):
        assert api(admin).delete(f"{MODELS}{first.pk}/").status_code == 204
    assert not ModelVersion.objects.exists()
    assert not default_storage.exists(str(first.file))
    assert str(version_register(path=factories.model_file(tmp_path / "b.h5"), actor=admin)) == "v2"


def mask(version: ModelVersion, place: Institution) -> str:
    factories.prediction(of=factories.series(institution=place), model_version=version)
    return "annotation"


def child(version: ModelVersion, place: Institution) -> str:
    factories.model_version(parent=version)
    return "modelversion"


def evaluated(version: ModelVersion, place: Institution) -> str:
    judged.evaluation(version, judged.dataset(place, patients=1), (0.9,))
    return "evaluationrun"


def promoted(version: ModelVersion, place: Institution) -> str:
    Promotion.objects.create(version=factories.model_version(), previous=version, kind="gated")
    return "promotion"


def based(version: ModelVersion, place: Institution) -> str:
    trained(judged.dataset(place, patients=1, split=Split.TRAIN), base=version)
    return "trainingrun"


def queued(version: ModelVersion, place: Institution) -> str:
    factories.inference_run(of=factories.series(institution=place), model_version=version)
    return "inferencerun"


def active(version: ModelVersion, place: Institution) -> str:
    ActiveVersion.objects.create(institution=place, version=version)
    return "activeversion"


def shared(version: ModelVersion, place: Institution) -> str:
    VersionShare.objects.create(institution=factories.institution(), version=version)
    return "versionshare"


@pytest.mark.parametrize("depend", [mask, child, evaluated, promoted, based, queued, shared])
def test_a_version_on_which_something_depends_is_not_deleted(
    admin: User, client: Client, place: Institution, depend: Any
) -> None:
    version = factories.model_version(owner=place)
    code = depend(version, place)
    refused = api(admin).delete(f"{MODELS}{version.pk}/")
    assert problem(refused) == (409, "version-in-use")
    assert refused.json()["depends"][code] == 1
    assert api(admin).get(f"{MODELS}{version.pk}/").json()["used_by"] == refused.json()["depends"]
    assert client.post(reverse("training:version_delete", args=[version.pk])).status_code == 409
    assert "so it can be retired but not deleted" in text(client, "training:version", version.pk)
    assert ModelVersion.objects.filter(pk=version.pk).exists()


def test_what_begins_to_depend_at_the_last_moment_is_found_by_the_database(
    admin: User, place: Institution, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = factories.model_version(owner=place)
    mask(version, place)
    monkeypatch.setattr(services_versions, "dependants", lambda version: [])
    assert problem(api(admin).delete(f"{MODELS}{version.pk}/")) == (409, "version-in-use")


def test_every_kind_of_row_that_can_depend_on_a_version_has_a_name_and_is_protected(place: Institution) -> None:
    version = factories.model_version(owner=place)
    for depend in (mask, child, evaluated, promoted, based, queued, shared, active):
        assert depend(version, place) in selectors_versions.DEPENDANTS
    assert {one.code for one in selectors_versions.dependants(version)} == set(selectors_versions.DEPENDANTS)
    with pytest.raises(ProtectedError):
        version.delete()


# --- pages ------------------------------------------------------------------------------------------------------------
def test_the_registry_shows_figures_parents_data_sets_and_the_lineage(client: Client, place: Institution) -> None:
    base = factories.active_version()
    made = judged.dataset(place, patients=2, split=Split.TRAIN, name="Spring 2026")
    version = trained(made, base=base, parent=base)
    judged.evaluation(version, judged.dataset(place, name="Frozen test"), (0.9,) * 6)
    page = text(client, "training:versions")
    for words in ("Spring 2026", "Frozen test", "<strong>0.900</strong>", f"derived from {base}", "graph-line"):
        assert words in page, words
    own = factories.model_version(
        spec={"metrics": {"test": [{"dice": 0.8, "patients": 3}, {"dice": 0.6, "patients": 1}]}}
    )
    assert "0.750" in text(client, "training:versions", query=f"?status={own.status}")


def test_a_figure_on_patients_that_the_version_was_trained_on_bears_its_mark(
    client: Client, place: Institution
) -> None:
    version, data = factories.model_version(owner=place), judged.dataset(place, patients=2)
    judged.evaluation(version, data, (0.9, 0.9), seen=(0, 1))
    page = text(client, "training:versions")
    assert "was trained on these patients" in page
    assert page.count("0.900") == 1  # in the list, and not in the lineage, which has no room for the mark
    judged.evaluation(version, judged.dataset(place, patients=2), (0.8, 0.7), seen=(0,))
    page = text(client, "training:versions")
    assert "was trained on these patients" not in page
    assert "<strong>0.700</strong>" in page


def test_figures_of_patients_one_may_not_see_are_not_shown(place: Institution) -> None:
    judged.evaluation(factories.model_version(), judged.dataset(place, name="Theirs"), (0.9,) * 6)
    page = text(signed_in(factories.user(Role.CLINICIAN)), "training:versions")
    assert "Theirs" not in page
    assert "0.900" not in page


def test_a_version_has_a_page_with_all_that_is_known_of_it(client: Client, admin: User, place: Institution) -> None:
    base = factories.active_version()
    made = judged.dataset(place, patients=1, split=Split.TRAIN, name="Spring 2026")
    version = trained(made, base=base, parent=base)
    version.spec = {"architecture": {"base_filters": 16}, "card": {"licence": "CC0"}, "training": {"curve": [1] * 99}}
    version.save()
    grandchild = factories.model_version(parent=version)
    evaluation = judged.evaluation(version, judged.dataset(place, name="Frozen test"), (0.9,) * 6)
    api(admin).post(f"{MODELS}{version.pk}/promote/", {"reason": "Because it is better."})
    page = text(client, "training:version", version.pk)
    words = [
        "Spring 2026",
        "Frozen test",
        "base filters",
        "CC0",
        "Because it is better.",
        base.sha256[:0],
        str(grandchild),
    ]
    for word in [*words, reverse("training:evaluation", args=[evaluation.pk]), version.sha256]:
        assert word in page, word
    assert "curve" not in page
    assert "not evaluated" not in page


def test_whoever_does_not_manage_versions_sees_no_buttons(place: Institution) -> None:
    version = factories.model_version(notes="Read me")
    page = text(signed_in(factories.user(Role.CLINICIAN, institution=place)), "training:version", version.pk)
    assert "Read me" in page
    assert "Retire" not in page
    assert "Promote" not in page


def test_any_two_versions_are_compared_line_by_line(client: Client, place: Institution) -> None:
    first = factories.model_version(spec={"architecture": {"base_filters": 16, "depth": 4}})
    second = factories.model_version(spec={"architecture": {"base_filters": 32, "depth": 4}})
    made = judged.dataset(place, name="Both were here")
    for version in (first, second):
        judged.evaluation(version, made, (0.9,) * 6)
    page = text(client, "training:versions_compare", query=f"?version={first.pk}&version={second.pk}")
    assert "Both were here" in page
    assert page.count('class="differs"') == 1
    assert client.get(reverse("training:versions_compare") + f"?version={first.pk}").status_code == 400


def test_a_long_registry_asks_no_more_of_the_database_than_a_short_one(
    client: Client, admin: User, place: Institution, django_assert_max_num_queries: Any
) -> None:
    parent = factories.active_version()
    for _ in range(12):
        parent = trained(judged.dataset(place, patients=1, split=Split.TRAIN), base=parent, parent=parent)
    client.get(reverse("training:versions"))
    with django_assert_max_num_queries(29):
        client.get(reverse("training:versions"))
    with django_assert_max_num_queries(15):
        api(admin).get(MODELS)
