"""Data sets under the worker's hands: what the label checks find, what is decided on it, and what freezing writes."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.storage import default_storage

from accounts.models import Institution, Role, User
from cases.models import ReviewVerdict, Series
from registry.models import Task
from spineml.checksum import sha256_of
from spineml.learning.dataset_file import DatasetFileRejected, DatasetReader
from spineml.model.fingerprint import Fingerprint
from spineml.tasks.shipped import VERTEBRAE_CT
from spineml.volumes.canonical_file import read_volume
from spineml.volumes.volume import Volume
from spineplatform.shared import storage
from spineplatform.shared.errors import NotFound
from spineplatform.shared.lease import execute
from spineplatform.shared.runs import RunState, run_cancel
from tests import factories
from tests.training import chosen
from training.datasets.findings import sentence
from training.datasets.selectors import Choice, masks_of, what_is_missing
from training.datasets.services import (
    DatasetFrozen,
    FindingsOpen,
    NotAcceptable,
    NoteNeeded,
    dataset_check,
    dataset_create,
    dataset_delete,
    dataset_freeze,
    dataset_splits_draw,
    findings_accept,
    masks_leave_out,
    masks_take_back,
)
from training.datasets.worker import run_dataset
from training.models import Dataset, DatasetRun
from training.splits.services import patient_split_set

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def place() -> Institution:
    return factories.institution("Home")


@pytest.fixture
def admin(place: Institution) -> User:
    return factories.user(Role.MODEL_ADMIN, institution=place)


def draft(place: Institution, admin: User, **values: Any) -> Dataset:
    return dataset_create(name=values.pop("name", "Spine"), institutions=[place], actor=admin, choice=Choice(**values))


def work(run: DatasetRun) -> DatasetRun:
    execute(DatasetRun, run.pk, run_dataset)
    run.refresh_from_db()
    return run


def checked(data: Dataset, admin: User) -> list[dict[str, Any]]:
    """What the checks find."""
    run = work(dataset_check(dataset=data, actor=admin))
    assert (run.state, run.error_message) == (RunState.SUCCEEDED, "")
    data.refresh_from_db()
    return data.findings


def codes(findings: list[dict[str, Any]]) -> set[str]:
    assert all(sentence(one) for one in findings)
    return {one["code"] for one in findings}


# --- what is found ----------------------------------------------------------------------------------------------------
def test_good_labels_are_not_remarked_on(place: Institution, admin: User) -> None:
    for split in ("train", "test"):
        chosen.mask(place, split=split)
    assert checked(draft(place, admin), admin) == []


def test_a_shifted_an_empty_and_an_unapproved_mask_are_found(place: Institution, admin: User) -> None:
    image, labels = chosen.image_and_labels()
    series = factories.series(institution=place, image=image)
    shifted = factories.annotation(of=series, pixels=np.roll(labels, 8, axis=2))
    chosen.approve(shifted)
    nothing = factories.annotation(
        of=factories.series(institution=place, image=chosen.image_and_labels()[0]), pixels=np.zeros_like(labels)
    )
    data = draft(place, admin, annotations=(str(shifted.pk), str(nothing.pk)))
    found = {(one["annotation"], one["code"]) for one in checked(data, admin)}
    assert found == {(str(shifted.pk), "shifted"), (str(nothing.pk), "empty"), (str(nothing.pk), "not-approved")}
    assert data.checked_at is not None


def test_readers_who_disagree_are_found(place: Institution, admin: User) -> None:
    mask = chosen.mask(place)
    pixels = np.zeros(mask.series.geometry.shape, np.uint8)
    pixels[:, 30:34, 30:34] = 1
    other = factories.annotation(of=mask.series, pixels=pixels)
    (found,) = checked(draft(place, admin), admin)
    assert (found["code"], found["other"]) == ("disagreement", str(other.pk))


def test_a_slice_of_another_patient_is_found_also_of_a_test_patient_outside(place: Institution, admin: User) -> None:
    image, labels = chosen.image_and_labels()
    first = factories.annotation(of=factories.series(institution=place, image=image), pixels=labels)
    cut = Volume(image.hu[1:].copy(), factories.geometry(depth=2, height=64, width=64))
    second = factories.annotation(of=factories.series(institution=place, image=cut), pixels=labels[1:])
    for mask in (first, second):
        chosen.approve(mask)
        chosen.set_split(mask.series, "train")
    outside = Volume(image.hu[:1].copy(), factories.geometry(depth=1, height=64, width=64))
    chosen.set_split(factories.series(institution=factories.institution(), image=outside), "test")
    found = {(one["code"], one["annotation"], one["values"]["slices"]) for one in checked(draft(place, admin), admin)}
    assert found == {("same-slice", str(second.pk), 2), ("test-image", str(first.pk), 1)}


# --- what is decided --------------------------------------------------------------------------------------------------
def test_findings_are_accepted_with_a_note_or_the_mask_is_left_out(place: Institution, admin: User) -> None:
    masks = [chosen.mask(place, split="train") for _ in range(3)]
    chosen.mask(place, split="test")
    for mask in masks[:2]:
        pixels = np.zeros(mask.series.geometry.shape, np.uint8)
        pixels[:, 30:34, 30:34] = 1
        factories.annotation(of=mask.series, pixels=pixels)
    data = draft(place, admin)
    first, second = checked(data, admin)
    with pytest.raises(FindingsOpen):
        dataset_freeze(dataset=data, actor=admin)
    with pytest.raises(NoteNeeded):
        findings_accept(dataset=data, keys=[first["key"]], note="", actor=admin)
    with pytest.raises(NotFound):
        findings_accept(dataset=data, keys=["unknown"], note="Fine.", actor=admin)
    findings_accept(dataset=data, keys=[first["key"]], note="The first reader is right.", actor=admin)
    masks_leave_out(dataset=data, annotations=[second["annotation"]], note="Draw again.", actor=admin)
    assert masks[1] not in set(masks_of(data))
    masks_take_back(dataset=data, annotations=[second["annotation"]], actor=admin)
    assert masks[1] in set(masks_of(data))
    masks_leave_out(dataset=data, annotations=[second["annotation"]], actor=admin)
    assert work(dataset_freeze(dataset=data, actor=admin)).state == RunState.SUCCEEDED
    data.refresh_from_db()
    assert data.decisions["accepted"][first["key"]]["note"] == "The first reader is right."
    assert data.items.count() == 3


def test_what_must_not_be_in_a_data_set_cannot_be_accepted(place: Institution, admin: User) -> None:
    mask = chosen.mask(place, split="train")
    twin_place = factories.institution()
    factories.Membership.objects.create(user=admin, institution=twin_place, role=Role.MODEL_ADMIN)
    image = read_volume(storage.local_path(mask.series.volume))
    twin = factories.annotation(of=factories.series(institution=twin_place, image=image))
    chosen.approve(twin)
    data = dataset_create(name="Both", institutions=[place, twin_place], actor=admin)
    same = next(one for one in checked(data, admin) if one["code"] == "same-image")
    with pytest.raises(NotAcceptable):
        findings_accept(dataset=data, keys=[same["key"]], note="Fine.", actor=admin)


def test_what_turns_up_while_freezing_stops_it_and_is_told(place: Institution, admin: User) -> None:
    mask = chosen.mask(place, split="train")
    data = draft(place, admin)
    run = dataset_freeze(dataset=data, actor=admin)
    factories.annotation(of=mask.series, pixels=np.roll(factories.labels(mask.series.geometry), 20, axis=1))
    work(run)
    assert (run.state, run.error_code) == (RunState.FAILED, "findings-open")
    data.refresh_from_db()
    assert (codes(data.findings), data.is_frozen) == ({"disagreement"}, False)


# --- freezing ---------------------------------------------------------------------------------------------------------
@pytest.fixture
def frozen(place: Institution, admin: User) -> Dataset:
    for split in ("train", "train", "validation", "test"):
        chosen.mask(place, split=split)
    Series.objects.update(meta={"manufacturer": "Siemens Healthineers", "body_part": ""})
    data = draft(place, admin)
    run = work(dataset_freeze(dataset=data, actor=admin))
    assert (run.state, run.error_message) == (RunState.SUCCEEDED, "")
    data.refresh_from_db()
    return data


def test_a_frozen_set_holds_exactly_the_masks_and_no_name(frozen: Dataset) -> None:
    path = storage.local_path(frozen.file)
    assert (frozen.sha256, frozen.size) == (sha256_of(path), path.stat().st_size)
    with DatasetReader(path, expected_sha256=frozen.sha256) as reader:
        assert [entry.split for entry in reader.entries] == ["train", "train", "validation", "test"]
        for entry, item in zip(reader.entries, frozen.items.all(), strict=True):
            assert (entry.pixel_hash, entry.annotation) == (item.pixel_hash, str(item.annotation_id))
            assert entry.groups == {"institution": "Home", "maker": "SIEMENS"}
            image = read_volume(storage.local_path(item.annotation.series.volume)).hu
            assert np.array_equal(reader.read(entry.index, 1)[0], image[1])
        assert len({entry.patient for entry in reader.entries}) == 4
        Fingerprint.from_json(reader.facts["fingerprint"])
    content = path.read_bytes()
    for item in frozen.items.select_related("patient"):
        for name in (item.patient.pseudonym, str(item.patient_id)):
            assert name.encode() not in content


def test_a_frozen_set_tells_its_counts_and_the_fingerprint_of_what_it_teaches(frozen: Dataset) -> None:
    assert frozen.counts["train"] == {"patients": 2, "series": 2, "images": 6, "images_with_spine": 6}
    assert Fingerprint.from_json(frozen.fingerprint).series == 2
    assert what_is_missing(frozen.counts) == ["few-test-patients"]


def test_a_frozen_set_is_not_checked_frozen_or_decided_on_again(frozen: Dataset, admin: User) -> None:
    mask = str(frozen.items.first().annotation_id)  # type: ignore[union-attr]
    for deed in (
        lambda: dataset_check(dataset=frozen, actor=admin),
        lambda: dataset_freeze(dataset=frozen, actor=admin),
        lambda: dataset_splits_draw(dataset=frozen, actor=admin),
        lambda: masks_leave_out(dataset=frozen, annotations=[mask], actor=admin),
    ):
        with pytest.raises(DatasetFrozen):
            deed()


def test_a_changed_file_is_noticed(frozen: Dataset) -> None:
    path = Path(storage.local_path(frozen.file))
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(DatasetFileRejected):
        DatasetReader(path, expected_sha256=frozen.sha256)


def test_a_freeze_delivered_twice_freezes_once(frozen: Dataset) -> None:
    run = frozen.runs.get()
    execute(DatasetRun, run.pk, run_dataset)
    frozen.refresh_from_db()
    assert frozen.items.count() == 4


# --- the end ----------------------------------------------------------------------------------------------------------
def test_a_data_set_goes_with_its_file(frozen: Dataset, admin: User, django_capture_on_commit_callbacks: Any) -> None:
    name = frozen.file.name
    with django_capture_on_commit_callbacks(execute=True):
        dataset_delete(dataset=frozen, actor=admin)
    assert not Dataset.objects.exists()
    assert not default_storage.exists(name)


# --- faults -----------------------------------------------------------------------------------------------------------
def test_a_full_storage_leaves_a_draft_that_can_be_frozen_later(
    place: Institution, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    for split in ("train", "test"):
        chosen.mask(place, split=split)
    data = draft(place, admin)
    with monkeypatch.context() as full:
        full.setattr(storage, "store", _no_space)
        run = work(dataset_freeze(dataset=data, actor=admin))
    assert (run.state, run.error_code) == (RunState.FAILED, "storage-unavailable")
    data.refresh_from_db()
    assert (data.is_frozen, data.items.count(), data.file.name) == (False, 0, "")
    assert work(dataset_freeze(dataset=data, actor=admin)).state == RunState.SUCCEEDED


def _no_space(path: Path, name: str) -> str:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_cancelled_freeze_leaves_a_draft(place: Institution, admin: User) -> None:
    chosen.mask(place, split="train")
    data = draft(place, admin)
    run = dataset_freeze(dataset=data, actor=admin)
    run_cancel(run=run, actor=admin)
    work(run)
    data.refresh_from_db()
    assert (run.state, data.is_frozen, data.items.count()) == (RunState.CANCELLED, False, 0)


@pytest.mark.parametrize("change", ["review", "split"])
def test_what_changes_while_the_file_is_written_stops_the_freeze(
    change: str, place: Institution, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    mask = chosen.mask(place, split="train")
    chosen.mask(place, split="test")
    data = draft(place, admin)
    run = dataset_freeze(dataset=data, actor=admin)
    store = storage.store

    def meanwhile(path: Path, name: str) -> str:
        if change == "review":
            chosen.approve(mask, verdict=ReviewVerdict.REJECTED, reason="Wrong level.")
        else:
            patient_split_set(patient=mask.series.case.patient, split="test", reason="Judge.", actor=admin)
        return store(path, name)

    monkeypatch.setattr(storage, "store", meanwhile)
    work(run)
    assert (run.state, run.error_code) == (RunState.FAILED, "choice-changed")
    data.refresh_from_db()
    assert (data.is_frozen, data.items.count()) == (False, 0)


def test_a_draft_that_changed_while_it_waited_is_checked_against_what_it_holds_now(
    place: Institution, admin: User
) -> None:
    chosen.mask(place, split="train")
    data = draft(place, admin)
    run = dataset_freeze(dataset=data, actor=admin)
    chosen.mask(place)
    work(run)
    assert (run.state, run.error_code) == (RunState.FAILED, "patients-without-split")


def test_the_file_of_a_task_with_labels_names_it_and_keeps_their_values(place: Institution, admin: User) -> None:
    image, labels = chosen.image_and_labels()
    series = factories.series(institution=place, image=image)
    pixels = labels * np.array([20, 21, 21], np.uint8)[:, None, None]
    mask = factories.annotation(of=series, pixels=pixels, task=Task.objects.get(pk="vertebrae-ct"))
    chosen.approve(mask)
    chosen.set_split(series, "train")
    data = dataset_create(
        name="Levels",
        institutions=[place],
        actor=admin,
        task="vertebrae-ct",
        choice=Choice(annotations=(str(mask.pk),)),
    )
    keys = [one["key"] for one in checked(data, admin)]
    if keys:
        findings_accept(dataset=data, keys=keys, note="A drawing.", actor=admin)
    assert work(dataset_freeze(dataset=data, actor=admin)).error_message == ""
    data.refresh_from_db()
    with DatasetReader(storage.local_path(data.file)) as reader:
        assert reader.task == VERTEBRAE_CT
        assert np.array_equal(reader.read(0, 2)[1], pixels[2])
        assert reader.entries[0].label_slices == {20: (0, 0), 21: (1, 2)}
