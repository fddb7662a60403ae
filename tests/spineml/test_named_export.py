"""Masks leave with the names, colours and codes of their labels, and come back as they were."""

import csv
import io
import json
import tracemalloc
import zipfile
from dataclasses import replace
from pathlib import Path

import nibabel
import nrrd
import numpy as np
import pytest
import SimpleITK
from PIL import Image

from spineml.masks import export
from spineml.masks.read import read_label_map
from spineml.masks.segments import write_seg_nrrd
from spineml.metrics.labels import LabelTable
from spineml.readers.series import ReceivedFile
from spineml.tasks import mapping
from spineml.tasks.export import as_dataset_json
from spineml.tasks.label_sizes import label_csv, label_json, label_sizes
from spineml.tasks.shipped import SPINE_CT, VERTEBRAE_CT
from spineml.tasks.task import ANATOMY, LEFT, RIGHT, Code, Label, Task
from spineml.volumes.canonical_file import SliceFileReader, write_mask
from spineml.volumes.volume import Geometry, Mask, SourceGrid, with_unknown_spacing
from tests.spineml.test_export import LAYOUTS, SERIES

KIDNEY = Code("64033007", "SCT", "Kidney")
ODD_NAMES = (
    "왼쪽 콩팥",
    "<script>alert('x')</script>",
    "a" * 64,
    "가" * 64,
    "../..\\n:=~^|\\",
    '=HYPERLINK("https://example.org")',
    "#1, \"quoted\"; 'too'",
    "Background",
)
ODD = Task(
    "odd-names",
    "이름 <b>odd</b>",
    tuple(Label(3 * at + 1, name, f"S{at}", f"#{at:02x}80ff", type=KIDNEY) for at, name in enumerate(ODD_NAMES)),
)
KIDNEYS = Task(
    "kidneys-ct",
    "Kidneys",
    (
        Label(2, "Kidney left", "LK", "#b9664e", ANATOMY, KIDNEY, LEFT),
        Label(1, "Kidney right", "RK", "#808080", ANATOMY, KIDNEY, RIGHT),
    ),
)
FULL = Task(
    "full-ct",
    "Full",
    tuple(
        Label(at, "가" * 60 + str(at), f"S{at}", "#336699", type=Code("1" * 16, "SCT", "나" * 64))
        for at in range(1, 256)
    ),
)


