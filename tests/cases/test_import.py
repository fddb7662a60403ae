"""From files to cases and series: what is kept, what is refused, and what is said about each file."""

from __future__ import annotations

import shutil
import uuid
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.storage import default_storage

from accounts.models import User
from cases.intake.uploads import EmptyFile, IncomingFile, NothingToImport, UploadOptions, upload_create
from cases.intake.worker import run_import
from cases.models import Case, ImportRun, Series, Upload
from cases.worklist.selectors import list_version, lists_followed
from inference.models import InferenceRun
from spineml.phantom import spine_phantom, write_dicom_series, write_nifti
from spineml.volumes.canonical_file import read_volume
from spineplatform.shared.errors import Forbidden, NotFound
from spineplatform.shared.lease import Lease, LeaseLost, execute
from spineplatform.shared.runs import RunState, claim
from spineplatform.shared.storage import local_path
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)
SMALL = {"shape": (4, 64, 64), "spacing": (3.0, 2.0, 2.0)}


@pytest.fixture
def clinician() -> User:
    return factories.user("clinician")


def send(user: User, *paths: Path, **options: Any) -> Upload:
    """Upload copies of the files and import them, as a worker would."""
    files = []
    for path in paths:
        copy = path.with_name(f"sent-{path.name}")
        shutil.copyfile(path, copy)
        files.append(IncomingFile.from_path(copy, path.name))
    institution = user.memberships.get().institution
    upload, _ = upload_create(
        institution=institution, actor=user, files=files, options=UploadOptions(segment=False, **options)
    )
    execute(ImportRun, upload.run.pk, run_import)
    upload.run.refresh_from_db()
    return upload


def nifti(folder: Path, seed: int = 0) -> Path:
    volume, _ = spine_phantom(seed=seed, **SMALL)
    path = folder / f"ct{seed}.nii.gz"
    write_nifti(volume, path)
    return path


def verdicts(upload: Upload) -> dict[str, tuple[str, str]]:
    return {verdict.name: (verdict.status, verdict.code) for verdict in upload.verdicts.all()}


def test_a_nifti_becomes_a_case_with_exactly_its_voxels(clinician: User, tmp_path: Path) -> None:
    volume, _ = spine_phantom(**SMALL)
    before = list_version(lists_followed(clinician).get())
    upload = send(clinician, nifti(tmp_path), title="First case")
    assert upload.run.state == RunState.SUCCEEDED, upload.run.error_message
    assert list_version(lists_followed(clinician).get()) != before
    series = Series.objects.get()
    assert series.case.title == "First case"
    stored = read_volume(local_path(series.volume))
    np.testing.assert_array_equal(stored.hu, volume.hu)
    assert stored.geometry.same_grid(volume.geometry)


def test_a_dicom_series_in_a_zip_is_one_series_under_a_pseudonym_and_no_name_is_kept(
    clinician: User, tmp_path: Path
) -> None:
    volume, _ = spine_phantom(**SMALL)
    files = write_dicom_series(volume, tmp_path / "dicom", patient_id="SMITH-1950")
    archive = tmp_path / "ct.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        for number, file in enumerate(reversed(files)):
            opened.write(file, f"folder/{number}.dcm")
    upload = send(clinician, archive)
    assert upload.run.state == RunState.SUCCEEDED, upload.run.error_message
    series = Series.objects.get()
    assert series.depth == 4
    assert len(verdicts(upload)) == 4
    assert series.case.title == series.case.patient.pseudonym
    assert "SMITH" not in f"{series.meta}{series.case.title}{series.case.patient.key_hash}"
    with zipfile.ZipFile(local_path(series.originals)) as originals:
        assert len(originals.namelist()) == 4
        assert b"SMITH" not in b"".join(originals.read(name) for name in originals.namelist())


def test_two_studies_of_one_patient_are_two_cases_of_the_same_pseudonym(clinician: User, tmp_path: Path) -> None:
    for seed in (1, 2):
        volume, _ = spine_phantom(seed=seed, **SMALL)
        study = {"StudyInstanceUID": f"2.25.{seed}"}
        send(clinician, *write_dicom_series(volume, tmp_path / str(seed), patient_id="ONE", overrides=study))
    assert Case.objects.count() == 2
    assert len(set(Case.objects.values_list("patient", flat=True))) == 1


def test_sending_the_same_files_again_gives_the_same_upload(clinician: User, tmp_path: Path) -> None:
    first = send(clinician, nifti(tmp_path))
    again = send(clinician, nifti(tmp_path))
    assert first.pk == again.pk
    assert Series.objects.count() == 1


def test_the_same_images_in_another_upload_are_named_as_a_duplicate(clinician: User, tmp_path: Path) -> None:
    send(clinician, nifti(tmp_path), title="The first")
    again = send(clinician, nifti(tmp_path), title="The second")
    assert again.run.state == RunState.SUCCEEDED
    assert verdicts(again) == {"ct0.nii.gz": ("skipped", "duplicate")}
    assert "The first" in again.verdicts.get().reason
    assert Case.objects.count() == 1


def test_one_bad_file_does_not_spoil_the_others(clinician: User, tmp_path: Path) -> None:
    bad = tmp_path / "notes.dcm"
    bad.write_text("these are notes")
    upload = send(clinician, nifti(tmp_path), bad)
    assert upload.run.state == RunState.SUCCEEDED
    assert verdicts(upload)["ct0.nii.gz"][0] == "imported"
    assert verdicts(upload)["notes.dcm"][0] == "rejected"


