"""Through the gate, past it, and back."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection

from accounts.models import Institution, Role, User
from registry.models import ActiveVersion, ModelVersion, Promotion, PromotionKind
from registry.selectors import version_active
from registry.services import VersionRetired, default_version_ensure
from spineplatform.shared.errors import Forbidden
from spineplatform.shared.models import AuditEvent
from spineplatform.shared.runs import RunState
from tests import factories
from tests.training import judged
from training.models import TrainingRun
from training.promotions.selectors import gate_view, rollback_target
from training.promotions.services import (
    EvaluationMissing,
    GateRefused,
    NoTestPatients,
    NothingBefore,
    version_promote,
    version_rollback,
)

pytestmark = pytest.mark.django_db
OLD = (0.90, 0.85, 0.95, 0.88, 0.92, 0.80)
BETTER = tuple(value + 0.02 for value in OLD)
WORSE = tuple(value - 0.05 for value in OLD)


@pytest.fixture
def place() -> Institution:
    return factories.institution("Home")


@pytest.fixture
def admin(place: Institution) -> User:
    return factories.user(Role.MODEL_ADMIN, institution=place)


def home(actor: User) -> Institution:
    return actor.memberships.get().institution


def promote(version: ModelVersion, actor: User, **options: Any) -> Promotion:
    promotion = version_promote(version=version, actor=actor, institution=home(actor), **options)
    assert promotion is not None
    return promotion


def judge(place: Institution, candidate: tuple[float, ...], **options: Any) -> tuple[ModelVersion, ModelVersion]:
    """An active version and a candidate with these Dice, evaluated on one test set."""
    active, new = factories.active_version(), factories.model_version()
    data = judged.dataset(place)
    judged.evaluation(active, data, OLD)
    judged.evaluation(new, data, candidate, **options)
    return active, new


def test_the_first_version_needs_no_gate(admin: User) -> None:
    version = factories.model_version()
    promotion = promote(version, admin)
    assert (promotion.kind, promotion.previous) == (PromotionKind.FIRST, None)
    assert version_active(home(admin).pk) == version


def test_a_better_candidate_passes_and_its_figures_are_kept(place: Institution, admin: User) -> None:
    active, new = judge(place, BETTER)
    promotion = promote(new, admin)
    assert (promotion.kind, promotion.previous, promotion.decided_by) == (PromotionKind.GATED, active, admin)
    assert version_active(place.pk) == new
    assert promotion.gate["passed"] is True
    assert promotion.gate["difference"]["mean"] == pytest.approx(0.02, abs=0.003)
    assert promotion.gate["dataset"]["sha256"] == "0" * 64
    assert AuditEvent.objects.filter(action="model.activated", actor=admin, object_id=str(new.pk)).exists()


def test_a_worse_candidate_is_refused_with_the_figures_and_nothing_changes(place: Institution, admin: User) -> None:
    active, new = judge(place, WORSE)
    with pytest.raises(GateRefused) as refused:
        version_promote(version=new, actor=admin, institution=home(admin))
    assert "lower end" in refused.value.message
    assert refused.value.fields["gate"]["refusals"] == ["worse", "group-worse"]
    assert version_active(place.pk) == active
    assert not Promotion.objects.exists()


def test_a_group_that_falls_is_named(place: Institution, admin: User) -> None:
    groups = [{"maker": "A"}] * 5 + [{"maker": "B"}]
    _, new = judge(place, (*[value + 0.04 for value in OLD[:5]], 0.76), groups=groups)
    with pytest.raises(GateRefused, match="manufacturer B"):
        version_promote(version=new, actor=admin, institution=home(admin))


def test_an_override_takes_a_reason_and_keeps_it_with_the_figures(place: Institution, admin: User) -> None:
    _, new = judge(place, WORSE)
    with pytest.raises(GateRefused):
        version_promote(version=new, actor=admin, institution=home(admin), reason="   ")
    promotion = promote(new, admin, reason="The old one fails on the new scanner.")
    assert (promotion.kind, promotion.reason) == (PromotionKind.OVERRIDE, "The old one fails on the new scanner.")
    assert promotion.gate["passed"] is False


def test_a_promotion_is_never_changed(admin: User) -> None:
    promotion = promote(factories.model_version(), admin)
    promotion.reason = "another"
    with pytest.raises(TypeError, match="never changed"):
        promotion.save()


def test_without_test_patients_it_says_what_to_do_and_can_be_overridden(place: Institution, admin: User) -> None:
    factories.active_version()
    judged.dataset(place, split="train")
    judged.dataset(place, frozen=False)
    new = factories.model_version()
    with pytest.raises(NoTestPatients, match="Freeze one"):
        version_promote(version=new, actor=admin, institution=home(admin))
    assert promote(new, admin, reason="Nothing else yet.").kind == PromotionKind.OVERRIDE


def test_a_missing_evaluation_is_named(place: Institution, admin: User) -> None:
    active, new = factories.active_version(), factories.model_version()
    data = judged.dataset(place, name="Spine 2026")
    judged.evaluation(active, data, OLD)
    with pytest.raises(EvaluationMissing) as missing:
        version_promote(version=new, actor=admin, institution=home(admin))
    assert str(new) in missing.value.message
    assert "Spine 2026" in missing.value.message
    assert missing.value.fields["missing"] == [str(new.pk)]


def test_the_newest_data_set_judges_unless_another_is_named(place: Institution, admin: User) -> None:
    active, new = factories.active_version(), factories.model_version()
    old, newest = judged.dataset(place), judged.dataset(place)
    for data, dice in ((old, BETTER), (newest, WORSE)):
        judged.evaluation(active, data, OLD)
        judged.evaluation(new, data, dice)
    with pytest.raises(GateRefused):
        version_promote(version=new, actor=admin, institution=home(admin))
    assert promote(new, admin, dataset=old).kind == PromotionKind.GATED


def test_patients_whom_a_version_saw_do_not_decide(place: Institution, admin: User) -> None:
    _, new = judge(place, BETTER, seen=(0, 1))
    with pytest.raises(GateRefused, match="Only 4 unseen test patients"):
        version_promote(version=new, actor=admin, institution=home(admin))


def test_the_least_number_of_patients_is_a_setting(place: Institution, admin: User, settings: Any) -> None:
    settings.GATE_LEAST_PATIENTS = 4
    _, new = judge(place, BETTER, seen=(0, 1))
    assert promote(new, admin).kind == PromotionKind.GATED


def test_the_margins_are_settings(place: Institution, admin: User, settings: Any) -> None:
    settings.GATE_MARGIN = settings.GATE_GROUP_MARGIN = 0.2
    _, new = judge(place, WORSE)
    assert promote(new, admin).kind == PromotionKind.GATED


def test_one_step_rolls_back_and_two_go_two_versions_back(admin: User) -> None:
    versions = [factories.model_version() for _ in range(3)]
    for version in versions:
        promote(version, admin, reason="Try it.")
    for expected in (versions[1], versions[0]):
        promotion = version_rollback(actor=admin, institution=home(admin))
        assert promotion is not None
        assert (promotion.version, promotion.kind) == (expected, PromotionKind.ROLLBACK)
    with pytest.raises(NothingBefore):
        version_rollback(actor=admin, institution=home(admin))


def test_making_a_version_active_that_was_so_before_is_a_rollback(place: Institution, admin: User) -> None:
    active, new = judge(place, BETTER)
    promote(new, admin)
    promotion = promote(active, admin)
    assert (promotion.kind, promotion.previous) == (PromotionKind.ROLLBACK, new)


def test_after_a_rollback_the_way_forward_is_free_again(place: Institution, admin: User) -> None:
    active, new = judge(place, BETTER)
    promote(new, admin)
    version_rollback(actor=admin, institution=home(admin))
    assert rollback_target(place) is None
    assert promote(new, admin).kind == PromotionKind.ROLLBACK
    assert rollback_target(place) == active


def test_the_active_version_again_is_no_promotion(admin: User) -> None:
    active = factories.active_version()
    assert version_promote(version=active, actor=admin, institution=home(admin)) is None
    assert not Promotion.objects.exists()


def test_a_retired_version_cannot_be_promoted_not_even_with_a_reason(admin: User) -> None:
    with pytest.raises(VersionRetired):
        version_promote(
            version=factories.model_version(retired=True),
            actor=admin,
            institution=home(admin),
            reason="I insist on it.",
        )


@pytest.mark.parametrize("role", [Role.CLINICIAN, Role.ANNOTATOR, Role.INSTITUTION_ADMIN])
def test_only_model_admins_promote_and_roll_back(role: Role) -> None:
    person = factories.user(role)
    with pytest.raises(Forbidden):
        version_promote(version=factories.model_version(), actor=person, institution=home(person))
    with pytest.raises(Forbidden):
        version_rollback(actor=person, institution=home(person))


def test_a_version_is_promoted_while_a_training_runs(place: Institution, admin: User) -> None:
    active, new = judge(place, BETTER)
    training = TrainingRun.objects.create(
        institution=place,
        dataset=judged.dataset(place, split="train"),
        base=active,
        settings={},
        **factories.run_values(RunState.RUNNING),
    )
    assert promote(new, admin).kind == PromotionKind.GATED
    training.refresh_from_db()
    assert (training.state, training.base) == (RunState.RUNNING, active)


def test_the_shipped_model_is_the_first_promotion(tmp_path: Any) -> None:
    factories.model_file(tmp_path / "spine-ct-v1.h5")
    version = default_version_ensure(folder=tmp_path)
    assert version_active(None) == version
    assert Promotion.objects.get().kind == PromotionKind.FIRST


def test_the_gate_can_be_looked_at_without_deciding(place: Institution) -> None:
    _, new = judge(place, BETTER)
    view = gate_view(new, place)
    assert view.passed
    assert not view.is_free
    assert not Promotion.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_promotions_at_once_end_with_one_active_version_and_a_history_without_gaps() -> None:
    admin = factories.user(Role.MODEL_ADMIN)
    factories.active_version()
    versions = [factories.model_version() for _ in range(4)]
    barrier = threading.Barrier(len(versions))

    def race(version: ModelVersion) -> None:
        barrier.wait()
        version_promote(version=version, actor=admin, institution=home(admin), reason="At once.")
        connection.close()

    threads = [threading.Thread(target=race, args=(version,)) for version in versions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ActiveVersion.objects.filter(institution=home(admin)).count() == 1
    history = list(Promotion.objects.order_by("decided_at", "id"))
    assert len(history) == 4
    assert {one.previous_id for one in history[1:]} == {one.version_id for one in history[:-1]}