def map_of(task: Task, geometry: Geometry = SERIES) -> np.ndarray:
    """Every label of the task occurs, in patches."""
    choices = np.array([0, *sorted(task.values)], np.uint8)
    voxels = int(np.prod(geometry.shape))
    labels = np.resize(np.repeat(choices, max(1, voxels // len(choices))), voxels)
    return labels.reshape(geometry.shape)


def stored(folder: Path, labels: np.ndarray, geometry: Geometry = SERIES) -> Path:
    write_mask(folder / "mask.h5", Mask(labels, geometry))
    return folder / "mask.h5"


def again(path: Path, geometry: Geometry = SERIES):
    """What our reader makes of the file, and the values of its voxels."""
    found = read_label_map([ReceivedFile(path, path.name)], geometry)
    return found.found, np.array([0, *(one.value for one in found.found)])[found.slots]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("depth", [1, 5])
@pytest.mark.parametrize("kind", ["seg.nrrd", "nii.gz", "npy", "zip"])
def test_a_label_map_is_read_back_with_all_its_values(tmp_path, layout, depth, kind):
    geometry = replace(SERIES, shape=(depth, 7, 9), source=layout)
    task = KIDNEYS if depth == 1 else VERTEBRAE_CT
    labels = map_of(task, geometry)
    path = tmp_path / f"mask.{kind}"

    with SliceFileReader(stored(tmp_path, labels, geometry)) as reader:
        if kind == "seg.nrrd":
            write_seg_nrrd(reader, task, sorted(task.values), path)
        elif kind == "zip":
            export.write_png_zip(reader, path, export.task_colours(task))
        else:
            {"npy": export.write_npy, "nii.gz": export.write_nifti}[kind](reader, path)

    found, values = again(path, geometry)
    assert [one.value for one in found] == sorted(task.values)
    assert np.array_equal(values, labels)


@pytest.mark.parametrize("task", [VERTEBRAE_CT, ODD, KIDNEYS, SPINE_CT], ids=lambda task: task.slug)
def test_segments_come_back_with_names_codes_and_colours(tmp_path, task):
    path = tmp_path / "mask.seg.nrrd"
    with SliceFileReader(stored(tmp_path, map_of(task))) as reader:
        write_seg_nrrd(reader, task, [label.value for label in task.labels], path)

    found, _ = again(path)

    for one in found:
        label = task.label(one.value)
        assert (one.name, one.colour, one.code) == (label.name, label.colour, label.type)
    proposed = mapping.propose(found, task)
    assert {one.found.value: one.label and one.label.value for one in proposed} == {
        value: value for value in task.values
    }


def test_255_segments_with_long_names_are_within_the_limits_of_our_reader(tmp_path):
    geometry = Geometry((4, 20, 20))
    path = tmp_path / "mask.seg.nrrd"
    with SliceFileReader(stored(tmp_path, map_of(FULL, geometry), geometry)) as reader:
        write_seg_nrrd(reader, FULL, range(1, 256), path)

    found, values = again(path, geometry)

    assert [one.name for one in found] == [label.name for label in FULL.labels]
    assert np.array_equal(values, map_of(FULL, geometry))


@pytest.mark.parametrize("task", [VERTEBRAE_CT, ODD], ids=lambda task: task.slug)
def test_pynrrd_and_simpleitk_read_the_segments_at_their_place(tmp_path, task):
    path = tmp_path / "mask.seg.nrrd"
    labels = map_of(task)
    with SliceFileReader(stored(tmp_path, labels)) as reader:
        write_seg_nrrd(reader, task, [label.value for label in task.labels], path)

    array, header = nrrd.read(str(path))
    image = SimpleITK.ReadImage(path)

    assert np.array_equal(array, labels.transpose())
    assert np.array_equal(SimpleITK.GetArrayFromImage(image), labels)
    assert header["space directions"] == pytest.approx(SERIES.affine_lps()[:3, :3].T)
    assert image.GetOrigin() == pytest.approx(SERIES.origin)
    assert image.GetDirection() == pytest.approx(SERIES.direction, abs=1e-6)
    for number, label in enumerate(task.labels):
        assert image.GetMetaData(f"Segment{number}_LabelValue") == str(label.value)
        assert image.GetMetaData(f"Segment{number}_Name") == label.name
        assert header[f"Segment{number}_LabelValue"] == str(label.value)


def test_segments_without_a_known_spacing_claim_no_millimetres(tmp_path):
    geometry = with_unknown_spacing(SERIES)
    path = tmp_path / "mask.seg.nrrd"
    with SliceFileReader(stored(tmp_path, map_of(KIDNEYS, geometry), geometry)) as reader:
        write_seg_nrrd(reader, KIDNEYS, [1, 2], path)

    assert "space units" not in nrrd.read_header(str(path))
    assert np.array_equal(again(path, geometry)[1], map_of(KIDNEYS, geometry))


def test_each_label_is_a_nifti_of_its_own_named_by_value_and_name(tmp_path):
    labels = map_of(ODD)
    path = tmp_path / "labels.zip"
    with SliceFileReader(stored(tmp_path, labels)) as reader:
        export.write_label_zip(reader, ODD, sorted(ODD.values), path, columns_first=True)

    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        archive.extractall(tmp_path / "out")
    assert names[:2] == ["001-왼쪽 콩팥.nii.gz", "004-_script_alert('x')__script_.nii.gz"]
    assert not any({"/", "\\", ":"} & set(name) for name in names)
    for name, value in zip(names, sorted(ODD.values), strict=True):
        image = nibabel.load(tmp_path / "out" / name)
        assert np.array_equal(np.asarray(image.dataobj), (labels == value).transpose())
    assert not list(tmp_path.glob("*.part*"))


def test_a_palette_picture_shows_the_colours_and_holds_the_values(tmp_path):
    labels = map_of(KIDNEYS)
    with SliceFileReader(stored(tmp_path, labels)) as reader:
        raw = export.mask_png(reader, 2, export.task_colours(KIDNEYS))

    with Image.open(io.BytesIO(raw)) as picture:
        assert (picture.mode, np.array_equal(np.asarray(picture), labels[2])) == ("P", True)
        shown = np.asarray(picture.convert("RGB")).astype(int)
    for value, colour in export.task_colours(KIDNEYS).items():
        assert np.abs(shown[labels[2] == value] - colour).max(initial=0) <= 1
    assert (shown[labels[2] == 0] == 0).all()


def test_the_table_of_a_mask_gives_sizes_in_the_order_of_the_task_and_no_formulas(tmp_path):
    with SliceFileReader(stored(tmp_path, map_of(KIDNEYS))) as reader:
        sizes = label_sizes(KIDNEYS, LabelTable.of(reader, SERIES).rows())

    lines = label_csv(sizes).splitlines()
    told = json.loads(label_json(KIDNEYS, sizes))

    assert [one.label.name for one in sizes] == ["Kidney left", "Kidney right"]
    assert lines[0].startswith("value,name,short,colour,category,type,modifier,voxels,volume_ml,")
    assert lines[1].startswith("2,Kidney left,LK,#b9664e,SCT 123037004 Anatomical Structure,SCT 64033007 Kidney,SCT 77")
    assert [Label.from_json(one) for one in told["labels"]] == list(KIDNEYS.labels)
    assert [one["voxels"] for one in told["labels"]] == [(map_of(KIDNEYS) == value).sum() for value in (2, 1)]


def test_odd_names_are_text_in_a_spreadsheet(tmp_path):
    with SliceFileReader(stored(tmp_path, map_of(ODD))) as reader:
        text = label_csv(label_sizes(ODD, LabelTable.of(reader, SERIES).rows()))

    rows = list(csv.DictReader(io.StringIO(text)))

    assert [row["name"].removeprefix("'") for row in rows] == list(ODD_NAMES)
    assert not any(row["name"].startswith("=") for row in rows)


@pytest.mark.parametrize("kind", ["seg.nrrd", "labels.zip"])
def test_memory_does_not_grow_with_the_length_of_the_mask(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(export, "BLOCK_BYTES", 100_000)
    geometry = Geometry((200, 128, 128), source=SourceGrid((2, 1, 0)))
    labels = np.zeros(geometry.shape, np.uint8)
    labels[:, 20:40, 20:40], labels[:, 60:90, 60:90] = 1, 2
    with SliceFileReader(stored(tmp_path, labels, geometry)) as reader:
        nibabel.Nifti1Header()  # what a first use loads is not of the mask
        tracemalloc.start()
        if kind == "seg.nrrd":
            write_seg_nrrd(reader, KIDNEYS, [1, 2], tmp_path / kind)
        else:
            export.write_label_zip(reader, KIDNEYS, [1, 2], tmp_path / kind)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()

    assert peak < labels.nbytes / 4


def test_a_dataset_json_keeps_the_background_for_itself():
    labels = json.loads(as_dataset_json(ODD))["labels"]

    assert (labels["background"], labels["Background (22)"]) == (0, 22)
