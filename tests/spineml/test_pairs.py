"""Images with their masks: which belong together, and whose they are."""

from __future__ import annotations

import json
import time
import unicodedata
from pathlib import Path

import pytest

from spineml.readers.pairs.pairs import PatientRule, match_pairs, read_table
from spineml.readers.series import FileNotUsed, ReceivedFile


def files(*names: str) -> list[ReceivedFile]:
    return [ReceivedFile(Path(name), name) for name in names]


def table(folder: Path, text: str) -> ReceivedFile:
    path = folder / "patients.csv"
    path.write_text(text, encoding="utf-8")
    return ReceivedFile(path, "set/patients.csv")


def pairs(*names: str, rule: PatientRule = "each", separator: str = "_") -> list[tuple[str, str, str]]:
    found = match_pairs(files(*names), rule, separator)
    assert found.verdicts == []
    return [(pair.image.name, pair.mask.name, pair.patient) for pair in found.pairs]


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("set/images/7.png", "set/masks/7.png"),
        ("set/7.png", "set/Masks/7.PNG"),
        ("7.png", "7_mask.png"),
        ("7.dcm", "7-seg.nii.gz"),
        ("7_image.png", "7_label.png"),
        ("images/7.tif", "masks/7_mask.png"),
        ("images.zip/7.png", "masks.zip/7.png"),
        ("a\\images\\7.png", "a\\masks\\7.png"),
        ("v1.2.png", "v1.2_mask.png"),
        # VerSe
        ("rawdata/sub-v1/sub-v1_ct.nii.gz", "derivatives/sub-v1/sub-v1_seg-vert_msk.nii.gz"),
        ("rawdata/sub-v1/sub-v1_dir-ax_ct.nii.gz", "derivatives/sub-v1/sub-v1_dir-ax_seg-vert_msk.nii.gz"),
        ("verse004.nii.gz", "verse004_seg.nii.gz"),
        # nnU-Net, Medical Segmentation Decathlon
        ("D/imagesTr/spine_001_0000.nii.gz", "D/labelsTr/spine_001.nii.gz"),
        ("D/imagesTr/case_0001_0000.nii.gz", "D/labelsTr/case_0001.nii.gz"),
        ("D/imagesTr/spine_001.nii.gz", "D/labelsTr/spine_001.nii.gz"),
        ("images_train/1.png", "masks_train/1.png"),
        ("images/train/1.png", "labels/train/1.png"),
        # a folder for each patient
        ("s1/ct.nii.gz", "s1/seg.nii.gz"),
        ("s1/ct.nii.gz", "s1/segmentations.nii.gz"),
        ("case_1/imaging.nii.gz", "case_1/segmentation.nii.gz"),
        ("p/volume.nrrd", "p/volume_seg.nrrd"),
        ("images/ct.png", "masks/ct.png"),
        # SPIDER, CTSpine1K, LiTS and others
        ("images/1_t1.mha", "masks/1_t1.mha"),
        ("data/liver_1.nii.gz", "label/liver_1_seg.nii.gz"),
        ("volume-7.nii", "segmentation-7.nii"),
        ("a/7_ct.nii.gz", "a/7_ct_seg.nii.gz"),
        ("7.nii", "7_labels.nii"),
        ("p1_0000.png", "p1_0000_mask.png"),
        ("1.nii", "1_마스크.nii"),
        ("영상/1.png", "마스크/1.png"),
    ],
)
def test_a_mask_is_found_by_its_name(image: str, mask: str) -> None:
    assert pairs(image, mask) == [(image, mask, "")]


def test_the_same_name_in_two_folders_makes_two_pairs() -> None:
    found = pairs("a/images/1.png", "a/masks/1.png", "b/images/1.png", "b/masks/1.png")
    assert [(image[0], mask[0]) for image, mask, _ in found] == [("a", "a"), ("b", "b")]


def test_the_beginning_of_a_name_is_the_patient() -> None:
    names = ["p1_001.png", "p1_001_mask.png", "p1_002.png", "p1_002_mask.png", "p2.png", "p2_mask.png"]
    assert [patient for *_, patient in pairs(*names, rule="prefix")] == ["p1", "p1", "p2"]
    assert [patient for *_, patient in pairs("p1-2.png", "p1-2_mask.png", rule="prefix", separator="-")] == ["p1"]


def test_what_is_in_no_pair_is_told() -> None:
    found = match_pairs(files("1.png", "2_mask.png", "3.png", "3.jpg", "3_mask.png"))
    assert found.pairs == []
    assert {(one.name, one.status, one.code) for one in found.verdicts} == {
        ("1.png", "rejected", "no-mask"),
        ("2_mask.png", "rejected", "no-image"),
        ("3.png", "rejected", "ambiguous"),
        ("3.jpg", "rejected", "ambiguous"),
        ("3_mask.png", "rejected", "ambiguous"),
    }


