"""Two hospitals on one platform: what one does with its models neither changes nor shows anything at the other."""

from __future__ import annotations

import shutil
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import pytest
from django.core import mail
from django.db import IntegrityError, connection, transaction
from django.urls import reverse

from accounts.models import Institution, Role, User
from accounts.services import roles_set
from cases.models import Notice, NoticeKind
from inference.services import ModelNotOffered, inference_start
from registry.models import ActiveVersion, ModelVersion, Promotion, PromotionKind, VersionCounter
from registry.selectors import version_active, versions_usable
from registry.services import version_register
from spineplatform.shared.models import AuditEvent
from spineplatform.shared.runs import RunState
from tests import factories
from tests.api_client import api, problem
from tests.training import judged
from tests.training.registry import signed_in, text, trained
from training.models import Split, TrainingRun
from training.promotions.services import version_promote
from training.versions.sharing import version_share

pytestmark = pytest.mark.django_db
MODELS = "/api/v1/models/"
SHIPPED = Path(__file__).parents[2] / "models" / "spine-ct-v2.h5"


@dataclass
class Hospital:
    place: Institution
    admin: User

    @property
    def version(self) -> ModelVersion:
        return factories.model_version(owner=self.place)


def hospital(name: str, *roles: Role) -> Hospital:
    place = factories.institution(name)
    return Hospital(place, factories.user(*(roles or (Role.MODEL_ADMIN,)), institution=place))


@pytest.fixture
def alpha() -> Hospital:
    return hospital("Alpha")


@pytest.fixture
def beta() -> Hospital:
    return hospital("Beta")


@pytest.fixture
def default() -> ModelVersion:
    return factories.active_version()


def zeroed(folder: Path) -> Path:
    """The shipped model with nothing but zeros for weights."""
    path = folder / "zeroed.h5"
    shutil.copyfile(SHIPPED, path)
    with h5py.File(path, "r+") as file:
        found: list[h5py.Dataset] = []
        file.visititems(lambda _name, one: found.append(one) if isinstance(one, h5py.Dataset) else None)
        for one in found:
            one[...] = 0
    return path


# --- as it was reported -----------------------------------------------------------------------------------------------
def test_an_administrator_who_promotes_a_zeroed_file_changes_nothing_anywhere(
    alpha: Hospital, default: ModelVersion, tmp_path: Path
) -> None:
    beta = hospital("Beta", Role.INSTITUTION_ADMIN)
    roles_set(
        institution=beta.place,
        user=beta.admin,
        roles=[Role.INSTITUTION_ADMIN, Role.MODEL_ADMIN],
        actor=beta.admin,
    )
    with zeroed(tmp_path).open("rb") as file:
        imported = api(beta.admin).post(MODELS, {"file": file}, format="multipart")
    assert imported.status_code == 201, imported.json()
    body = imported.json()
    assert (body["flaw"], body["owner"]["name"]) == ("constant", "Beta")
    assert "same for every pixel" in body["flaw_message"]
    refused = api(beta.admin).post(f"{MODELS}{body['id']}/promote/", {"reason": "x"})
    assert problem(refused) == (409, "version-unusable")
    assert "not even with a written reason" in refused.json()["detail"]
    assert [version_active(one.place.pk) for one in (alpha, beta)] == [default, default]
    assert not Promotion.objects.exists()


def test_a_zeroed_file_is_said_to_be_so_when_it_is_imported_on_the_page(beta: Hospital, tmp_path: Path) -> None:
    client = signed_in(beta.admin)
    with zeroed(tmp_path).open("rb") as file:
        page = client.post(reverse("training:version_import"), {"file": file, "notes": ""}, follow=True)
    assert page.content.decode().count("same for every pixel") == 2  # as a message, and on the page


def test_a_promotion_at_one_hospital_leaves_the_other_as_it_was(
    alpha: Hospital, beta: Hospital, default: ModelVersion
) -> None:
    mine = beta.version
    answer = api(beta.admin).post(f"{MODELS}{mine.pk}/promote/", {"reason": "Better here."})
    assert answer.json()["institution"] == str(beta.place.pk)
    assert (version_active(alpha.place.pk), version_active(beta.place.pk)) == (default, mine)
    series = [factories.series(institution=one.place) for one in (alpha, beta)]
    people = [factories.user(Role.CLINICIAN, institution=one.place) for one in (alpha, beta)]
    runs = [inference_start(series=one, actor=person) for one, person in zip(series, people, strict=True)]
    assert [run.model_version for run in runs] == [default, mine]
    assert api(alpha.admin).get(MODELS).json()["results"][0]["active_at"] == ["Alpha"]


