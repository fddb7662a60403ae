"""Starting and stopping trainings: what is refused, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from accounts.models import Institution, Role, User
from registry.services import version_register
from spineplatform.shared.errors import Conflict, Forbidden
from spineplatform.shared.runs import RunState, run_retry
from tests import factories
from tests.training import judged, learnable
from training.evaluations.services import DatasetNotFrozen
from training.models import Dataset, PatientSplit, Split, TrainingRun
from training.trainings.services import (
    NoCheckpoint,
    NoSpineToLearn,
    NoTrainingPatients,
    SettingRefused,
    WouldTouchTestPatient,
    training_cancel,
    training_keep,
    training_start,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def place() -> Institution:
    return factories.institution("Home")


@pytest.fixture
def admin(place: Institution) -> User:
    return factories.user(Role.MODEL_ADMIN, institution=place)


def start(dataset: Dataset, admin: User, **changes: Any) -> TrainingRun:
    settings = changes.pop("settings", learnable.SETTINGS)
    return training_start(dataset=dataset, actor=admin, settings=settings, **changes)


def test_a_training_waits_for_its_worker_with_all_its_settings(place: Institution, admin: User) -> None:
    run = start(learnable.dataset(place), admin, notes=" first try ")
    assert (run.state, run.institution, run.notes) == (RunState.QUEUED, place, "first try")
    assert run.settings["base_filters"] == learnable.SETTINGS["base_filters"]
    assert run.settings["seed"] == 2020


def test_a_draft_teaches_nothing(place: Institution, admin: User) -> None:
    draft = judged.dataset(place, patients=1, split=Split.TRAIN, frozen=False)
    with pytest.raises(DatasetNotFrozen):
        start(draft, admin)


def test_a_set_of_test_patients_only_teaches_nothing(place: Institution, admin: User) -> None:
    with pytest.raises(NoTrainingPatients):
        start(learnable.dataset(place, (Split.TEST, Split.TEST)), admin)


def test_a_set_without_a_positive_pixel_teaches_nothing(place: Institution, admin: User) -> None:
    with pytest.raises(NoSpineToLearn):
        start(learnable.dataset(place, (Split.TRAIN,), spine=False), admin)


def test_one_patient_is_enough_to_start(place: Institution, admin: User) -> None:
    assert start(learnable.dataset(place, (Split.TRAIN,)), admin).state == RunState.QUEUED


def test_an_image_of_a_test_patient_under_another_name_is_refused_by_the_database(
    place: Institution, admin: User
) -> None:
    data = learnable.dataset(place)
    twin = data.items.filter(split=Split.TRAIN)[0].annotation.series
    other = factories.series(institution=factories.institution("Away"))  # one institution keeps an image once
    type(other).objects.filter(pk=other.pk).update(pixel_hash=twin.pixel_hash)
    with transaction.atomic():
        PatientSplit.objects.create(patient=other.case.patient, split=Split.TEST, origin="drawn", seed=1)
    with pytest.raises(WouldTouchTestPatient):
        start(data, admin)
    with pytest.raises(IntegrityError), transaction.atomic():
        TrainingRun.objects.create(institution=place, dataset=data, settings={})


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"epochs": 0}, "epochs"),
        ({"loss": "hope"}, "loss"),
        ({"learning_rate": "fast"}, "learning_rate"),
        ({"crop_size": 250}, "crop_size"),
        ({"wheels": 4}, "wheels"),
    ],
)
def test_a_setting_that_cannot_work_is_named(
    place: Institution, admin: User, settings: dict[str, Any], field: str
) -> None:
    with pytest.raises(SettingRefused) as refused:
        start(learnable.dataset(place), admin, settings=settings)
    assert refused.value.fields["field"] == field


def test_another_network_than_that_of_the_base_is_refused(place: Institution, admin: User, tmp_path: Path) -> None:
    base = version_register(path=factories.model_file(tmp_path / "base.h5"))
    with pytest.raises(SettingRefused, match="from scratch"):
        start(learnable.dataset(place), admin, base=base, settings={"base_filters": 64})


def test_an_imported_network_is_a_base_though_no_form_asks_for_all_of_it(place: Institution, admin: User) -> None:
    base = version_register(path=Path(__file__).parents[1] / "spineml" / "keras2" / "ronneberger.h5")
    network = {"base_filters": 2, "depth": 4, "stem_stride": 1, "normalisation": "none"}
    run = start(learnable.dataset(place), admin, base=base, settings={**learnable.SETTINGS, **network})
    assert run.base == base


def test_only_whoever_manages_models_at_all_its_institutions_may_train(place: Institution) -> None:
    data = learnable.dataset(place)
    data.institutions.add(factories.institution("Other"))
    with pytest.raises(Forbidden):
        start(data, factories.user(Role.MODEL_ADMIN, institution=place))
    with pytest.raises(Forbidden):
        start(data, factories.user(Role.CLINICIAN, institution=place))


def test_stopping_remembers_whether_the_best_is_to_be_kept(place: Institution, admin: User) -> None:
    run = start(learnable.dataset(place), admin)
    TrainingRun.objects.filter(pk=run.pk).update(
        state=RunState.RUNNING, token="00000000-0000-0000-0000-000000000001", lease_expires_at=run.created_at
    )
    training_cancel(run=run, actor=admin, keep_best=True)
    run.refresh_from_db()
    assert (run.cancel_requested, run.keep_best_on_cancel, run.state) == (True, True, RunState.RUNNING)


def test_of_a_training_without_an_epoch_nothing_can_be_kept(place: Institution, admin: User) -> None:
    run = start(learnable.dataset(place), admin)
    training_cancel(run=run, actor=admin)
    with pytest.raises(NoCheckpoint):
        training_keep(run=run, actor=admin)


def test_a_retry_forgets_the_wish_to_keep_the_best(place: Institution, admin: User) -> None:
    run = start(learnable.dataset(place), admin)
    training_cancel(run=run, actor=admin, keep_best=True)
    run_retry(run=run, actor=admin)
    assert (run.state, run.keep_best_on_cancel) == (RunState.QUEUED, False)


def test_what_has_ended_cannot_be_stopped(place: Institution, admin: User) -> None:
    run = start(learnable.dataset(place), admin)
    training_cancel(run=run, actor=admin)
    with pytest.raises(Conflict):
        training_cancel(run=run, actor=admin)
