"""Images that are sent with their masks: patients, masks, signatures and splits, and what is said of each file."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from accounts.models import Role, User
from cases.intake.uploads import IncomingFile, PairOptions, PatientRule, SplitWish, UploadOptions, upload_create
from cases.intake.worker import run_import
from cases.models import Annotation, ImportRun, Patient, Review, Series, Upload
from inference.models import InferenceRun
from spineml.volumes.canonical_file import read_mask
from spineplatform.shared.errors import Forbidden
from spineplatform.shared.lease import execute
from spineplatform.shared.runs import RunState
from spineplatform.shared.storage import local_path
from tests import factories
from tests.api_client import api
from training.models import PatientSplit

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sender() -> User:
    return factories.user(Role.ANNOTATOR, Role.MODEL_ADMIN)


def picture(path: Path, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (16, 20), np.uint8)).save(path)
    return path


def mask(path: Path, column: int = 5, shape: tuple[int, int] = (16, 20)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.zeros(shape, np.uint8)
    pixels[4:8, column : column + 3] = 255
    Image.fromarray(pixels).save(path)
    return path


def folder_of(root: Path, names: list[str]) -> list[Path]:
    """``images/<name>.png`` and ``masks/<name>.png``."""
    paths = []
    for number, name in enumerate(names):
        paths += [picture(root / "images" / f"{name}.png", number), mask(root / "masks" / f"{name}.png", number + 1)]
    return paths


def send(sender: User, root: Path, paths: list[Path], title: str = "", **options: Any) -> Upload:
    """Upload copies of the files as a folder and import them, as a worker would."""
    files = []
    for number, path in enumerate(paths):
        copy = root / f"sent{number}"
        shutil.copyfile(path, copy)
        files.append(IncomingFile.from_path(copy, str(path.relative_to(root))))
    place = sender.memberships.first().institution  # type: ignore[union-attr]
    wished = UploadOptions(title=title, pairs=PairOptions(**options))
    upload, _ = upload_create(institution=place, actor=sender, files=files, options=wished)
    execute(ImportRun, upload.run.pk, run_import)
    upload.run.refresh_from_db()
    return upload


def verdicts(upload: Upload) -> dict[str, tuple[str, str]]:
    return {verdict.name: (verdict.status, verdict.code) for verdict in upload.verdicts.all()}


def test_each_image_becomes_a_series_with_its_mask_and_nothing_is_segmented(sender: User, tmp_path: Path) -> None:
    upload = send(sender, tmp_path, folder_of(tmp_path, ["a", "b"]))
    assert (upload.run.state, upload.run.error_message) == (RunState.SUCCEEDED, "")
    assert verdicts(upload) == {
        "images/a.png": ("warning", "picture"),
        "images/b.png": ("warning", "picture"),
        "masks/a.png": ("imported", "mask"),
        "masks/b.png": ("imported", "mask"),
    }
    assert (Series.objects.count(), Patient.objects.count(), InferenceRun.objects.count()) == (2, 2, 0)
    for annotation in Annotation.objects.all():
        assert (annotation.author, annotation.source, annotation.voxels) == (sender, "upload", 12)
        assert read_mask(local_path(annotation.mask)).labels.sum() == 12
    assert not Review.objects.exists()
    assert {verdict.series for verdict in upload.verdicts.all()} == set(Series.objects.all())


def test_a_beginning_makes_one_patient_with_one_case_of_many_series(sender: User, tmp_path: Path) -> None:
    paths = folder_of(tmp_path, ["p1_1", "p1_2", "p2_1"])
    send(sender, tmp_path, paths, title="Busan", patients=PatientRule.PREFIX)
    assert sorted(patient.cases.get().series.count() for patient in Patient.objects.all()) == [1, 2]
    more = [picture(tmp_path / "images/p1_9.png", 99), mask(tmp_path / "masks/p1_9.png")]
    send(sender, tmp_path, more, title="Busan", patients=PatientRule.PREFIX)
    assert Patient.objects.count() == 2
    other = [picture(tmp_path / "images/p1_10.png", 100), mask(tmp_path / "masks/p1_10.png")]
    send(sender, tmp_path, other, title="Seoul", patients=PatientRule.PREFIX)
    assert Patient.objects.count() == 3, "the same beginning in another collection is somebody else"


def test_masks_are_signed_and_patients_get_their_split(sender: User, tmp_path: Path) -> None:
    paths = folder_of(tmp_path, ["p1_1", "p1_2", "p2_1"])
    send(sender, tmp_path, paths, patients=PatientRule.PREFIX, split=SplitWish.TEST, approve=True)
    assert Review.objects.filter(verdict="approved", for_training=True, reader=sender).count() == 3
    rows = PatientSplit.objects.all()
    assert {(row.split, row.origin, row.reason) for row in rows} == {("test", "by-hand", "Set at import.")}
    assert {row.patient for row in rows} == set(Patient.objects.all())


def test_a_case_with_another_series_that_nobody_signed_stays_open(sender: User, tmp_path: Path) -> None:
    options = {"title": "Busan", "patients": PatientRule.PREFIX}
    send(sender, tmp_path, folder_of(tmp_path, ["p1_1"]), **options)
    more = [picture(tmp_path / "images/p1_2.png", 5), mask(tmp_path / "masks/p1_2.png")]
    send(sender, tmp_path, more, **options, approve=True)
    assert Patient.objects.get().cases.get().state == "in-review"
    send(sender, tmp_path, folder_of(tmp_path, ["p1_1"]), **options, approve=True)
    assert Patient.objects.get().cases.get().state == "approved"


def test_splits_are_drawn_if_wished(sender: User, tmp_path: Path) -> None:
    send(sender, tmp_path, folder_of(tmp_path, list("abcd")), split=SplitWish.DRAW)
    assert [row.origin for row in PatientSplit.objects.all()] == ["drawn"] * 4


def test_a_table_goes_before_the_wish(sender: User, tmp_path: Path) -> None:
    table = tmp_path / "patients.csv"
    table.write_text("name,patient,split\na.png,P1,test\nb.png,P2,\n")
    paths = [*folder_of(tmp_path, ["a", "b"]), table]
    send(sender, tmp_path, paths, patients=PatientRule.TABLE, split=SplitWish.TRAIN)
    assert sorted(PatientSplit.objects.values_list("split", flat=True)) == ["test", "train"]


def test_a_split_that_was_decided_before_stays_and_is_told(sender: User, tmp_path: Path) -> None:
    options = {"title": "Busan", "patients": PatientRule.PREFIX}
    send(sender, tmp_path, folder_of(tmp_path, ["p1_1"]), **options, split=SplitWish.TEST)
    more = [picture(tmp_path / "images/p1_2.png", 5), mask(tmp_path / "masks/p1_2.png")]
    upload = send(sender, tmp_path, more, **options, split=SplitWish.TRAIN)
    assert verdicts(upload)["masks/p1_2.png"] == ("warning", "split-kept")
    assert PatientSplit.objects.get().split == "test"


def test_what_does_not_fit_is_told_and_spoils_nothing_else(sender: User, tmp_path: Path) -> None:
    paths = [
        *folder_of(tmp_path, ["good"]),
        picture(tmp_path / "images/wide.png", 7),
        mask(tmp_path / "masks/wide.png", shape=(8, 8)),
        picture(tmp_path / "images/lonely.png", 8),
    ]
    damaged = tmp_path / "images/damaged.png"
    damaged.write_bytes(picture(tmp_path / "images/whole.png", 9).read_bytes()[:60])
    upload = send(sender, tmp_path, [*paths, damaged, mask(tmp_path / "masks/damaged.png")])
    assert (upload.run.state, Series.objects.count(), Annotation.objects.count()) == (RunState.SUCCEEDED, 1, 1)
    found = verdicts(upload)
    assert found["images/wide.png"] == ("rejected", "mask-rejected")
    assert found["masks/wide.png"][0] == "rejected"
    assert found["images/lonely.png"] == ("rejected", "no-mask")
    assert found["images/damaged.png"][0] == "rejected"
    assert found["masks/damaged.png"] == ("rejected", "no-image")


def test_an_empty_mask_is_taken(sender: User, tmp_path: Path) -> None:
    nothing = tmp_path / "masks/a.png"
    nothing.parent.mkdir()
    Image.fromarray(np.zeros((16, 20), np.uint8)).save(nothing)
    send(sender, tmp_path, [picture(tmp_path / "images/a.png", 1), nothing])
    assert Annotation.objects.get().voxels == 0


def test_a_mask_for_an_image_that_is_there_is_added_to_it_once(sender: User, tmp_path: Path) -> None:
    send(sender, tmp_path, folder_of(tmp_path, ["a"]), title="First")
    send(sender, tmp_path, folder_of(tmp_path, ["a"]), title="Second")
    assert (Series.objects.count(), Annotation.objects.count()) == (1, 1)


def test_a_wrong_table_ends_the_import_with_the_line(sender: User, tmp_path: Path) -> None:
    table = tmp_path / "patients.csv"
    table.write_text("name,patient\na.png,\n")
    upload = send(sender, tmp_path, [*folder_of(tmp_path, ["a"]), table], patients=PatientRule.TABLE)
    assert (upload.run.state, upload.run.error_code) == (RunState.FAILED, "bad-table")
    assert "Line 2" in upload.run.error_message


def test_only_model_admins_sign_or_decide_at_import(tmp_path: Path) -> None:
    annotator = factories.user(Role.ANNOTATOR)
    paths = folder_of(tmp_path, ["a"])
    for options in ({"approve": True}, {"split": SplitWish.TRAIN}, {"patients": PatientRule.TABLE}):
        with pytest.raises(Forbidden):
            send(annotator, tmp_path, paths, **options)
    assert send(annotator, tmp_path, paths).run.state == RunState.SUCCEEDED
    with pytest.raises(Forbidden):
        send(factories.user(Role.CLINICIAN), tmp_path, paths)


# --- public sets ------------------------------------------------------------------------------------------------------
def nifti(path: Path, values: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(values, np.diag([-0.8, -0.8, 2.0, 1.0])), path)
    return path


def ct_of(path: Path) -> Path:
    return nifti(path, np.random.default_rng(0).integers(-1000, 900, (12, 16, 4)).astype(np.int16))


def label_map(path: Path, values: tuple[int, ...] = (20, 21, 22)) -> Path:
    labels = np.zeros((12, 16, 4), np.uint8)
    for place, value in enumerate(values):
        labels[3:6, 2 + place * 3 : 4 + place * 3, 1:3] = value
    return nifti(path, labels)


def test_a_folder_of_verse_is_a_series_with_its_mask(sender: User, tmp_path: Path) -> None:
    image = ct_of(tmp_path / "rawdata/sub-verse9/sub-verse9_ct.nii.gz")
    labels = label_map(tmp_path / "derivatives/sub-verse9/sub-verse9_seg-vert_msk.nii.gz")
    centres = tmp_path / "derivatives/sub-verse9/sub-verse9_seg-vb_ctd.json"
    centres.write_text("{}")
    upload = send(sender, tmp_path, [image, labels, centres])
    assert upload.run.state == RunState.SUCCEEDED
    assert verdicts(upload)[str(centres.relative_to(tmp_path))] == ("skipped", "not-an-image")
    assert (Series.objects.count(), Annotation.objects.get().voxels) == (1, 36)


def test_a_folder_of_nnunet_is_a_series_with_its_mask(sender: User, tmp_path: Path) -> None:
    image = ct_of(tmp_path / "D1/imagesTr/spine_001_0000.nii.gz")
    labels = label_map(tmp_path / "D1/labelsTr/spine_001.nii.gz", (1,))
    description = tmp_path / "D1/dataset.json"
    description.write_text("{}")
    send(sender, tmp_path, [image, labels, description])
    assert (Series.objects.count(), Annotation.objects.get().voxels) == (1, 12)


def test_a_folder_of_totalsegmentator_is_a_series_with_the_bones_of_the_spine(sender: User, tmp_path: Path) -> None:
    folder = tmp_path / "s0001"
    bones = [label_map(folder / f"segmentations/{bone}.nii.gz", (1,)) for bone in ("sacrum", "vertebrae_L5")]
    empty = nifti(folder / "segmentations/vertebrae_C1.nii.gz", np.zeros((12, 16, 4), np.uint8))
    liver = label_map(folder / "segmentations/liver.nii.gz", (1, 1, 1))
    upload = send(sender, tmp_path, [ct_of(folder / "ct.nii.gz"), *bones, empty, liver])
    assert (Series.objects.count(), Annotation.objects.get().voxels) == (1, 12)
    codes = {name.rpartition("/")[2]: code for name, (_, code) in verdicts(upload).items()}
    assert codes["liver.nii.gz"] == "other-mask"
    assert codes["sacrum.nii.gz"] == codes["vertebrae_C1.nii.gz"] == "mask"


def test_a_label_map_is_taken_when_asked_for_and_the_choice_is_told(sender: User, tmp_path: Path) -> None:
    paths = [ct_of(tmp_path / "a.nii.gz"), label_map(tmp_path / "a_seg.nii.gz")]
    upload = send(sender, tmp_path, paths)
    assert upload.run.state == RunState.FAILED
    image, mask_verdict = (upload.verdicts.get(name=path.name) for path in paths)
    assert mask_verdict.code == "mask-too-many-values"
    assert "treat all non-zero labels as spine" in str(image.reason)
    send(sender, tmp_path, paths, every_label=True)
    assert Annotation.objects.get().voxels == 36


# --- through the doors ------------------------------------------------------------------------------------------------
def test_pairs_are_sent_by_rest(sender: User, tmp_path: Path) -> None:
    paths = folder_of(tmp_path, ["p1_1"])
    body = {
        "files": [SimpleUploadedFile(path.name, path.read_bytes()) for path in paths],
        "paths": [str(path.relative_to(tmp_path)) for path in paths],
        "pairs": True,
        "patients": "prefix",
        "split": "test",
        "approve": True,
        "every_label": True,
    }
    response = api(sender).post("/api/v1/uploads/", body, format="multipart")
    assert response.status_code == 201, response.json()
    wished = {"patients": "prefix", "separator": "_", "split": "test", "approve": True, "every_label": True}
    assert response.json()["options"]["pairs"] == wished
    execute(ImportRun, response.json()["run"]["id"], run_import)
    assert PatientSplit.objects.get().split == "test"
    answer = api(sender).get(response["Location"]).json()
    assert {one["name"]: one["code"] for one in answer["verdicts"]} == {
        "images/p1_1.png": "picture",
        "masks/p1_1.png": "mask",
    }


def test_pairs_are_sent_by_the_page(sender: User, tmp_path: Path, client: Client) -> None:
    client.force_login(sender, backend="django.contrib.auth.backends.ModelBackend")
    paths = folder_of(tmp_path, ["a"])
    place = sender.memberships.first().institution  # type: ignore[union-attr]
    body = {
        "institution": place.pk,
        "files": [SimpleUploadedFile(path.name, path.read_bytes()) for path in paths],
        "paths": [str(path.relative_to(tmp_path)) for path in paths],
        "pairs": "on",
        "patients": "each",
        "split": "draw",
    }
    assert client.post("/cases/upload/", body).status_code == 302
    execute(ImportRun, Upload.objects.get().run.pk, run_import)
    assert (Annotation.objects.count(), PatientSplit.objects.count()) == (1, 1)
