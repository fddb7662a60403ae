"""What is kept of an import: no patient's name, every series of a file, and what was put right by sending it again."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from django.test import Client
from PIL import Image

from accounts.models import User
from cases.models import Case, Series, Upload
from spineplatform.shared.runs import RunState
from spineplatform.shared.storage import local_path
from tests import factories
from tests.api_client import api
from tests.cases.test_import import send
from tests.spineml.ct_files import slice_hu, steps, write_ct

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def clinician() -> User:
    return factories.user("clinician")


def zipped(path: Path, root: Path, prefix: str = "") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(root.rglob("*.dcm")):
            archive.write(file, f"{prefix}{file.relative_to(root)}")
    return path


def nifti(path: Path, spacing: tuple[float, float, float]) -> Path:
    hu = np.stack([slice_hu(float(z)) for z in range(5)]).transpose(2, 1, 0)
    image: Any = nib.Nifti1Image
    made = image(hu, np.diag([*spacing, 1.0]))
    made.header.set_xyzt_units("mm")
    nib.save(made, path)
    return path


def pictures(folder: Path) -> list[Path]:
    folder.mkdir()
    values = np.random.default_rng(1).integers(0, 255, (3, 16, 16), np.uint8)
    paths = []
    for number, picture in enumerate(values):
        path = folder / f"s{number}.png"
        Image.fromarray(picture).save(path)
        paths.append(path)
    return paths


# --- sent again -------------------------------------------------------------------------------------------------------
def test_pictures_sent_again_with_their_spacing_are_a_series_with_it(clinician: User, tmp_path: Path) -> None:
    paths = pictures(tmp_path / "png")
    send(clinician, *paths)
    again = send(clinician, *paths, pixel_spacing_mm=(0.7, 0.7), slice_spacing_mm=3.0)
    first, second = Series.objects.order_by("created_at")
    assert first.geometry.spacing_known is False
    assert (second.geometry.spacing, second.geometry.spacing_known) == ((3.0, 0.7, 0.7), True)
    assert second.case == first.case
    assert {verdict.status for verdict in again.verdicts.all()} == {"warning"}
    assert all("no known spacing" in verdict.reason for verdict in again.verdicts.all())


def test_pictures_sent_again_without_the_spacing_that_is_known_are_duplicates(clinician: User, tmp_path: Path) -> None:
    paths = pictures(tmp_path / "png")
    send(clinician, *paths, pixel_spacing_mm=(0.7, 0.7), slice_spacing_mm=3.0)
    again = send(clinician, *paths)
    assert Series.objects.count() == 1
    assert {verdict.code for verdict in again.verdicts.all()} == {"duplicate"}


def test_a_header_that_was_put_right_is_taken_over(clinician: User, tmp_path: Path) -> None:
    send(clinician, nifti(tmp_path / "wrong.nii", (1, 1, 1)))
    again = send(clinician, nifti(tmp_path / "right.nii", (0.8, 0.8, 2)))
    wrong, right = Series.objects.order_by("created_at")
    assert right.geometry.spacing == pytest.approx((2, 0.8, 0.8))
    assert right.case == wrong.case
    assert "1 x 1 x 1 mm" in again.verdicts.get().reason
    assert again.verdicts.get().code == "same-values"
    third = send(clinician, nifti(tmp_path / "third.nii", (0.8, 0.8, 2)), title="Again")
    assert third.verdicts.get().code == "duplicate"
    assert Series.objects.count() == 2


@pytest.mark.parametrize("wrong", ["WRONG", ""])
def test_a_patient_who_was_put_right_is_another_case(clinician: User, tmp_path: Path, wrong: str) -> None:
    for patient in (wrong, "RIGHT"):
        write_ct(tmp_path / f"x{patient}", steps(4), PatientID=patient)
        last = send(clinician, zipped(tmp_path / f"ct{patient}.zip", tmp_path / f"x{patient}"))
    one, other = Case.objects.order_by("created_at")
    assert one.patient != other.patient
    assert {verdict.series.case for verdict in last.verdicts.all() if verdict.series} == {other}
    assert all("another patient" in verdict.reason for verdict in last.verdicts.all())


def test_a_tilted_series_with_the_values_of_an_untilted_one_keeps_its_tilt(clinician: User, tmp_path: Path) -> None:
    for name, turned in (("a", [1, 0, 0, 0, 1, 0]), ("b", [1, 0, 0, 0, 0.9659, -0.2588])):
        write_ct(tmp_path / name, steps(4), ImageOrientationPatient=turned)
        send(clinician, zipped(tmp_path / f"{name}.zip", tmp_path / name))
    flat, tilted = Series.objects.order_by("created_at")
    assert (flat.meta["gantry_tilt_deg"], tilted.meta["gantry_tilt_deg"]) == (0.0, pytest.approx(15.0, abs=0.1))


def test_the_same_series_under_new_identifiers_is_a_duplicate(clinician: User, tmp_path: Path) -> None:
    for uid in ("2.25.5", "2.25.6"):
        write_ct(tmp_path / uid, steps(4), SeriesInstanceUID=uid, StudyInstanceUID=f"{uid}.1")
        last = send(clinician, zipped(tmp_path / f"{uid}.zip", tmp_path / uid))
    assert Series.objects.count() == 1
    assert {verdict.code for verdict in last.verdicts.all()} == {"duplicate"}


def test_two_patients_with_the_same_values_in_one_upload_are_two_cases(clinician: User, tmp_path: Path) -> None:
    for patient in ("A", "B"):
        write_ct(tmp_path / "x" / patient, steps(4), PatientID=patient)
    send(clinician, zipped(tmp_path / "both.zip", tmp_path / "x"))
    assert Case.objects.count() == Series.objects.count() == 2
    assert len(set(Case.objects.values_list("patient", flat=True))) == 2


# --- every series of a file -------------------------------------------------------------------------------------------
def test_a_file_of_several_series_links_to_all_of_them(clinician: User, tmp_path: Path) -> None:
    from tests.spineml.test_dicom_odd import two_stacks_in_one_file

    upload = send(clinician, two_stacks_in_one_file(tmp_path / "enhanced.dcm"))
    assert upload.run.state == RunState.SUCCEEDED, upload.run.error_message
    verdict = upload.verdicts.get()
    assert set(verdict.all_series.all()) == set(Series.objects.all())
    assert Series.objects.count() == 2
    assert verdict.series in verdict.all_series.all()
    body = api(clinician).get(f"/api/v1/uploads/{upload.pk}/").json()
    assert sorted(body["verdicts"][0]["all_series"]) == sorted(str(series.pk) for series in Series.objects.all())
    browser = Client()
    browser.force_login(clinician)
    page = browser.get(upload.get_absolute_url()).content.decode()
    assert all(series.get_absolute_url() in page for series in Series.objects.all())


# --- names ------------------------------------------------------------------------------------------------------------
def everything_kept(upload: Upload) -> str:
    """All texts that an import leaves in the database, and the names inside its archive of originals."""
    kept: list[Any] = [upload.title, upload.run.error_message, upload.run.progress_message]
    kept += upload.files.values_list("name", flat=True)
    kept += [[verdict.name, str(verdict.reason)] for verdict in upload.verdicts.all()]
    kept += Case.objects.values_list("title", flat=True)
    for series in Series.objects.all():
        kept += [series.description, series.meta, series.warnings]
        with zipfile.ZipFile(local_path(series.originals)) as archive:
            kept += archive.namelist()
            kept += [archive.read(name).decode("latin-1") for name in archive.namelist()]
            kept += [archive.read(name).decode("utf-8", "ignore") for name in archive.namelist()]
    return json.dumps(kept, ensure_ascii=False, default=str).casefold()


NAMES = [
    ("김^철수", "김철수 허리 CT", ["철수"]),
    ("김^철수", "철수", ["철수"]),
    ("김^철수", "수철 김 / 철수 김", ["철수 김"]),
    ("김철수", "L-SPINE 철수", ["철수"]),
    ("김^수", "김수 요추", ["김수"]),
    ("김^수", "환자 수 CT", [" 수 "]),
    ("Hong^Gildong=洪^吉洞=홍^길동", "L-SPINE 길동", ["길동", "吉洞", "gildong"]),
    ("Hong^Gildong=洪^吉洞=홍^길동", "洪吉洞", ["吉洞"]),
    ("Hong^Gildong=洪^吉洞=홍^길동", "Gil-Dong Hong spine", ["gil-dong", "hong"]),
    ("Kim^Chulsoo", "김철수 허리", ["김철수"]),
    ("Li^Wu", "Wu Li spine", ["wu li", "wu"]),
    ("Müller^Jörg", "Mueller spine MÜLLER", ["müller"]),
]


@pytest.mark.parametrize(("name", "description", "gone"), NAMES)
def test_no_part_of_the_name_stays_in_what_is_kept(
    clinician: User, tmp_path: Path, name: str, description: str, gone: list[str]
) -> None:
    values = {"PatientName": name, "SeriesDescription": description, "ManufacturerModelName": description[:64]}
    write_ct(tmp_path / "x", steps(3), PatientID="98765432", OtherPatientIDs="HX-55512", **values)
    last = name.rsplit("=", maxsplit=1)[-1].replace("^", " ")
    upload = send(
        clinician,
        zipped(tmp_path / "sent.zip", tmp_path / "x", f"98765432 {last}/HX-55512/{description.replace('/', ' ')}/"),
        title=f"Spine of {last}",
    )
    assert upload.run.state == RunState.SUCCEEDED, upload.run.error_message
    kept = everything_kept(Upload.objects.get(pk=upload.pk))
    assert [secret for secret in (*gone, "98765432", "hx-55512") if secret in kept] == []
    assert sorted(verdict.name.rpartition("/")[2] for verdict in upload.verdicts.all()) == [
        "im0001.dcm",
        "im0002.dcm",
        "im0003.dcm",
    ]


def test_an_archive_that_holds_no_dicom_keeps_no_folder_of_number_and_name(clinician: User, tmp_path: Path) -> None:
    path = tmp_path / "archive.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(nifti(tmp_path / "a.nii", (1, 1, 1)), "98765432 김철수/CT Spine/a.nii")
        archive.writestr("12345678_PARK_MINSU/notes.nii", b"nothing")
    upload = send(clinician, path)
    names = sorted(upload.verdicts.values_list("name", flat=True))
    assert names == ["archive.zip/…/CT Spine/a.nii", "archive.zip/…/notes.nii"]


def test_names_are_gone_from_the_verdicts_on_a_refused_upload(clinician: User, tmp_path: Path) -> None:
    of_mr = {"Modality": "MR", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.4"}
    write_ct(tmp_path / "x", steps(2), PatientID="98765432", PatientName="Kim^Chulsoo", **of_mr)
    upload = send(clinician, zipped(tmp_path / "sent.zip", tmp_path / "x", "chulsoo/98765432/"))
    assert upload.run.state == RunState.FAILED
    kept = f"{upload.run.error_message} {[f'{verdict.name} {verdict.reason}' for verdict in upload.verdicts.all()]}"
    assert "chulsoo" not in kept.casefold()
    assert "98765432" not in kept


def test_values_that_are_no_hounsfield_units_are_said_of_the_series_and_of_its_files(
    clinician: User, tmp_path: Path
) -> None:
    """Signed values: only the pixels show that none is below 0."""
    write_ct(tmp_path / "x", steps(3), RescaleIntercept="0", PixelRepresentation=1)
    upload = send(clinician, zipped(tmp_path / "sent.zip", tmp_path / "x"))
    assert any("Hounsfield" in str(warning) for warning in Series.objects.get().warnings)
    assert all("Hounsfield" in verdict.reason for verdict in upload.verdicts.all())
    assert {verdict.status for verdict in upload.verdicts.all()} == {"warning"}
