"""Images with their masks: which belong together, and whose they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from spineml.pairs import PatientRule, match_pairs, read_table
from spineml.series import FileNotUsed, ReceivedFile


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


def test_a_table_that_is_no_text_or_missing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"name,patient\n\xff\xfe,1\n")
    with pytest.raises(FileNotUsed, match="UTF-8"):
        read_table(path)
    with pytest.raises(FileNotUsed, match="exactly one CSV"):
        match_pairs(files("1.png", "1_mask.png"), "table")
