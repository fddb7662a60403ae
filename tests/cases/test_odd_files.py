"""The odd files of public bug reports, sent by REST to a running platform: each gives what its README calls right.

The files lie beside the project and not in it; generated relatives of each are in ``tests/spineml``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accounts.models import Role
from accounts.services import token_create
from spineplatform.processes import Processes
from tests import factories
from tests.rest_client import RestClient

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "odd-files"
OPTIONAL = ("acquisition_two_values", "instance_with_letter", "pixel_spacing_one_value", "thickness_two_values")
OPTIONAL += ("thickness_with_unit",)
AREAS = [77, 78, 79, 80, 81, 82, 83, 84, 85, 86]
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not FOLDER.is_dir(), reason="the folder of odd files is not beside the project"),
]
Seen = tuple[int, float, float, int]  # slices, spacing, lowest z, median HU of the tissue


@pytest.fixture
def client(web: str, worker: Processes) -> RestClient:
    user = factories.user(Role.ANNOTATOR, Role.MODEL_ADMIN)
    return RestClient(web, token_create(user=user).token)


def odd(number: str) -> Path:
    (folder,) = FOLDER.glob(f"{number}_*")
    return folder


def truth(number: str, name: str = "truth.npy") -> np.ndarray[Any, Any]:
    return np.array(np.lib.format.open_memmap(odd(number) / name, mode="r"))


def voxels(client: RestClient, detail: Any) -> np.ndarray[Any, Any]:
    series = detail["series"]
    return client.voxels(f"/series/{series['id']}", series["geometry"]["shape"][0])


def seen(client: RestClient, detail: Any) -> Seen:
    """What a reader sees of a series; the tissue is looked at in every slice by itself."""
    geometry = detail["series"]["geometry"]
    tissue = np.median(voxels(client, detail)[:, 20:28, 16:24], axis=(1, 2))
    assert np.ptp(tissue) < 25, f"slices of several images: {tissue}"
    return geometry["shape"][0], round(geometry["spacing"][0], 2), round(geometry["origin"][2], 2), round(tissue.mean())


def near(found: Seen, slices: int, spacing: float, low: float, tissue: int) -> bool:
    return found[:3] == (slices, spacing, low) and abs(found[3] - tissue) < 15


def only(client: RestClient, upload: Any) -> Any:
    (detail,) = client.series_of(upload)
    return detail


def text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def mask_of(client: RestClient, series: str, *paths: Path, **fields: str) -> Any:
    status, body = client.mask(series, *paths, **fields)
    assert status == 201, body
    return body


# --- one volume -------------------------------------------------------------------------------------------------------
def test_01_two_acquisitions_half_a_slice_apart(client: RestClient) -> None:
    details = client.series_of(client.upload(odd("01") / "series.zip"))
    low, high = sorted((seen(client, detail) for detail in details), key=lambda one: one[2])
    assert near(low, 10, 2.0, -100.0, 40)
    assert near(high, 10, 2.0, -99.0, 140)


def test_02_two_patients_under_one_set_of_uids(client: RestClient) -> None:
    upload = client.upload(odd("02") / "both.zip")
    details = client.series_of(upload)
    assert sorted(seen(client, detail)[:3] for detail in details) == [(12, 2.0, -100.0), (12, 2.0, -99.0)]
    patients = [client.get(f"/cases/{case}/")["patient"] for case in upload["cases"]]
    assert len({text(patient) for patient in patients}) == 2


def test_03_two_acquisitions_that_overlap(client: RestClient) -> None:
    details = client.series_of(client.upload(odd("03") / "series.zip"))
    low, high = sorted((seen(client, detail) for detail in details), key=lambda one: one[2])
    assert near(low, 10, 2.0, -100.0, 40)
    assert near(high, 10, 2.0, -92.0, 140)


def test_10_a_frame_of_reference_of_its_own_for_each_file(client: RestClient) -> None:
    assert seen(client, only(client, client.upload(odd("10") / "series.zip")))[:2] == (12, 2.0)


def test_11_multi_frame_ct_with_one_position(client: RestClient) -> None:
    detail = only(client, client.upload(odd("11") / "multiframe.dcm"))
    assert np.array_equal(voxels(client, detail), truth("11"))
    assert detail["series"]["geometry"]["spacing"][0] == 2.0
    assert "were computed from" in text(detail["series"]["warnings"])


@pytest.mark.parametrize(
    ("name", "right"), [("series.zip", "truth.npy"), ("stated_implicit_written_explicit.zip", "truth_2.npy")]
)
def test_12_another_transfer_syntax_than_stated(client: RestClient, name: str, right: str) -> None:
    detail = only(client, client.upload(odd("12") / name))
    assert np.array_equal(voxels(client, detail), truth("12", right))


def test_13_spacing_that_changes(client: RestClient) -> None:
    upload = client.upload(odd("13") / "series.zip")
    details = client.series_of(upload)
    assert sorted(seen(client, detail)[:2] for detail in details) == [(5, 5.0), (7, 2.5)]
    assert "missing" not in text(upload["verdicts"])
    assert all((voxels(client, detail).max(axis=(1, 2)) > -1000).all() for detail in details)


@pytest.mark.parametrize("name", OPTIONAL)
def test_15_an_odd_optional_attribute(client: RestClient, name: str) -> None:
    detail = only(client, client.upload(odd("15") / f"{name}.zip"))
    assert detail["series"]["geometry"]["shape"][0] == 4
    assert detail["series"]["geometry"]["spacing"] == pytest.approx([2.0, 0.8, 0.8])


def test_16_padding_in_the_other_sign(client: RestClient) -> None:
    detail = only(client, client.upload(odd("16") / "series.zip"))
    assert np.array_equal(voxels(client, detail), truth("16"))


def test_17_a_patient_cd_with_its_viewer(client: RestClient) -> None:
    upload = client.upload(odd("17") / "cd.zip")
    assert seen(client, only(client, upload))[0] == 12
    assert len(upload["cases"]) == 1


def test_26_a_position_without_orientation(client: RestClient) -> None:
    detail = only(client, client.upload(odd("26") / "series.zip"))
    assert "orientation" in text(detail["series"]["warnings"])


def test_33_an_intercept_that_was_lost(client: RestClient) -> None:
    upload = client.upload(odd("33") / "series.zip")
    assert "No value is below 0" in text(only(client, upload)["series"]["warnings"])
    assert "No value is below 0" in text(upload["verdicts"])


def test_38_two_tilted_blocks(client: RestClient) -> None:
    details = client.series_of(client.upload(odd("38") / "series.zip"))
    assert [detail["series"]["geometry"]["shape"][0] for detail in details] == [9, 9]
    stated = json.loads((odd("38") / "positions.json").read_text())
    places = sorted((place for place in _places(stated)), key=lambda place: place[2])
    found = sorted((place for detail in details for place in _corners(detail)), key=lambda place: place[2])
    assert np.allclose(found, places, atol=0.01)


def _places(stated: Any) -> list[list[float]]:
    values = stated.values() if isinstance(stated, dict) else stated
    flat = [one for value in values for one in (value if isinstance(value[0], list) else [value])]
    return [[float(part) for part in place] for place in flat]


def _corners(detail: Any) -> list[list[float]]:
    """Where the first pixel of each slice lies."""
    geometry = detail["series"]["geometry"]
    step = np.array(geometry["direction"]).reshape(3, 3)[:, 2] * geometry["spacing"][0]
    return [list(np.array(geometry["origin"]) + z * step) for z in range(geometry["shape"][0])]


@pytest.mark.parametrize(
    ("number", "name"), [("40", "enhanced.dcm"), ("42", "series.zip"), ("44", "series.zip"), ("46", "slope.nii.gz")]
)
def test_what_was_right_stays_right(client: RestClient, number: str, name: str) -> None:
    detail = only(client, client.upload(odd(number) / name))
    assert np.array_equal(voxels(client, detail), truth(number))


# --- sent again -------------------------------------------------------------------------------------------------------
def test_07a_pictures_with_their_spacing(client: RestClient) -> None:
    paths = sorted((odd("07") / "png").glob("*.png"))
    client.upload(*paths)
    detail = only(client, client.upload(*paths, pixel_spacing_mm=0.7, slice_spacing_mm=3))
    assert detail["series"]["geometry"]["spacing"] == [3, 0.7, 0.7]
    assert detail["series"]["geometry"]["spacing_known"] is True


def test_07b_a_header_put_right(client: RestClient) -> None:
    client.upload(odd("07") / "wrong_header.nii")
    geometry = only(client, client.upload(odd("07") / "right_header.nii"))["series"]["geometry"]
    assert geometry["spacing"] == pytest.approx([2, 0.8, 0.8])
    assert geometry["origin"] == pytest.approx([-16, -19, -100])


def test_07c_a_patient_put_right(client: RestClient) -> None:
    wrong = client.upload(odd("07") / "wrong_patient.zip")
    right = client.upload(odd("07") / "right_patient.zip")
    patients = [client.get(f"/cases/{upload['cases'][0]}/")["patient"] for upload in (wrong, right)]
    assert patients[0] != patients[1]


# --- names ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["name1.zip", "name2.zip"])
def test_08_a_korean_name_in_the_description(client: RestClient, name: str) -> None:
    upload = client.upload(odd("08") / name)
    cases = [client.get(f"/cases/{case}/") for case in upload["cases"]]
    kept = text([upload, only(client, upload), cases])
    assert [part for part in ("철수", "길동", "김철수", "홍길동") if part in kept] == []


def test_21_zips_of_a_korean_windows(client: RestClient) -> None:
    upload = client.upload(odd("21") / "dicom_cp949.zip")
    assert "요추 CT/IM0001.dcm" in text(upload["verdicts"])
    pairs = client.upload(odd("21") / "pairs_cp949.zip", pairs="true", patients="table")
    assert len(pairs["cases"]) == 2


@pytest.mark.parametrize(
    "name", ["iso2022_ir149_escape", "iso2022_ir149_single", "iso_ir_149_misspelt", "no_character_set", "utf8"]
)
def test_35_korean_character_sets(client: RestClient, name: str) -> None:
    assert only(client, client.upload(odd("35") / f"{name}.zip"))["series"]["description"] == "허리 CT"


def test_36_a_name_in_the_path(client: RestClient) -> None:
    kept = text(client.upload(odd("36") / "orthanc.zip"))
    assert "철수" not in kept
    assert "98765432" not in kept
    assert "IM0001.dcm" in kept


# --- archives and headers ---------------------------------------------------------------------------------------------
def test_19_a_header_with_a_path_of_its_own(client: RestClient) -> None:
    detail = only(client, client.upload(odd("19") / "ct.nhdr", odd("19") / "ct.raw"))
    assert np.array_equal(voxels(client, detail), truth("19"))
    assert detail["series"]["geometry"]["origin"] == pytest.approx([-16, -19, -100])


def test_22_a_zip_in_deflate64(client: RestClient) -> None:
    upload = client.upload(odd("22") / "deflate64.zip")
    if upload["run"]["state"] == "succeeded":
        assert only(client, upload)["series"]["geometry"]["shape"][0] == 6
    else:
        assert "64" in text([upload["run"], upload["verdicts"]])
        assert "damaged" not in text([upload["run"], upload["verdicts"]])


def test_28_two_orientations_that_disagree(client: RestClient) -> None:
    detail = only(client, client.upload(odd("28") / "mirrored.nii"))
    assert "orientation" in text(detail["series"]["warnings"])


@pytest.mark.parametrize("name", ["ct.7z", "ct.tar", "ct.tar.gz"])
def test_34_other_archives(client: RestClient, name: str) -> None:
    said = text(client.upload(odd("34") / name)["verdicts"])
    assert "zip" in said
    assert "inside the upload" not in said


# --- masks ------------------------------------------------------------------------------------------------------------
def ct_of(client: RestClient, number: str) -> Any:
    return only(client, client.upload(odd(number) / "ct.zip"))["series"]


def labels(client: RestClient, mask: Any) -> np.ndarray[Any, Any]:
    return client.voxels(f"/masks/{mask['id']}", len(mask["areas_px"]), "u1")


def test_06_mask_pictures_named_like_the_dicom_files(client: RestClient) -> None:
    series = ct_of(client, "06")
    mask = mask_of(client, series["id"], *sorted((odd("06") / "masks").glob("*.png")))
    assert mask["areas_px"] == AREAS
    assert np.array_equal(labels(client, mask) > 0, truth("06") > 0)


@pytest.mark.parametrize("name", ["appledouble.zip", "thumbs_and_readme.zip", "one_nifti.zip"])
def test_23_mask_zips_with_other_things(client: RestClient, name: str) -> None:
    series = ct_of(client, "23")
    assert mask_of(client, series["id"], odd("23") / name)["areas_px"] == AREAS


@pytest.mark.parametrize("name", ["verse.zip", "nnunet.zip", "labelmap_pair.zip"])
def test_24_pairs_of_public_sets(client: RestClient, name: str) -> None:
    upload = client.upload(odd("24") / name, pairs="true", every_label="true")
    detail = only(client, upload)
    assert len(detail["masks"]) == 1


def test_29_a_mask_of_itk_on_a_tilted_series(client: RestClient) -> None:
    series = ct_of(client, "29")
    mask = mask_of(client, series["id"], odd("29") / "itk_mask.nii.gz")
    assert mask["areas_px"] == AREAS
    assert np.array_equal(labels(client, mask) > 0, truth("29") > 0)
    assert np.array_equal(client.voxels(f"/series/{series['id']}", 10), truth("29", "truth_ct.npy"))


def test_30_a_mask_whose_values_are_almost_one(client: RestClient) -> None:
    series = ct_of(client, "30")
    mask = mask_of(client, series["id"], odd("30") / "mask.nii.gz")
    assert mask["areas_px"] == AREAS
    assert np.array_equal(labels(client, mask) > 0, truth("30") > 0)