# --- a version whose masks are empty ----------------------------------------------------------------------------------
def test_a_version_whose_masks_of_its_test_patients_are_empty_is_not_promoted_by_any_reason(
    alpha: Hospital, default: ModelVersion
) -> None:
    version, data = alpha.version, judged.dataset(alpha.place)
    judged.evaluation(default, data)
    run = judged.evaluation(version, data)
    for row in run.series.all():
        row.figures = {**row.figures, "tp": 0, "fp": 0}
        row.save()
    refused = api(alpha.admin).post(f"{MODELS}{version.pk}/promote/", {"reason": "I insist."})
    assert problem(refused) == (409, "version-unusable")
    assert "test patients are all empty" in refused.json()["detail"]


def test_a_version_that_marks_test_patients_but_not_the_drawing_is_promoted(
    alpha: Hospital, default: ModelVersion
) -> None:
    version = factories.model_version(owner=alpha.place, flaw="empty")
    refused = api(alpha.admin).post(f"{MODELS}{version.pk}/promote/", {"reason": "Now."})
    assert "Evaluate it on test patients" in refused.json()["detail"]
    judged.evaluation(version, judged.dataset(alpha.place))
    assert api(alpha.admin).post(f"{MODELS}{version.pk}/promote/", {"reason": "Now."}).status_code == 200


def test_a_version_from_before_is_looked_at_when_it_is_promoted(alpha: Hospital, tmp_path: Path) -> None:
    version = version_register(path=zeroed(tmp_path), actor=alpha.admin)
    ModelVersion.objects.filter(pk=version.pk).update(flaw=None)
    assert problem(api(alpha.admin).post(f"{MODELS}{version.pk}/promote/", {"reason": "x"})) == (
        409,
        "version-unusable",
    )
    version.refresh_from_db()
    assert version.flaw == "constant"


# --- nothing is seen --------------------------------------------------------------------------------------------------
def addresses(version: ModelVersion) -> list[str]:
    one = f"{MODELS}{version.pk}/"
    pages = ["version", "promote", "download"]
    return [
        *(one + end for end in ("", "gate/", "masks/", "shares/", "download/")),
        *(reverse(f"training:{name}", args=[version.pk]) for name in pages),
        reverse("inference:version_masks", args=[version.pk]),
    ]


def test_a_version_of_another_hospital_is_not_found_at_any_address(alpha: Hospital, beta: Hospital) -> None:
    theirs = factories.model_version(owner=alpha.place, notes="Our secret", sha256="ab" * 32)
    for address in addresses(theirs):
        asked = api(beta.admin) if address.startswith("/api") else signed_in(beta.admin)
        assert asked.get(address).status_code == 404, address
    for end, body in (("promote", {"reason": "x"}), ("activate", {}), ("retire", {}), ("restore", {}), ("shares", {})):
        assert api(beta.admin).post(f"{MODELS}{theirs.pk}/{end}/", body).status_code == 404, end
    assert api(beta.admin).patch(f"{MODELS}{theirs.pk}/", {"notes": "mine"}, format="json").status_code == 404
    assert api(beta.admin).delete(f"{MODELS}{theirs.pk}/").status_code == 404
    assert api(beta.admin).get(MODELS).json()["results"] == []
    assert "Our secret" not in text(signed_in(beta.admin), "training:versions")


def test_an_evaluation_of_another_hospitals_version_on_shared_data_is_not_seen(alpha: Hospital, beta: Hospital) -> None:
    data = judged.dataset(alpha.place)
    run = judged.evaluation(alpha.version, data)
    data.institutions.add(beta.place)
    for path in (f"/api/v1/evaluations/{run.pk}/", f"/api/v1/runs/evaluation/{run.pk}/"):
        assert api(beta.admin).get(path).status_code == 404
    assert api(beta.admin).get("/api/v1/evaluations/").json()["results"] == []
    assert str(run.pk) not in text(signed_in(beta.admin), "training:dataset", data.pk)


