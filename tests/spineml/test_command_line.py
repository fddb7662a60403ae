"""``python -m spineml segment``: from files to a mask on their grid, without a platform."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import nibabel
import numpy as np
import pytest

from spineml.command_line import segment
from spineml.command_line.arguments import main
from spineml.command_line.segment import CannotSegment, SegmentOptions, segment_files
from spineml.model.architecture import Architecture
from spineml.phantom import spine_phantom
from spineml.volumes.canonical_file import SliceFileReader, write_volume
from tests.spineml.tiny_models import write_tiny

pytestmark = [pytest.mark.tensorflow, pytest.mark.services]
SHAPE = (6, 40, 48)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "tiny.h5"
    names = ("background", "Upper", "Lower")
    write_tiny(
        path, Architecture(base_filters=2, depth=2, classes=3), classes=names, values=(0, 5, 9), task="halves-ct"
    )
    return path


@pytest.fixture(scope="module")
def ct(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A NIfTI with axes in another order and direction than ours, int16 HU."""
    folder = tmp_path_factory.mktemp("ct")
    volume, _ = spine_phantom(SHAPE, spacing=(3.0, 0.9, 0.8))
    affine = np.array([[0, -0.8, 0, 10], [0, 0, 0.9, 20], [-3.0, 0, 0, 30], [0, 0, 0, 1]])
    nibabel.save(nibabel.Nifti1Image(volume.hu.transpose(0, 2, 1), affine), folder / "ct.nii.gz")
    return folder / "ct.nii.gz"


def test_the_mask_lies_on_the_grid_of_the_ct_and_holds_labels_of_the_task(
    ct: Path, model: Path, tmp_path: Path
) -> None:
    steps: list[tuple[int, int, str]] = []
    statistics = segment_files(
        ct, tmp_path / "mask.nii.gz", SegmentOptions(model=model), lambda *step: steps.append(step)
    )

    image, mask = nibabel.load(ct), nibabel.load(tmp_path / "mask.nii.gz")
    assert mask.shape == image.shape
    assert np.allclose(mask.affine, image.affine)
    labels = np.asarray(mask.dataobj)
    assert labels.dtype == np.uint8
    assert set(np.unique(labels)) - {0} == {row["value"] for row in statistics["labels"]} <= {5, 9}
    for row in statistics["labels"]:
        voxels = int((labels == row["value"]).sum())
        assert (row["voxels"], row["name"]) == (voxels, {5: "Upper", 9: "Lower"}[row["value"]])
        assert row["ml"] == pytest.approx(voxels * 3.0 * 0.9 * 0.8 / 1000)
    assert statistics["model"]["task"] == "halves-ct"
    assert len(statistics["confidence"]) == SHAPE[0]
    assert steps[-1][:2] == (SHAPE[0], SHAPE[0])
    assert [file.name for file in tmp_path.iterdir()] == ["mask.nii.gz"]


