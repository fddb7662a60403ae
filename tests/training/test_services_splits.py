"""Splits of patients: drawn or set, kept by the database, and patients who share an image."""

from __future__ import annotations

import threading
from collections import Counter

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.models import Institution, Role, User
from cases.models import Patient
from spineml.learning.stratified_split import Shares
from spineml.volumes.canonical_file import read_volume
from spineplatform.shared import storage
from spineplatform.shared.errors import Forbidden, NotFound
from spineplatform.shared.models import AuditEvent
from tests import factories
from tests.training import chosen, judged
from training.models import Dataset, DatasetItem, PatientSplit, TrainingRun
from training.splits.selectors import PatientFilter, duplicate_images, patients_seen, split_counts
from training.splits.services import (
    SplitEvaluated,
    SplitImageTrained,
    SplitReasonNeeded,
    SplitTrained,
    patient_split_set,
    splits_draw,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def place() -> Institution:
    return factories.institution("Home")


@pytest.fixture
def admin(place: Institution) -> User:
    return factories.user(Role.MODEL_ADMIN, institution=place)


def patient(place: Institution, **meta: str) -> Patient:
    return factories.series(institution=place, meta=meta).case.patient


def trained(place: Institution, split: str = "train") -> Dataset:
    """A frozen data set of one patient on which a version was trained."""
    data = judged.dataset(place, patients=1, split=split)
    TrainingRun.objects.create(institution=place, dataset=data, settings={})
    return data


def person_of(data: Dataset) -> Patient:
    return data.items.get().patient


# --- drawing ----------------------------------------------------------------------------------------------------------
def test_the_same_seed_draws_the_same_splits(place: Institution, admin: User) -> None:
    people = [patient(place, manufacturer="GE") for _ in range(8)]
    first = {row.patient_id: row.split for row in splits_draw(institution=place, actor=admin, seed=7)}
    PatientSplit.objects.all().delete()
    again = {row.patient_id: row.split for row in splits_draw(institution=place, actor=admin, seed=7)}
    assert set(first) == {person.pk for person in people}
    assert again == first


def test_a_draw_leaves_those_alone_who_have_a_split_and_makes_up_for_them(place: Institution, admin: User) -> None:
    fixed = [patient(place) for _ in range(4)]
    for person in fixed:
        patient_split_set(patient=person, split="test", reason="Judged before.", actor=admin)
    rows = splits_draw(institution=place, actor=admin, seed=1, shares=Shares(0.5, 0.0, 0.5))
    assert rows == []
    more = [patient(place) for _ in range(4)]
    rows = splits_draw(institution=place, actor=admin, seed=1, shares=Shares(0.5, 0.0, 0.5))
    assert {row.patient_id for row in rows} == {person.pk for person in more}
    assert {row.split for row in rows} == {"train"}


def test_each_stratum_is_shared_out(place: Institution, admin: User) -> None:
    for maker in ("SIEMENS", "GE MEDICAL"):
        for _ in range(10):
            patient(place, manufacturer=maker, body_part="CHEST")
    rows = splits_draw(institution=place, actor=admin, seed=3)
    tally = Counter((row.stratum, row.split) for row in rows)
    assert {stratum for stratum, _ in tally} == {"siemens · chest · 1", "ge · chest · 1"}
    assert {tally[stratum, "train"] for stratum, _ in tally} == {7}
    assert Counter(row.split for row in rows) == {"train": 14, "validation": 3, "test": 3}


def test_a_patient_without_images_is_not_drawn(place: Institution, admin: User) -> None:
    factories.patient(place)
    assert splits_draw(institution=place, actor=admin) == []


def test_who_shares_an_image_with_a_test_patient_becomes_one(place: Institution, admin: User) -> None:
    series = factories.series(institution=factories.institution())
    chosen.set_split(series, "test")
    twin = factories.series(institution=place, image=read_volume(storage.local_path(series.volume)))
    (row,) = splits_draw(institution=place, actor=admin, shares=Shares(1.0, 0.0, 0.0))
    assert (row.patient, row.split) == (twin.case.patient, "test")
    (found,) = duplicate_images(admin)
    assert (found.series, found.hidden) == ([twin], 1)


def test_only_model_admins_draw_and_outsiders_are_told_nothing(place: Institution) -> None:
    with pytest.raises(Forbidden):
        splits_draw(institution=place, actor=factories.user(Role.ANNOTATOR, institution=place))
    with pytest.raises(NotFound):
        splits_draw(institution=place, actor=factories.user(Role.MODEL_ADMIN))


# --- by hand ----------------------------------------------------------------------------------------------------------
def test_a_split_set_by_hand_keeps_who_and_why(place: Institution, admin: User) -> None:
    person = patient(place)
    row = patient_split_set(patient=person, split="test", reason=" Judged in our paper. ", actor=admin)
    assert (row.split, row.origin, row.reason, row.decided_by) == ("test", "by-hand", "Judged in our paper.", admin)
    event = AuditEvent.objects.get(action="split.set")
    assert (event.object_id, event.detail["split"]) == (str(person.pk), "test")


def test_a_reason_is_needed(place: Institution, admin: User) -> None:
    with pytest.raises(SplitReasonNeeded):
        patient_split_set(patient=patient(place), split="test", reason=" ", actor=admin)


def test_nothing_is_changed_once_a_version_was_evaluated_with_the_patient(place: Institution, admin: User) -> None:
    data = judged.dataset(place, patients=1)
    judged.evaluation(factories.model_version(), data, (0.9,))
    with pytest.raises(SplitEvaluated):
        patient_split_set(patient=person_of(data), split="train", reason="More to learn from.", actor=admin)
    assert PatientSplit.objects.get(patient=person_of(data)).split == "test"


def test_nothing_is_changed_once_a_version_was_trained_with_the_patient(place: Institution, admin: User) -> None:
    data = trained(place)
    with pytest.raises(SplitTrained):
        patient_split_set(patient=person_of(data), split="test", reason="Too few.", actor=admin)
    (row,) = patients_seen(admin, PatientFilter(split="train"))
    assert row.fixed


def test_nobody_becomes_a_test_patient_whose_image_was_trained_on(place: Institution, admin: User) -> None:
    learned = person_of(trained(factories.institution())).cases.get().series.get()
    twin = factories.series(institution=place, image=read_volume(storage.local_path(learned.volume)))
    with pytest.raises(SplitImageTrained):
        patient_split_set(patient=twin.case.patient, split="test", reason="Judge.", actor=admin)
    assert patient_split_set(patient=twin.case.patient, split="train", reason="Learn.", actor=admin).split == "train"


def test_counts_say_how_many_wait(place: Institution, admin: User) -> None:
    patient_split_set(patient=patient(place), split="test", reason="Judge.", actor=admin)
    patient(place)
    assert split_counts([place]) == [{"institution": place, "train": 0, "validation": 0, "test": 1, "none": 1}]


# --- what the database refuses, whoever asks --------------------------------------------------------------------------
def refused_by(sql: str, *values: object) -> str:
    """The promise by which PostgreSQL refuses the statement."""
    with pytest.raises(IntegrityError) as caught:
        _execute(sql, values)
    return str(caught.value.__cause__.diag.constraint_name)  # type: ignore[union-attr]


@transaction.atomic
def _execute(sql: str, values: tuple[object, ...]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_raw_sql_cannot_change_a_split_that_was_judged_or_trained(place: Institution) -> None:
    data = judged.dataset(place, patients=1)
    judged.evaluation(factories.model_version(), data, (0.9,))
    change = "UPDATE training_patientsplit SET split = %s WHERE patient_id = %s"
    remove = "DELETE FROM training_patientsplit WHERE patient_id = %s"
    assert refused_by(change, "train", person_of(data).pk) == "training_split_evaluated"
    assert refused_by(remove, person_of(data).pk) == "training_split_evaluated"
    assert refused_by(change, "test", person_of(trained(place)).pk) == "training_split_trained"


def test_raw_sql_cannot_put_a_mask_into_another_split(place: Institution) -> None:
    mask = chosen.mask(place, split="test")
    draft = Dataset.objects.create(name="Draft")
    add = """INSERT INTO training_datasetitem (dataset_id, annotation_id, patient_id, split, pixel_hash)
             VALUES (%s, %s, %s, %s, %s)"""
    patient, pixels = mask.series.case.patient_id, mask.series.pixel_hash
    assert refused_by(add, draft.pk, mask.pk, patient, "train", pixels) == "training_item_split"
    assert refused_by(add, draft.pk, mask.pk, patient, "test", "0" * 64) == "training_item_patient"
    other = factories.patient(place)
    PatientSplit.objects.create(patient=other, split="test", origin="drawn", seed=1)
    assert refused_by(add, draft.pk, mask.pk, other.pk, "test", pixels) == "training_item_patient"
    nobody = chosen.mask(place)
    values = (nobody.pk, nobody.series.case.patient_id, "train", nobody.series.pixel_hash)
    assert refused_by(add, draft.pk, *values) == "training_item_split"


def test_raw_sql_cannot_change_a_frozen_data_set(place: Institution) -> None:
    data = judged.dataset(place, patients=1)
    item = data.items.get()
    assert refused_by("UPDATE training_dataset SET sha256 = 'x' WHERE id = %s", data.pk) == "training_dataset_frozen"
    thaw = "UPDATE training_dataset SET frozen_at = NULL WHERE id = %s"
    assert refused_by(thaw, data.pk) == "training_dataset_frozen"
    change = "UPDATE training_datasetitem SET split = 'train' WHERE id = %s"
    assert refused_by(change, item.pk) == "training_item_frozen"
    assert refused_by("DELETE FROM training_datasetitem WHERE id = %s", item.pk) == "training_item_frozen"
    mask = chosen.mask(place, split="train")
    add = """INSERT INTO training_datasetitem (dataset_id, annotation_id, patient_id, split, pixel_hash)
             VALUES (%s, %s, %s, 'train', %s)"""
    values = (data.pk, mask.pk, mask.series.case.patient_id, mask.series.pixel_hash)
    assert refused_by(add, *values) == "training_item_frozen"


ASK = """INSERT INTO training_trainingrun (id, institution_id, dataset_id, settings, state, attempt, cancel_requested,
         progress_done, progress_total, progress_message, error_code, error_message, created_at, enqueued_at, notes,
         keep_best_on_cancel, live)
         VALUES (gen_random_uuid(), %s, %s, '{}', 'queued', 0, false, 0, 0, '{}', '', '{}', now(), now(), '', false,
         '{}')"""


def test_raw_sql_cannot_train_on_a_draft(place: Institution) -> None:
    draft = judged.dataset(place, patients=1, split="train", frozen=False)
    assert refused_by(ASK, place.pk, draft.pk) == "training_run_not_frozen"


def test_raw_sql_cannot_train_on_a_patient_who_became_a_test_patient(place: Institution, admin: User) -> None:
    data = judged.dataset(place, patients=1, split="train")
    patient_split_set(patient=person_of(data), split="test", reason="Nobody has learned from them.", actor=admin)
    assert refused_by(ASK, place.pk, data.pk) == "training_run_test_patient"


@pytest.mark.parametrize("split", ["train", "validation"])
def test_raw_sql_cannot_train_on_a_test_image_under_another_name(place: Institution, split: str) -> None:
    data = judged.dataset(place, patients=1, split=split)
    image = DatasetItem.objects.get(dataset=data).annotation.series
    twin = factories.series(institution=factories.institution(), image=read_volume(storage.local_path(image.volume)))
    chosen.set_split(twin, "test")
    assert refused_by(ASK, place.pk, data.pk) == "training_run_test_image"


def test_training_beside_test_patients_is_allowed(place: Institution) -> None:
    data = judged.dataset(place, patients=1, split="train", frozen=False)
    mask = chosen.mask(place, split="test")
    DatasetItem.objects.create(
        dataset=data,
        annotation=mask,
        patient=mask.series.case.patient,
        split="test",
        pixel_hash=mask.series.pixel_hash,
    )
    judged.freeze(data)
    assert TrainingRun.objects.create(institution=place, dataset=data, settings={}).pk


# --- two at the same moment -------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_a_training_and_a_change_of_split_at_the_same_moment_cannot_both_be_right(place: Institution) -> None:
    """The training holds the rows of its patients; the change waits for it, and is then too late."""
    data = judged.dataset(place, patients=1, split="train")
    answers: list[Exception | None] = []
    asked = threading.Event()

    def change() -> None:
        asked.set()
        try:
            PatientSplit.objects.filter(patient=person_of(data)).update(split="test")
            answers.append(None)
        except IntegrityError as error:
            answers.append(error)
        finally:
            connection.close()

    with transaction.atomic():
        TrainingRun.objects.create(institution=place, dataset=data, settings={})
        other = threading.Thread(target=change)
        other.start()
        asked.wait()
        other.join(timeout=0.5)
        assert other.is_alive(), "it waits for the training's transaction"
    other.join()
    (refusal,) = answers
    assert isinstance(refusal, IntegrityError)
    assert refusal.__cause__.diag.constraint_name == "training_split_trained"  # type: ignore[union-attr]
    assert PatientSplit.objects.get().split == "train"