def test_a_training_of_another_hospital_on_shared_data_is_not_seen(alpha: Hospital, beta: Hospital) -> None:
    data = judged.dataset(alpha.place, patients=1, split=Split.TRAIN)
    run = TrainingRun.objects.get(version=trained(data))
    data.institutions.add(beta.place)
    assert api(beta.admin).get(f"/api/v1/trainings/{run.pk}/").status_code == 404
    assert str(run.pk) not in text(signed_in(beta.admin), "training:dataset", data.pk)


def test_lineage_and_seen_patients_name_nobody_elses_versions(alpha: Hospital, beta: Hospital) -> None:
    made = judged.dataset(beta.place, patients=1, split=Split.TRAIN)
    foreign = factories.model_version(owner=alpha.place)
    ended = factories.run_values(RunState.SUCCEEDED)
    TrainingRun.objects.create(institution=alpha.place, dataset=made, version=foreign, settings={}, **ended)
    mine = factories.model_version(owner=beta.place, parent=foreign)
    body = api(beta.admin).get(f"{MODELS}{mine.pk}/").json()
    assert body["parent"] is None
    pages = [text(signed_in(beta.admin), "training:versions"), text(signed_in(beta.admin), "training:version", mine.pk)]
    assert not any(str(foreign.pk) in page or "Alpha" in page for page in pages)
    case = made.items.get().annotation.series.case
    [sight] = api(beta.admin).get(f"/api/v1/cases/{case.pk}/versions/").json()
    assert (sight["version"]["id"], sight["inherited"], sight["through"]) == (str(mine.pk), True, None)
    assert "descends from a version that was trained on this patient" in text(
        signed_in(beta.admin), "training:case_versions", case.pk
    )


def test_the_same_file_imported_by_two_hospitals_tells_neither_of_the_other(
    alpha: Hospital, beta: Hospital, tmp_path: Path
) -> None:
    path = factories.model_file(tmp_path / "model.h5")
    first, second = (version_register(path=path, actor=one.admin) for one in (alpha, beta))
    assert (first.owner, second.owner) == (alpha.place, beta.place)
    assert first.sha256 == second.sha256
    child = factories.model_file(tmp_path / "child.h5", parent_sha256=first.sha256)
    assert version_register(path=child, actor=beta.admin).parent == second


def test_a_file_that_the_platform_ships_is_the_platforms_for_everybody(alpha: Hospital, tmp_path: Path) -> None:
    path = factories.model_file(tmp_path / "model.h5")
    ours = version_register(path=path)
    assert version_register(path=path, actor=alpha.admin) == ours


# --- sharing ----------------------------------------------------------------------------------------------------------
def shared(alpha: Hospital, beta: Hospital, **fields: Any) -> ModelVersion:
    spec = {
        "architecture": {"base_filters": 16},
        "card": {"licence": "CC0"},
        "metrics": {"test": [{"dice": 0.91, "patients": 9}]},
        "data": {"pixel_hashes": ["ab" * 32], "patients": 9, "sources": ["Ward 7"]},
        "training": {"run": "secret-run"},
    }
    made = judged.dataset(alpha.place, patients=1, split=Split.TRAIN, name="Alpha's data")
    version = trained(made)
    ModelVersion.objects.filter(pk=version.pk).update(notes="Our secret", spec=spec, created_by=alpha.admin, **fields)
    judged.evaluation(version, judged.dataset(alpha.place, name="Alpha's test"))
    version_share(version=version, name="beta", actor=alpha.admin)
    version.refresh_from_db()
    return version


