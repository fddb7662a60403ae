"""What a reader process does with an upload, here without one: verdicts, parts, and what is done again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from spineml.errors import UnreadableFile
from spineml.isolation.plain import from_plain, record_of, values_of
from spineml.phantom import spine_phantom, write_dicom_series
from spineml.reader_process.results import CONVERT, SCAN, Failed, ReadSeries
from spineml.reader_process.upload import read_upload
from spineml.readers import reading_progress
from spineml.readers.series import FileOutcome, IntakeOptions

SMALL = {"shape": (4, 64, 64), "spacing": (3.0, 2.0, 2.0)}


class Heard:
    """What was told."""

    def __init__(self) -> None:
        self.parts: list[dict[str, Any]] = []

    def progress(self, done: int, total: int, text: str) -> None:
        pass

    def part(self, value: Any) -> None:
        self.parts.append(value)

    @property
    def series(self) -> list[ReadSeries]:
        return [ReadSeries.from_plain(part["series"]) for part in self.parts if "series" in part]


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out").mkdir()


def nifti(path: Path, seed: int = 0) -> Path:
    values = np.random.default_rng(seed).normal(0, 300, (12, 10, 4)).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), path)
    return path


def read(*paths: Path, **changes: Any) -> tuple[dict[str, FileOutcome], Heard]:
    heard = Heard()
    arguments: Mapping[str, Any] = {
        "files": [[str(path), path.name] for path in paths],
        "options": values_of(IntakeOptions()),
        "pairs": None,
        "uid_salt": "salt",
        "attempt": 0,
        "failed": [],
        "done": [],
    }
    told = from_plain(read_upload({**arguments, **changes}, heard))
    verdicts = [record_of(FileOutcome, verdict) for verdict in told["verdicts"]]
    return {verdict.name: verdict for verdict in verdicts}, heard


def test_a_series_comes_back_as_it_was_read(tmp_path: Path) -> None:
    verdicts, heard = read(nifti(tmp_path / "ct.nii"))
    series = heard.series[0]
    assert verdicts["ct.nii"].status == "imported"
    assert series.geometry.shape == (4, 10, 12)
    assert series.plan.files[0].name == "ct.nii"
    assert (tmp_path / "out" / series.volume).stat().st_size > 0
    assert ReadSeries.from_plain(series.as_plain()) == series


def test_a_series_that_cannot_be_deidentified_is_refused_by_name_and_the_others_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(src: Path, *args: Any, **options: Any) -> None:
        raise UnreadableFile(src.name, "It is damaged.")

    monkeypatch.setattr("spineml.readers.dicom.deidentify.deidentify_dicom", refuse)
    volume, _ = spine_phantom(seed=3, **SMALL)
    dicom = write_dicom_series(volume, tmp_path / "dicom")
    verdicts, heard = read(*dicom, nifti(tmp_path / "ct.nii"))
    assert [series.meta.source_kind for series in heard.series] == ["nifti"]
    assert {verdicts[path.name].status for path in dicom} == {"rejected"}
    assert verdicts[dicom[0].name].reason == "It is damaged."
    assert dicom[0].name in verdicts[dicom[1].name].reason


@pytest.mark.parametrize(
    "error", [ZeroDivisionError("secret"), MemoryError(), RecursionError(), reading_progress.TookTooLong()]
)
def test_an_error_that_nobody_expects_is_the_verdict_on_its_file(
    error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from spineml.readers import nifti as reader
    from spineml.readers import scan

    def fails(file: Any, *rest: Any) -> Any:
        if file.name == "bad.nii":
            raise error
        return reader.scan_nifti(file, *rest)

    monkeypatch.setattr(scan, "scan_nifti", fails)
    verdicts, heard = read(nifti(tmp_path / "bad.nii", 1), nifti(tmp_path / "good.nii", 2))
    assert (verdicts["bad.nii"].status, verdicts["bad.nii"].code) == ("rejected", reading_progress.code_of(error))
    assert "secret" not in verdicts["bad.nii"].reason
    assert verdicts["good.nii"].status == "imported"
    assert len(heard.series) == 1


def test_an_unexpected_error_in_one_dicom_header_leaves_out_that_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from spineml.readers.dicom import scan as dicom

    volume, _ = spine_phantom(seed=3, **SMALL)
    paths = write_dicom_series(volume, tmp_path / "dicom")
    known = dicom.read_header

    def fails(file: Any, *rest: Any) -> Any:
        if file.name == paths[-1].name:
            raise ZeroDivisionError
        return known(file, *rest)

    monkeypatch.setattr(dicom, "read_header", fails)
    verdicts, heard = read(*paths)
    assert verdicts[paths[-1].name].code == "unexpected"
    assert verdicts[paths[0].name].status == "imported"
    assert heard.series[0].geometry.shape[0] == 3


def test_a_file_that_ended_a_reader_is_left_out_with_its_verdict(tmp_path: Path) -> None:
    bad, good = nifti(tmp_path / "bad.nii", 1), nifti(tmp_path / "good.nii", 2)
    failed = [values_of(Failed("bad.nii", SCAN, reading_progress.CRASHED))]
    verdicts, heard = read(bad, good, failed=failed, attempt=1)
    assert verdicts["bad.nii"].code == "reader-crashed"
    assert [series.names for series in heard.series] == [["good.nii"]]


def test_a_slice_that_ended_a_reader_spoils_its_series_and_no_volume_has_a_hole(tmp_path: Path) -> None:
    volume, _ = spine_phantom(seed=3, **SMALL)
    paths = write_dicom_series(volume, tmp_path / "dicom")
    failed = [values_of(Failed(paths[1].name, CONVERT, reading_progress.TIMED_OUT))]
    verdicts, heard = read(*paths, failed=failed, attempt=1)
    assert heard.series == []
    assert {verdicts[path.name].code for path in paths} == {"reader-timed-out"}
    assert paths[1].name in verdicts[paths[0].name].reason


def test_what_was_finished_is_not_read_again(tmp_path: Path) -> None:
    verdicts, heard = read(nifti(tmp_path / "a.nii", 1), nifti(tmp_path / "b.nii", 2), attempt=1, done=[["a.nii"]])
    assert [series.names for series in heard.series] == [["b.nii"]]
    assert {verdict.status for verdict in verdicts.values()} == {"imported"}