def test_files_of_two_patients_are_no_pair() -> None:
    found = match_pairs(files("p1/1.png", "p2/1_mask.png"))
    assert found.pairs == []
    assert [one.code for one in found.verdicts] == ["no-mask", "no-image"]


def test_the_training_and_the_test_images_of_a_set_are_kept_apart() -> None:
    found = pairs("imagesTr/1.nii", "labelsTr/1.nii", "imagesTs/1.nii", "labelsTs/1.nii")
    assert [(image, mask) for image, mask, _ in found] == [
        ("imagesTr/1.nii", "labelsTr/1.nii"),
        ("imagesTs/1.nii", "labelsTs/1.nii"),
    ]


def test_what_public_sets_bring_along_is_left_out() -> None:
    others = [
        "derivatives/sub-1/sub-1_seg-vb_ctd.json",
        "derivatives/sub-1/sub-1_snp.png",
        "imagesTr/._1.nii.gz",
        "__MACOSX/images/1.png",
        "Thumbs.db",
        "readme.txt",
    ]
    pair = files("rawdata/sub-1/sub-1_ct.nii.gz", "derivatives/sub-1/sub-1_seg-vert_msk.nii.gz")
    found = match_pairs([*pair, *files(*others)])
    assert len(found.pairs) == 1
    assert {(one.name, one.status) for one in found.verdicts} == {(name, "skipped") for name in others}


def test_the_bones_of_one_image_are_one_mask() -> None:
    bones = [f"s1/segmentations/{bone}.nii.gz" for bone in ("sacrum", "vertebrae_L1", "vertebrae_S1")]
    others = [f"s1/segmentations/{other}.nii.gz" for other in ("liver", "spinal_cord", "rib_left_1")]
    found = match_pairs(files("s1/ct.nii.gz", *bones, *others, "s2/ct.nii.gz", "s2/segmentations/sacrum.nii.gz"))
    assert [[mask.name for mask in pair.masks] for pair in found.pairs] == [bones, ["s2/segmentations/sacrum.nii.gz"]]
    assert {(one.name, one.code) for one in found.verdicts} == {(name, "other-mask") for name in others}


def test_the_bones_of_two_images_in_one_folder_go_to_one_of_them() -> None:
    folder = "s0/segmentations"
    sent = files("s0/ct.nii.gz", "s0/ct.png", f"{folder}/vertebrae_L1.nii.gz", f"{folder}/liver.nii.gz")

    assert len(match_pairs(sent).pairs) == 1


def test_of_several_masks_that_of_the_vertebrae_is_used() -> None:
    found = match_pairs(files("s_ct.nii.gz", "s_seg-vert_msk.nii.gz", "s_seg-subreg_msk.nii.gz"))
    assert [pair.mask.name for pair in found.pairs] == ["s_seg-vert_msk.nii.gz"]
    assert [(one.name, one.code) for one in found.verdicts] == [("s_seg-subreg_msk.nii.gz", "other-mask")]


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("images/Spine_1.nii.gz", ["masks/Spine_1.nii.gz", "Spine_1_mask.nii.gz"]),
        ("D/imagesTr/spine_001_0000.nii.gz", ["labelsTr/spine_001.nii.gz", "spine_001_mask.nii.gz"]),
        ("7.jpg", ["masks/7.png", "7_mask.png"]),
        ("IM0001.dcm", ["masks/IM0001.png", "IM0001_mask.png"]),
        ("7.mha", ["masks/7.mha", "7_mask.mha"]),
    ],
)
def test_an_image_without_mask_is_told_a_name_that_would_be_found(image: str, expected: list[str]) -> None:
    (verdict,) = match_pairs(files(image)).verdicts
    for name in expected:
        assert name in verdict.reason
        folder = image.rpartition("/")[0]
        mask = name if "/" in name and not folder else f"{folder}/{name}".lstrip("/")
        beside = f"{folder.rpartition('/')[0]}/{name}".lstrip("/") if "/" in name else mask
        assert len(match_pairs(files(image, beside)).pairs) == 1