def test_a_shared_version_shows_card_and_metrics_and_nothing_private(alpha: Hospital, beta: Hospital) -> None:
    version = shared(alpha, beta)
    body = api(beta.admin).get(f"{MODELS}{version.pk}/").json()
    assert (body["name"], body["shared"], body["owner"]["name"]) == (f"Alpha v{version.number}", True, "Alpha")
    assert (body["notes"], body["training_run"], body["dataset"], body["used_by"]) == ("", None, None, {})
    assert body["spec"]["card"] == {"licence": "CC0"}
    assert body["spec"]["metrics"]["test"][0]["dice"] == 0.91
    assert body["spec"]["data"] == {"patients": 9}
    assert "training" not in body["spec"]
    pages = [text(signed_in(beta.admin), name, *args) for name, args in _pages(version)]
    assert "CC0" in pages[0]
    private = ("Our secret", "ab" * 32, "Ward 7", "secret-run", "Alpha's data", "Alpha's test", alpha.admin.username)
    for page in pages:
        assert not [words for words in private if words in page.replace("&#x27;", "'")]
    assert api(beta.admin).get("/api/v1/evaluations/").json()["results"] == []


def _pages(version: ModelVersion) -> list[tuple[str, list[Any]]]:
    one = [version.pk]
    return [("training:version", one), ("training:versions", []), ("training:promote", one)]


def test_a_shared_version_is_used_but_not_written_about_copied_or_trained_from(alpha: Hospital, beta: Hospital) -> None:
    version = shared(alpha, beta)
    for method, end in (("patch", ""), ("delete", ""), ("get", "download/"), ("post", "retire/"), ("get", "shares/")):
        answer = getattr(api(beta.admin), method)(f"{MODELS}{version.pk}/{end}", {})
        assert answer.status_code == 403, (method, end)
    series = factories.series(institution=beta.place)
    run = inference_start(
        series=series, actor=factories.user(Role.CLINICIAN, institution=beta.place), model_version=version
    )
    assert run.model_version == version
    data = judged.written(judged.dataset(beta.place, patients=1, split=Split.TRAIN, frozen=False))
    refused = api(beta.admin).post(
        "/api/v1/trainings/", {"dataset": str(data.pk), "base": str(version.pk)}, format="json"
    )
    assert problem(refused) == (409, "base-not-own"), refused.json()


def test_what_is_no_longer_shared_goes_on_where_it_is_active_and_is_gone_elsewhere(
    alpha: Hospital, beta: Hospital, default: ModelVersion
) -> None:
    version = shared(alpha, beta)
    gamma = hospital("Gamma")
    version_share(version=version, name="Gamma", actor=alpha.admin)
    version_promote(version=version, actor=beta.admin, institution=beta.place, reason="Try theirs.")
    assert problem(api(alpha.admin).post(f"{MODELS}{version.pk}/retire/")) == (409, "version-active")
    rows = {row["name"]: row["active"] for row in api(alpha.admin).get(f"{MODELS}{version.pk}/shares/").json()}
    assert rows == {"Beta": True, "Gamma": False}
    for one in (beta, gamma):
        assert api(alpha.admin).delete(f"{MODELS}{version.pk}/shares/{one.place.pk}/").status_code == 204
    assert version_active(beta.place.pk) == version
    assert version in versions_usable(beta.place.pk)
    assert api(beta.admin).get(f"{MODELS}{version.pk}/").json()["status"] == "active"
    assert api(gamma.admin).get(f"{MODELS}{version.pk}/").status_code == 404
    told = Notice.objects.filter(kind=NoticeKind.MODEL_UNSHARED)
    assert [one.recipient for one in told] == [beta.admin]
    # Once another is chosen there, it is gone there too.
    version_promote(version=beta.version, actor=beta.admin, institution=beta.place, reason="One of our own.")
    assert api(beta.admin).get(f"{MODELS}{version.pk}/").status_code == 404
    assert problem(api(beta.admin).post(f"{MODELS}rollback/")) == (409, "version-not-offered")
    assert api(alpha.admin).post(f"{MODELS}{version.pk}/retire/").status_code == 200


