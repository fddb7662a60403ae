"""Known files sent again are said at once, with their case and what differs, by page and REST, of whatever kind."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.test import Client
from PIL import Image

from accounts.models import User
from cases.intake.worker import run_import
from cases.models import Annotation, Case, ImportRun, Series, Upload
from spineml.phantom import spine_phantom, write_dicom_series, write_nifti
from spineplatform.shared.lease import execute
from tests import factories
from tests.api_client import api

pytestmark = pytest.mark.django_db(transaction=True)
SMALL = {"shape": (4, 64, 64), "spacing": (3.0, 2.0, 2.0)}


@pytest.fixture
def clinician() -> User:
    return factories.user("clinician")


def kinds(kind: str, folder: Path) -> list[Path]:
    """The files of one CT, as they may be sent."""
    volume, _ = spine_phantom(seed=3, **SMALL)
    if kind == "nifti":
        write_nifti(volume, folder / "ct.nii.gz")
        return [folder / "ct.nii.gz"]
    if kind == "nrrd":
        return [nrrd(folder / "ct.nrrd", volume.hu)]
    if kind.startswith("dicom"):
        files = write_dicom_series(volume, folder / "ct")
    else:
        values = np.random.default_rng(1).integers(0, 255, (3, 16, 16), np.uint8)
        files = [folder / f"s{n}.png" for n in range(3)]
        for path, picture in zip(files, values, strict=True):
            Image.fromarray(picture).save(path)
    return [zipped(folder / "ct.zip", files)] if kind.endswith("zip") else files


def nrrd(path: Path, hu: np.ndarray) -> Path:
    sizes = " ".join(map(str, hu.shape[::-1]))
    header = f"NRRD0004\ntype: short\ndimension: 3\nsizes: {sizes}\nendian: little\nencoding: raw\nspacings: 2 2 3\n\n"
    path.write_bytes(header.encode() + np.ascontiguousarray(hu, "<i2").tobytes())
    return path


def zipped(path: Path, files: list[Path]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for file in files:
            archive.write(file, file.name)
    return path


def post(user: User, files: list[Path], **fields: Any) -> Any:
    """Sent by REST and imported; the answer is that of the POST."""
    handles = [io.BytesIO(path.read_bytes()) for path in files]
    for handle, path in zip(handles, files, strict=True):
        handle.name = path.name
    answer = api(user).post("/api/v1/uploads/", {"files": handles, "segment": "false", **fields}, format="multipart")
    assert answer.status_code in (200, 201), answer.content
    run = Upload.objects.get(pk=answer.json()["id"]).run
    if run.state == "queued":
        execute(ImportRun, run.pk, run_import)
    return answer


def page(user: User, address: str) -> str:
    client = Client()
    client.force_login(user)
    return " ".join(client.get(address).content.decode().split())


EVERY_KIND = ["dicom", "dicom-zip", "nifti", "nrrd", "png", "png-zip"]


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_the_same_files_again_answer_at_once_with_their_case(clinician: User, tmp_path: Path, kind: str) -> None:
    files = kinds(kind, tmp_path)
    first = post(clinician, files)
    assert (first.status_code, first.json()["known"]) == (201, "")
    case = Case.objects.get()
    again = post(clinician, files)
    assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])
    assert again.json()["known"] == f"These files were sent before and are in the case “{case.title}”."


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_with_another_title_they_are_said_at_once_and_the_title_is_not_dropped_in_silence(
    clinician: User, tmp_path: Path, kind: str
) -> None:
    files = kinds(kind, tmp_path)
    post(clinician, files, title="First")
    case = Case.objects.get()
    again = post(clinician, files, title="Second look")
    assert again.status_code == 201
    known = again.json()["known"]
    assert f"These files were sent before and are in the case “{case.title}”." in known
    assert "Now they come with another title." in known
    assert "keeps its title" in known
    assert (Case.objects.count(), Series.objects.count()) == (1, 1)
    answer = api(clinician).get(again.json()["url"]).json()
    assert {one["code"] for one in answer["verdicts"]} == {"duplicate"}
    assert "already in the case “First”" in answer["verdicts"][0]["reason"]
    assert "The title “Second look” was not used: the case keeps the title “First”." in answer["verdicts"][0]["reason"]
    shown = page(clinician, answer["page"])
    assert "These files were sent before" in shown
    assert "was not used" in shown
    assert Upload.objects.get(pk=answer["id"]).run.result_url() == answer["page"]  # not the case, which says nothing


def test_the_page_says_it_before_the_import_has_begun(clinician: User, tmp_path: Path) -> None:
    (file,) = kinds("nifti", tmp_path)
    post(clinician, [file], title="First")
    client = Client()
    client.force_login(clinician)
    institution = clinician.memberships.get().institution
    for title, words in (("Other", "Now they come with another title"), ("First", "are in the case “First”")):
        with file.open("rb") as handle:
            form = {"files": handle, "institution": str(institution.pk), "title": title, "stack_images": "on"}
            shown = client.post("/cases/upload/", form, follow=True).content.decode()
        assert words in " ".join(shown.split())


def test_with_another_spacing_it_is_said_what_differs(clinician: User, tmp_path: Path) -> None:
    files = kinds("png", tmp_path)
    post(clinician, files)
    again = post(clinician, files, pixel_spacing_mm="0.7", slice_spacing_mm="3")
    assert "another pixel size, another distance of the slices" in again.json()["known"]
    assert Series.objects.count() == 2


def test_some_known_files_among_new_ones_are_counted(clinician: User, tmp_path: Path) -> None:
    (file,) = kinds("nifti", tmp_path)
    post(clinician, [file])
    volume, _ = spine_phantom(seed=9, **SMALL)
    write_nifti(volume, tmp_path / "new.nii.gz")
    answer = post(clinician, [file, tmp_path / "new.nii.gz"], title="Two")
    assert answer.json()["known"].startswith("1 of 2 files were sent before and are in the case")
    reasons = {one.name: str(one.reason) for one in Upload.objects.get(pk=answer.json()["id"]).verdicts.all()}
    assert "already in the case" in reasons["ct.nii.gz"]
    assert reasons["new.nii.gz"] == ""


def test_the_same_images_in_another_container_are_said_after_the_import_with_what_differs(
    clinician: User, tmp_path: Path
) -> None:
    folder = kinds("dicom", tmp_path)
    post(clinician, folder, title="Folder")
    answer = post(clinician, [zipped(tmp_path / "ct.zip", folder)], title="Zip")
    assert answer.json()["known"] == ""
    reasons = {str(one.reason) for one in Upload.objects.get(pk=answer.json()["id"]).verdicts.all()}
    assert len(reasons) == 1
    assert "already in the case “Folder”" in reasons.copy().pop()
    assert "The title “Zip” was not used" in reasons.pop()


def test_a_new_series_of_a_known_study_says_that_its_title_is_not_used(clinician: User, tmp_path: Path) -> None:
    sent = []
    for name in ("1", "2"):
        volume, _ = spine_phantom(seed=int(name), **SMALL)
        study = {"StudyInstanceUID": "2.25.77"}
        sent.append(write_dicom_series(volume, tmp_path / name, series=name, overrides=study))
    post(clinician, sent[0], title="First")
    answer = post(clinician, sent[1], title="Second")
    assert (Case.objects.count(), Series.objects.count()) == (1, 2)
    verdicts = Upload.objects.get(pk=answer.json()["id"]).verdicts.all()
    assert {one.code for one in verdicts} == {"title-unused"}
    assert "the case keeps the title “First”" in str(verdicts[0].reason)


def test_another_institution_is_told_nothing(clinician: User, tmp_path: Path) -> None:
    files = kinds("nifti", tmp_path)
    post(clinician, files, title="Ours")
    assert post(factories.user("clinician"), files).json()["known"] == ""


def test_an_upload_that_failed_before_is_not_called_known(clinician: User, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("no CT")
    post(clinician, [path])
    assert post(clinician, [path], title="Again").json()["known"] == ""


def test_the_same_mask_again_names_the_one_that_is_there_by_page_and_by_rest(tmp_path: Path) -> None:
    series = factories.series()
    annotator = factories.user("annotator", institution=series.institution)
    np.save(tmp_path / "mask.npy", factories.labels(series.geometry))
    address = f"/api/v1/series/{series.pk}/masks/"

    def send(label: str) -> Any:
        with (tmp_path / "mask.npy").open("rb") as handle:
            return api(annotator).post(address, {"files": handle, "label": label}, format="multipart")

    assert send("By hand").status_code == 201
    again = send("Second look")
    assert again.status_code == 409
    assert "on this series already, as “By hand”" in again.json()["detail"]
    assert "The label “Second look” was not taken." in again.json()["detail"]
    assert again.json()["annotation"] == str(Annotation.objects.get().pk)
    client = Client()
    client.force_login(annotator)
    with (tmp_path / "mask.npy").open("rb") as handle:
        shown = client.post(f"/series/{series.pk}/masks/upload/", {"files": handle, "label": "Third"})
    assert shown.status_code == 400
    assert "as “By hand”" in shown.content.decode()
    assert Annotation.objects.count() == 1