@pytest.mark.parametrize(
    ("labels", "only_spine"),
    [
        ({"background": 0, "L1": 1, "L2": 2}, True),
        ({"0": "background", "1": "vertebrae", "2": "sacrum"}, True),
        ({"background": 0, "spine": 1}, True),
        ({"background": 0, "vertebrae": 1, "spinal canal": 2}, False),
        ({"background": 0, "liver": 1}, False),
        ({}, False),
        ([], False),
        (None, False),
    ],
)
def test_a_set_whose_labels_are_bones_of_the_spine_is_a_label_map(
    tmp_path: Path, labels: object, only_spine: bool
) -> None:
    path = tmp_path / "dataset.json"
    path.write_text(json.dumps({"labels": labels}))
    (pair,) = match_pairs(
        [*files("imagesTr/1_0000.nii.gz", "labelsTr/1.nii.gz"), ReceivedFile(path, "dataset.json")]
    ).pairs
    assert pair.every_label == only_spine


def test_label_maps_are_taken_by_name_or_by_wish() -> None:
    (verse,) = match_pairs(files("s_ct.nii.gz", "s_seg-vert_msk.nii.gz")).pairs
    (plain,) = match_pairs(files("a.nii.gz", "a_seg.nii.gz")).pairs
    (wished,) = match_pairs(files("a.nii.gz", "a_seg.nii.gz"), every_label=True).pairs
    assert [verse.every_label, plain.every_label, wished.every_label] == [True, False, True]


def test_twenty_thousand_files_are_matched_at_once() -> None:
    names = [f"images/{n}.png" for n in range(10_000)] + [f"masks/{n}.png" for n in range(9_000)]
    begin = time.process_time()
    assert len(match_pairs(files(*names)).pairs) == 9_000
    assert time.process_time() - begin < 5


@pytest.mark.parametrize(
    "name",
    ["", "/", "\0", "a" * 100_000, "seg-a_" * 5000, "\ud800.png", "7" * 4400 + ".png", "..", "._"],
    ids=["empty", "slash", "NUL", "long", "words", "surrogate", "digits", "dots", "clutter"],
)
def test_any_name_is_matched_or_told(name: str) -> None:
    begin = time.process_time()
    found = match_pairs(files(name, "masks/" + name))
    assert len(found.pairs) * 2 + len(found.verdicts) == 2
    assert time.process_time() - begin < 1


def test_a_table_names_patients_and_splits(tmp_path: Path) -> None:
    listed = table(tmp_path, "\ufeffName;Patient;Split\n1.png;A;train\n2;A;Training\n4;B;\n\n")
    found = match_pairs([*files("1.png", "1_mask.png", "2.png", "2_mask.png", "3.png", "3_mask.png"), listed], "table")
    assert [(pair.patient, pair.split) for pair in found.pairs] == [("A", "train"), ("A", "train")]
    assert {(one.name, one.code) for one in found.verdicts} == {
        ("3.png", "no-patient"),
        ("3_mask.png", "no-patient"),
        ("set/patients.csv", "table"),
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "first line"),
        ("name,split\n1,train\n", "first line"),
        ("name,patient\n1,\n", "Line 2"),
        ("name,patient,split\n1,A,later\n", "Line 2"),
        ("name,patient,split\n1,A,train\n2,A,test\n", "Line 3"),
        ("name,patient\n1,A\n1.png,B\n", "Line 3"),
    ],
)
def test_a_wrong_table_says_where(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(FileNotUsed, match=words):
        read_table(table(tmp_path, text).path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp949", "euc-kr"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_table_of_excel_is_read(tmp_path: Path, encoding: str, delimiter: str) -> None:
    path = tmp_path / "표.csv"
    rows = [["name", "patient", "split"], ["환자다.png", "환자 1", "train"], ["b", '"Q, 2"', ""]]
    path.write_bytes("\r\n".join(delimiter.join(row) for row in rows).encode(encoding))
    found = read_table(path)
    assert {name: placed.patient for name, placed in found.items()} == {"환자다": "환자 1", "b": "Q, 2"}
    images = [ReceivedFile(path, "요추/표.csv"), *files("요추/images/환자다.png", "요추/masks/환자다.png")]
    decomposed = [ReceivedFile(file.path, unicodedata.normalize("NFD", file.name)) for file in images]
    for given in (images, decomposed):
        assert [pair.patient for pair in match_pairs(given, "table").pairs] == ["환자 1"]


def test_a_table_that_is_damaged_says_so(tmp_path: Path) -> None:
    for text in ("name,patient\n" + "x" * 200_000 + ",1\n", "x" * 200_000 + ",1\n"):
        with pytest.raises(FileNotUsed):
            read_table(table(tmp_path, text).path)


def test_a_table_that_is_no_text_or_missing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"name,patient\n\xff\xfe,1\n")
    with pytest.raises(FileNotUsed, match="UTF-8"):
        read_table(path)
    with pytest.raises(FileNotUsed, match="exactly one CSV"):
        match_pairs(files("1.png", "1_mask.png"), "table")