def test_sharing_is_by_the_full_name_and_by_the_owner_alone(alpha: Hospital, beta: Hospital) -> None:
    version = alpha.version
    path = f"{MODELS}{version.pk}/shares/"
    assert problem(api(alpha.admin).post(path, {"institution": "Bet"})) == (400, "no-such-institution")
    assert problem(api(alpha.admin).post(path, {"institution": "Alpha"})) == (409, "nothing-to-share")
    for _ in range(2):
        assert api(alpha.admin).post(path, {"institution": "BETA"}).json()["name"] == "Beta"
    assert [row.action for row in AuditEvent.objects.filter(action__startswith="model.shared")] == ["model.shared"]
    assert [one.recipient for one in Notice.objects.filter(kind=NoticeKind.MODEL_SHARED)] == [beta.admin]
    assert api(beta.admin).post(path, {"institution": "Alpha"}).status_code == 403
    page = text(signed_in(alpha.admin), "training:version", version.pk)
    assert "Stop sharing" in page
    client = signed_in(alpha.admin)
    client.post(reverse("training:version_unshare", args=[version.pk, beta.place.pk]))
    assert api(beta.admin).get(f"{MODELS}{version.pk}/").status_code == 404
    client.post(reverse("training:version_share", args=[version.pk]), {"institution": "Beta"})
    assert api(beta.admin).get(f"{MODELS}{version.pk}/").status_code == 200


def test_a_person_of_two_hospitals_takes_no_version_of_one_to_the_other(alpha: Hospital, beta: Hospital) -> None:
    version = alpha.version
    both = factories.user(Role.CLINICIAN, Role.MODEL_ADMIN, institution=alpha.place)
    roles_set(institution=beta.place, user=both, roles=[Role.CLINICIAN, Role.MODEL_ADMIN])
    with pytest.raises(ModelNotOffered):
        inference_start(series=factories.series(institution=beta.place), actor=both, model_version=version)
    assert problem(api(both).post(f"{MODELS}{version.pk}/promote/", {"reason": "x"})) == (400, "institution-needed")
    there = {"reason": "x", "institution": str(beta.place.pk)}
    assert problem(api(both).post(f"{MODELS}{version.pk}/promote/", there)) == (409, "version-not-offered")
    here = {"reason": "x", "institution": str(alpha.place.pk)}
    assert api(both).post(f"{MODELS}{version.pk}/promote/", here).json()["version"]["name"] == str(version).replace(
        "v", "Alpha v"
    )


def test_the_database_refuses_a_choice_that_an_institution_may_not_make(alpha: Hospital, beta: Hospital) -> None:
    version = alpha.version
    for place in (beta.place, None):
        with pytest.raises(IntegrityError, match="another institution"), transaction.atomic():
            ActiveVersion.objects.create(institution=place, version=version)
    ActiveVersion.objects.create(institution=alpha.place, version=version)
    with pytest.raises(IntegrityError, match="not taken out of use"), transaction.atomic():
        ModelVersion.objects.filter(pk=version.pk).update(retired=True)
    with pytest.raises(IntegrityError, match="out of use segments nowhere"), transaction.atomic():
        ActiveVersion.objects.create(institution=beta.place, version=factories.model_version(retired=True))


# --- who is told ------------------------------------------------------------------------------------------------------
def test_an_override_tells_the_model_admins_of_the_institution_alone(
    alpha: Hospital, beta: Hospital, default: ModelVersion, django_capture_on_commit_callbacks: Any
) -> None:
    colleague = factories.user(Role.MODEL_ADMIN, institution=alpha.place, email="colleague@example.org")
    factories.user(Role.CLINICIAN, institution=alpha.place, email="reader@example.org")
    version = alpha.version
    with django_capture_on_commit_callbacks(execute=True):
        version_promote(version=version, actor=alpha.admin, institution=alpha.place, reason="New scanner.")
    told = {one.recipient: one for one in Notice.objects.all()}
    assert set(told) == {alpha.admin, colleague}
    assert (told[colleague].title, told[colleague].words) == (str(version), "New scanner.")
    shown = api(colleague).get("/api/v1/notices/").json()["results"]
    assert [(one["kind"], one["address"]) for one in shown] == [("model-promoted", version.get_absolute_url())]
    assert "New scanner." in text(signed_in(colleague), "worklist:notices")
    assert [message.to for message in mail.outbox] == [["colleague@example.org"]]
    assert Promotion.objects.get().kind == PromotionKind.OVERRIDE
    assert AuditEvent.objects.get(action="model.activated").institution_id == alpha.place.pk


# --- the platform's default -------------------------------------------------------------------------------------------
@pytest.fixture
def operator() -> User:
    return factories.user(username="operator", is_superuser=True)