def test_a_zip_and_a_folder_are_read_as_the_import_reads_them(ct: Path, model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "study" / "inner"
    folder.mkdir(parents=True)
    (folder / "ct.nii.gz").write_bytes(ct.read_bytes())
    (folder / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    with zipfile.ZipFile(tmp_path / "ct.zip", "w") as archive:
        archive.write(ct, "in/ct.nii.gz")
    options = SegmentOptions(model=model)
    for source in (tmp_path / "study", tmp_path / "ct.zip"):
        segment_files(source, tmp_path / f"{source.stem}.npy", options)
    assert (tmp_path / "study.npy").read_bytes() == (tmp_path / "ct.npy").read_bytes()


def test_one_of_several_series_is_chosen_by_its_number(
    ct: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "two"
    folder.mkdir()
    (folder / "a.nii.gz").write_bytes(ct.read_bytes())
    volume, _ = spine_phantom((4, 32, 32), spacing=(3.0, 0.9, 0.8))
    nibabel.save(nibabel.Nifti1Image(volume.hu.T, np.diag([0.8, 0.9, 3.0, 1])), folder / "b.nii.gz")
    asked = ["segment", str(folder), "-o", str(tmp_path / "out.nii.gz"), "--model", str(model), "-q"]

    assert main(asked) == 1
    said = capsys.readouterr().err
    assert "several series" in said
    assert "2: 4 slices of 32 x 32, b.nii.gz" in said
    assert main([*asked, "--series", "3"]) == 1
    assert "no series 3; the files hold 2" in capsys.readouterr().err
    assert main([*asked, "--series", "2"]) == 0
    assert nibabel.load(tmp_path / "out.nii.gz").shape == (32, 32, 4)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{missing}", "-o", "{out}.nii.gz"], "no file or folder"),
        (["{folder}", "-o", "{out}.nii.gz"], "is empty"),
        (["{text}", "-o", "{out}.nii.gz"], "notes.nii.gz: "),
        (["{ct}", "-o", "{out}.mp4"], "no kind of file that masks are written to"),
        (["{ct}", "-o", "{missing}/out.nii.gz"], "There is no folder"),
        (["{ct}", "-o", "{out}.nii.gz", "--task", "knee-mri"], "No model of the task knee-mri"),
        (["{ct}", "-o", "{out}.nii.gz", "--model", "{text}"], "HDF5"),
        (["{ct}", "-o", "{out}.nii.gz", "--model", "{missing}"], "No such file"),
        (["{ct}", "-o", "{out}.nii.gz", "--model", "{model}", "--task", "spine-ct"], "of the task halves-ct, not of"),
    ],
)
def test_what_cannot_be_done_is_said_and_leaves_nothing(
    arguments: list[str], said: str, ct: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.nii.gz").write_text("no CT")
    places = {"missing": tmp_path / "missing", "folder": tmp_path / "empty", "text": tmp_path / "notes.nii.gz"}
    places |= {"out": tmp_path / "out", "ct": ct, "model": model}
    before = sorted(tmp_path.iterdir())

    assert main(["segment", *(one.format(**places) for one in arguments), "-q"]) == 1

    assert said in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == before


def test_the_newest_shipped_model_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(segment, "MODELS", tmp_path)
    for name in ("spine-ct-v2.h5", "spine-ct-v10.h5", "spine-ct-v9.h5", "vertebrae-ct-v11.h5", "spine-ct-vx.h5"):
        (tmp_path / name).touch()
    assert segment.shipped_model("spine-ct").name == "spine-ct-v10.h5"
    with pytest.raises(CannotSegment):
        segment.shipped_model("lungs-ct")


def test_the_command_says_what_it_does_and_writes_statistics(ct: Path, tmp_path: Path) -> None:
    """With the model that comes with the platform, in a process of its own, without Django."""
    out, figures = tmp_path / "mask.nii.gz", tmp_path / "mask.json"
    command = [
        sys.executable,
        "-W",
        "error",
        "-m",
        "spineml",
        "segment",
        str(ct),
        "-o",
        str(out),
        "--statistics",
        str(figures),
    ]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert [line for line in lines if line in {"Reading headers", "Converting slices", "Segmenting"}] == [
        "Reading headers",
        "Converting slices",
        "Segmenting",
    ]
    stored = json.loads(figures.read_text())
    assert stored["model"]["task"] == "spine-ct"
    assert [row["name"] for row in stored["labels"]] in ([], ["spine"])
    assert nibabel.load(out).shape == nibabel.load(ct).shape


def test_a_segmentation_measures_as_it_writes(model: Path, tmp_path: Path) -> None:
    from spineml.metrics.labels import LabelTable
    from spineml.model.predict import Predictor
    from spineml.model.segmentation import Stopped, segment_to_file

    volume, _ = spine_phantom(SHAPE, spacing=(3.0, 0.9, 0.8))
    write_volume(tmp_path / "ct.h5", volume)
    with Predictor(model) as predictor, SliceFileReader(tmp_path / "ct.h5") as source:
        made = segment_to_file(predictor, source, tmp_path / "mask.h5")
        with SliceFileReader(tmp_path / "mask.h5") as mask:
            assert made.sizes.rows() == LabelTable.of(mask, mask.geometry).rows()
        assert len(made.confidence) == SHAPE[0]
        with pytest.raises(Stopped):
            segment_to_file(predictor, source, tmp_path / "stopped.h5", should_stop=lambda: True)
