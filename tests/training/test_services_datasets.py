"""Data sets: which masks they take, what is found about them, what is decided, and how they are frozen."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.utils import timezone

from accounts.models import Institution, Role, User
from cases.models import Annotation, ReviewVerdict
from spineplatform.shared.errors import Forbidden, NotFound, UserError
from spineplatform.shared.runs import RunState
from tests import factories
from tests.training import chosen, judged
from training.datasets.selectors import Choice, masks_of, preview, what_is_missing
from training.datasets.services import (
    DatasetBusy,
    DatasetInUse,
    InstitutionsNeeded,
    MasksUnknown,
    NameNeeded,
    NameTaken,
    NoSpineMarked,
    NothingChosen,
    PatientsWithoutSplit,
    SeriesChosenTwice,
    dataset_check,
    dataset_create,
    dataset_delete,
    dataset_freeze,
    dataset_splits_draw,
)
from training.models import Dataset, TrainingRun

pytestmark = pytest.mark.django_db


@pytest.fixture
def place() -> Institution:
    return factories.institution("Home")


@pytest.fixture
def admin(place: Institution) -> User:
    return factories.user(Role.MODEL_ADMIN, institution=place)


def draft(place: Institution, admin: User, **values: Any) -> Dataset:
    return dataset_create(name=values.pop("name", "Spine"), institutions=[place], actor=admin, choice=Choice(**values))


def chosen_of(data: Dataset) -> set[Annotation]:
    return set(masks_of(data))


# --- which masks ------------------------------------------------------------------------------------------------------
def test_the_latest_review_decides_whether_a_mask_is_taken(place: Institution, admin: User) -> None:
    taken = chosen.mask(place)
    refused, not_for_training, unread = (chosen.mask(place) for _ in range(3))
    unread.series.reviews.all().delete()
    chosen.approve(refused, verdict=ReviewVerdict.REJECTED, reason="Blurred.")
    chosen.approve(not_for_training, for_training=False)
    chosen.mask(factories.institution())
    assert chosen_of(draft(place, admin)) == {taken}


def test_a_choice_can_be_narrowed_by_date_and_source(place: Institution, admin: User) -> None:
    mask = chosen.mask(place)
    today = timezone.now().date()
    assert chosen_of(draft(place, admin, name="Old", date_to=today - timedelta(days=1))) == set()
    assert chosen_of(draft(place, admin, name="New", date_from=today, date_to=today)) == {mask}
    assert chosen_of(draft(place, admin, name="Edited", source="edit")) == set()
    assert chosen_of(draft(place, admin, name="Uploaded", source="upload")) == {mask}


def test_masks_can_be_named_one_by_one(place: Institution, admin: User) -> None:
    first = chosen.mask(place)
    chosen.mask(place)
    assert chosen_of(draft(place, admin, annotations=(str(first.pk),))) == {first}


def test_a_draft_says_how_much_each_split_holds(place: Institution, admin: User) -> None:
    first = chosen.mask(place, split="train")
    chosen.mask(place, of=first.series.case)
    waiting = chosen.mask(place).series.case.patient
    found = preview(masks_of(draft(place, admin)))
    assert found.counts["train"] == {"patients": 1, "series": 2, "images": 6, "images_with_spine": 6}
    assert (found.counts["none"]["patients"], found.without_split, found.patients) == (1, [waiting], 2)


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"name": " "}, NameNeeded),
        ({"institutions": []}, InstitutionsNeeded),
        ({"choice": Choice(annotations=("not a mask",))}, MasksUnknown),
    ],
)
def test_what_makes_no_data_set_is_refused(
    values: dict[str, Any], error: type[UserError], place: Institution, admin: User
) -> None:
    with pytest.raises(error):
        dataset_create(**{"name": "Spine", "institutions": [place], "actor": admin, **values})


def test_a_name_is_given_once_and_a_series_is_taken_once(place: Institution, admin: User) -> None:
    draft(place, admin)
    with pytest.raises(NameTaken):
        draft(place, admin)
    mask = chosen.mask(place)
    other = factories.annotation(of=mask.series)
    with pytest.raises(SeriesChosenTwice):
        draft(place, admin, name="Twice", annotations=(str(mask.pk), str(other.pk)))


def test_only_who_manages_models_at_each_institution_makes_one(place: Institution, admin: User) -> None:
    with pytest.raises(Forbidden):
        draft(place, factories.user(Role.ANNOTATOR, institution=place))
    with pytest.raises(NotFound):
        dataset_create(name="Both", institutions=[place, factories.institution()], actor=admin)


def test_patients_without_a_split_are_drawn_in_one_go(place: Institution, admin: User) -> None:
    for _ in range(3):
        chosen.mask(place)
    data = draft(place, admin)
    with pytest.raises(PatientsWithoutSplit) as caught:
        dataset_freeze(dataset=data, actor=admin)
    assert len(caught.value.fields["patients"]) == 3
    assert len(dataset_splits_draw(dataset=data, actor=admin, seed=1)) == 3
    assert dataset_freeze(dataset=data, actor=admin).state == RunState.QUEUED


def test_a_data_set_without_any_mask_or_any_pixel_is_not_frozen(place: Institution, admin: User) -> None:
    data = draft(place, admin)
    for deed in (dataset_check, dataset_freeze):
        with pytest.raises(NothingChosen):
            deed(dataset=data, actor=admin)
    series = factories.series(institution=place)
    chosen.approve(factories.annotation(of=series, pixels=np.zeros(series.geometry.shape, np.uint8)))
    chosen.set_split(series, "train")
    with pytest.raises(NoSpineMarked):
        dataset_freeze(dataset=data, actor=admin)


def test_one_patient_or_test_patients_only_are_said(place: Institution, admin: User) -> None:
    chosen.mask(place, split="test")
    found = preview(masks_of(draft(place, admin)))
    assert what_is_missing(found.counts) == ["one-patient", "no-training-patients", "few-test-patients"]


def test_a_check_that_is_going_is_not_asked_for_twice(place: Institution, admin: User) -> None:
    chosen.mask(place, split="train")
    data = draft(place, admin)
    run = dataset_check(dataset=data, actor=admin)
    assert dataset_check(dataset=data, actor=admin) == run
    for deed in (dataset_freeze, dataset_delete):
        with pytest.raises(DatasetBusy):
            deed(dataset=data, actor=admin)


def test_a_data_set_on_which_something_rests_stays(place: Institution, admin: User) -> None:
    taught = judged.dataset(place, split="train", patients=1)
    TrainingRun.objects.create(institution=place, dataset=taught, settings={})
    judged_by = judged.dataset(place, patients=1)
    judged.evaluation(factories.model_version(), judged_by, (0.9,))
    for data in (taught, judged_by):
        with pytest.raises(DatasetInUse):
            dataset_delete(dataset=data, actor=admin)