def test_only_whoever_runs_the_platform_changes_the_default_and_says_why(
    alpha: Hospital, beta: Hospital, default: ModelVersion, operator: User
) -> None:
    newer, body = factories.model_version(), {}
    version_promote(version=beta.version, actor=beta.admin, institution=beta.place, reason="Ours.")
    before = version_active(beta.place.pk)
    stranger = factories.user(*Role)
    for person in (alpha.admin, stranger):
        assert api(person).post(f"{MODELS}default/", {"version": str(newer.pk), "reason": "x"}).status_code == 403
    body = {"version": str(newer.pk), "reason": "  "}
    assert api(operator).post(f"{MODELS}default/", body).status_code == 400
    answer = api(operator).post(f"{MODELS}default/", {**body, "reason": "It is better."})
    assert (answer.json()["institution"], answer.json()["previous"]["id"]) == (None, str(default.pk))
    assert (version_active(alpha.place.pk), version_active(beta.place.pk)) == (newer, before)
    told = {one.recipient for one in Notice.objects.filter(kind=NoticeKind.MODEL_DEFAULT)}
    assert told == {alpha.admin, stranger}
    assert api(operator).post(f"{MODELS}default/", {**body, "reason": "Again."}).status_code == 204
    theirs = alpha.version
    assert api(operator).post(f"{MODELS}default/", {"version": str(theirs.pk), "reason": "x"}).status_code == 404


def test_whoever_runs_the_platform_chooses_the_default_on_a_page(
    alpha: Hospital, default: ModelVersion, operator: User
) -> None:
    newer, theirs = factories.model_version(), alpha.version
    client = signed_in(operator)
    page = text(client, "training:default")
    assert str(newer) in page
    assert str(theirs.pk) not in page
    client.post(reverse("training:default"), {"version": str(newer.pk), "reason": "It is better."})
    assert version_active(alpha.place.pk) == newer
    assert "It is better." in text(client, "training:default")
    assert signed_in(alpha.admin).get(reverse("training:default")).status_code == 403


def test_the_platforms_versions_are_written_about_by_whoever_runs_it(default: ModelVersion, operator: User) -> None:
    version = factories.model_version()
    assert api(operator).patch(f"{MODELS}{version.pk}/", {"notes": "Seen."}, format="json").json()["notes"] == "Seen."
    assert api(operator).post(f"{MODELS}{version.pk}/retire/").json()["status"] == "retired"
    assert problem(api(operator).post(f"{MODELS}{default.pk}/retire/")) == (409, "version-active")


# --- numbers ----------------------------------------------------------------------------------------------------------
def test_each_owner_counts_its_own_versions_and_no_number_comes_again_without_the_audit_trail(
    alpha: Hospital, beta: Hospital, tmp_path: Path
) -> None:
    def made(*, by: Hospital | None) -> ModelVersion:
        number = ModelVersion.objects.count()
        path = factories.model_file(tmp_path / f"{number}-{by.place if by else 'platform'}.h5")
        return version_register(path=path, actor=by.admin if by else None)

    first, second = made(by=alpha), made(by=alpha)
    assert api(alpha.admin).delete(f"{MODELS}{second.pk}/").status_code == 204
    connection.cursor().execute("DELETE FROM shared_auditevent")
    names = [str(made(by=one)) for one in (alpha, beta, None)]
    assert (str(first), names) == ("v1", ["v3", "v1", "platform v1"])
    assert VersionCounter.objects.get(owner=alpha.place).last == 3


@pytest.mark.django_db(transaction=True)
def test_promotions_at_two_hospitals_at_once_do_not_disturb_each_other() -> None:
    factories.active_version()
    hospitals = [hospital("Alpha"), hospital("Beta")]
    choices = [(one, one.version) for one in hospitals for _ in range(2)]
    barrier = threading.Barrier(len(choices))

    def race(one: Hospital, version: ModelVersion) -> None:
        barrier.wait()
        version_promote(version=version, actor=one.admin, institution=one.place, reason="At once.")
        connection.close()

    threads = [threading.Thread(target=race, args=choice) for choice in choices]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in hospitals:
        history = list(Promotion.objects.filter(institution=one.place).order_by("decided_at", "id"))
        assert len(history) == 2
        assert history[1].previous == history[0].version
        assert version_active(one.place.pk) == history[1].version