def test_two_files_of_the_same_name_each_have_a_verdict(clinician: User, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    nifti(one, seed=1).rename(one / "ct.nii.gz")
    nifti(two, seed=2).rename(two / "ct.nii.gz")
    upload = send(clinician, one / "ct.nii.gz", two / "ct.nii.gz")
    assert set(verdicts(upload)) == {"ct.nii.gz", "ct.nii.gz (2)"}
    assert Series.objects.count() == 2


def test_an_import_without_any_usable_file_fails_with_the_reason_and_keeps_the_files_for_a_retry(
    clinician: User, tmp_path: Path
) -> None:
    bad = tmp_path / "notes.dcm"
    bad.write_text("these are notes")
    upload = send(clinician, bad)
    assert upload.run.state == RunState.FAILED
    assert upload.run.error_code == "nothing-imported"
    assert upload.verdicts.get().status == "rejected"
    assert default_storage.exists(upload.files.get().staged)
    assert not Series.objects.exists()


def test_received_files_are_removed_once_they_are_imported(clinician: User, tmp_path: Path) -> None:
    upload = send(clinician, nifti(tmp_path))
    assert upload.files.get().staged == ""
    _, files = (
        default_storage.listdir(f"incoming/{upload.pk}")
        if default_storage.exists(f"incoming/{upload.pk}")
        else ([], [])
    )
    assert files == []


def test_a_storage_that_refuses_to_clear_up_takes_no_image_away(
    clinician: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(name: str) -> None:
        raise OSError("away")

    with monkeypatch.context() as patch:
        patch.setattr(default_storage, "delete", refuse)
        upload = send(clinician, nifti(tmp_path))
    assert upload.run.state == RunState.SUCCEEDED
    assert local_path(Series.objects.get().volume).exists()


def test_an_import_that_lost_its_lease_leaves_the_verdicts_of_the_other_worker(clinician: User, tmp_path: Path) -> None:
    bad = tmp_path / "notes.dcm"
    bad.write_text("these are notes")
    upload, _ = upload_create(
        institution=clinician.memberships.get().institution,
        actor=clinician,
        files=[IncomingFile.from_path(bad, bad.name)],
    )
    late = claim(ImportRun, upload.run.pk)
    assert late is not None
    factories.verdict(upload, "notes.dcm", code="of-the-other-worker")
    ImportRun.objects.filter(pk=upload.run.pk).update(token=uuid.uuid4())
    with Lease(late) as lease, pytest.raises(LeaseLost):
        run_import(lease)
    assert upload.verdicts.get().code == "of-the-other-worker"


def test_a_retry_by_sending_again_puts_back_what_the_storage_has_lost(clinician: User, tmp_path: Path) -> None:
    bad = tmp_path / "notes.dcm"
    bad.write_text("these are notes")
    upload = send(clinician, bad)
    default_storage.delete(upload.files.get().staged)
    again = send(clinician, bad)
    assert again.pk == upload.pk
    assert again.run.error_code == "nothing-imported", again.run.error_message
    assert default_storage.exists(again.files.get().staged)


def test_pictures_in_another_order_or_other_folders_are_another_upload(clinician: User, tmp_path: Path) -> None:
    def sent(*names: str) -> Upload:
        files = []
        for number, name in enumerate(names):
            path = tmp_path / str(number)
            path.write_bytes(b"picture %d" % number)
            files.append(IncomingFile.from_path(path, name))
        return upload_create(institution=clinician.memberships.get().institution, actor=clinician, files=files)[0]

    first = sent("ct/1.png", "ct/2.png")
    assert sent("ct/1.png", "ct/2.png") == first
    assert sent("renamed/1.png", "renamed/2.png") == first
    assert sent("ct/2.png", "ct/1.png") != first
    assert sent("a/1.png", "b/2.png") != first


def test_an_upload_asks_for_a_segmentation_when_a_model_is_active(clinician: User, tmp_path: Path) -> None:
    factories.active_version()
    path = nifti(tmp_path)
    upload, is_new = upload_create(
        institution=clinician.memberships.get().institution,
        actor=clinician,
        files=[IncomingFile.from_path(path, path.name)],
    )
    assert is_new
    execute(ImportRun, upload.run.pk, run_import)
    run = InferenceRun.objects.get()
    assert run.series == Series.objects.get()
    assert run.requested_by == clinician


def test_nothing_and_empty_files_are_refused_before_anything_is_kept(clinician: User, tmp_path: Path) -> None:
    empty = tmp_path / "empty.dcm"
    empty.touch()
    with pytest.raises(NothingToImport):
        send(clinician)
    with pytest.raises(EmptyFile):
        send(clinician, empty)
    assert not Upload.objects.exists()


@pytest.mark.parametrize(("roles", "error"), [(["institution_admin"], Forbidden), (["clinician"], NotFound)])
def test_only_those_who_may_upload_there_can(
    roles: list[str], error: type[Exception], tmp_path: Path, clinician: User
) -> None:
    place = clinician.memberships.get().institution
    other = factories.user(*roles, institution=place if error is Forbidden else None)
    with pytest.raises(error):
        upload_create(institution=place, actor=other, files=[IncomingFile.from_path(nifti(tmp_path), "ct.nii.gz")])
