"""What names a patient is found in whatever spelling, order and script, and usual words are left alone."""

from __future__ import annotations

import unicodedata

import pytest

from spineml.message import message
from spineml.readers.patient_identity import Identity, renamed, shown_name, shown_names

KIM = Identity.of(["김^철수", "KIM^CHUL SOO"], ["9876-5432", "0012", "AB12C"], ["19611224"])
HONG = Identity.of(["Hong^Gildong=洪^吉洞=홍^길동"])
SPELLINGS = (
    *("김철수 허리 CT", "철수", "철수김", "김 CT", "김씨", "kim chulsoo", "Chul-Soo", "ChulSooKIM", "98765432"),
    *("9876-5432", "009876-5432", "61-12-24", "1961.12.24", "x_ab12c_y"),
)
SHORT = Identity.of(["허^준", "Li^Wu"])


@pytest.mark.parametrize("text", [*SPELLINGS, unicodedata.normalize("NFD", "철수 CT")])
def test_a_name_is_found_however_it_is_written(text: str) -> None:
    assert KIM.is_in(text)
    assert KIM.cleaned(text) == ""


@pytest.mark.parametrize("text", ["허리 CT", "Spine 2 mm", "수술 척수", "T1 L5", "im0012", "1.25 mm B30f", "요추 12"])
def test_usual_words_name_nobody(text: str) -> None:
    assert not KIM.is_in(text)
    assert KIM.without(text) == text


@pytest.mark.parametrize(
    ("text", "named"), [("L-SPINE 길동", True), ("gil dong", True), ("洪吉洞", True), ("홍보", False)]
)
def test_each_script_of_a_name_counts(text: str, named: bool) -> None:
    assert HONG.is_in(text) is named


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Nguyễn^Văn An", "NGUYEN_VAN_AN"),
        ("Nguyen^Van Duc", "nguyễn văn đức"),
        ("Müller^Jörg", "Mueller CT"),
        ("Müller^Jörg", "muller"),
        ("Mueller^Joerg", "Müller"),
        ("Ó Briain^Seán", "Sean spine"),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "ヤマダ CT"),
        ("Yamada^Tarou=山田^太郎=ﾔﾏﾀﾞ^ﾀﾛｳ", "やまだ"),
    ],
)
def test_accents_umlauts_and_kana_hide_no_name(name: str, text: str) -> None:
    named = Identity.of([name])
    assert named.is_in(text)
    assert named.without(text) != text
    assert not named.is_in("Lendenwirbelsäule größer rechts")


@pytest.mark.parametrize("text", ["24.12.1961", "12/24/1961", "born 24121961"])
def test_a_date_of_birth_is_found_with_the_day_or_the_month_first(text: str) -> None:
    assert KIM.is_in(text)


@pytest.mark.parametrize(
    ("text", "named"),
    [("허준", True), ("준 CT", True), ("허씨", True), ("허리", False), ("기준", False), ("Wu", True), ("lipid", False)],
)
def test_names_of_one_syllable_or_two_letters_count_as_words_only(text: str, named: bool) -> None:
    assert SHORT.is_in(text) is named


@pytest.mark.parametrize("placeholder", ["Anonymous", "ANON", "Phantom^Test", "", "Spine", "CT"])
def test_a_placeholder_names_nobody(placeholder: str) -> None:
    assert not Identity.of([placeholder])


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("orthanc.zip/98765432 김철수/CT Spine/IM0001.dcm", "orthanc.zip/…/CT Spine/IM0001.dcm"),
        ("a\\kimchulsoo\\IM1.dcm", "a/…/IM1.dcm"),
        ("김철수_0001.dcm", "…_0001.dcm"),
        ("98765432.nii.gz", "….nii.gz"),
        ("CT/IM9876.dcm", "CT/IM9876.dcm"),
    ],
)
def test_known_patients_go_from_paths(path: str, shown: str) -> None:
    assert shown_name(path, KIM) == shown


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("12345678 LEE MINHO/a.dcm", "…/a.dcm"),
        ("12345678_LEE_MINHO.zip/a.dcm", "….zip/a.dcm"),
        ("LEE MINHO 12345678/a.dcm", "…/a.dcm"),
        ("98765432 김철수/IM1", "…/IM1"),
        ("PARK^MINSU/IM1", "…/IM1"),
        ("박민수/IM1", "…/IM1"),
        ("홍길동.png", "….png"),
        ("요추 CT/IM0001.dcm", "요추 CT/IM0001.dcm"),
        ("조영제/1.dcm", "조영제/1.dcm"),
        ("전립선 CT/고관절/신경외과/1.dcm", "전립선 CT/고관절/신경외과/1.dcm"),
        ("12345678 CT Spine/1.dcm", "12345678 CT Spine/1.dcm"),
        ("imagesTr/spine_00012_0000.nii.gz", "imagesTr/spine_00012_0000.nii.gz"),
        ("sub-verse901_seg-vert_msk.nii.gz", "sub-verse901_seg-vert_msk.nii.gz"),
        ("TCGA-OY-A56P/1.dcm", "TCGA-OY-A56P/1.dcm"),
        ("DICOM/PA1/ST1/SE1/IM0001", "DICOM/PA1/ST1/SE1/IM0001"),
        ("1.2.840.113619.2.55/1.dcm", "1.2.840.113619.2.55/1.dcm"),
    ],
)
def test_parts_that_look_like_a_patient_go_without_any_dicom(path: str, shown: str) -> None:
    assert shown_name(path, Identity()) == shown


def test_files_whose_names_become_alike_are_still_told_apart() -> None:
    assert list(shown_names(["김철수.dcm", "철수.dcm", "a.dcm"], KIM).values()) == ["….dcm", "….dcm (2)", "a.dcm"]


def test_names_go_from_the_gaps_of_sentences_and_not_from_the_sentences() -> None:
    shown = shown_names(["김철수.dcm"], KIM)
    told = message("Duplicate of {name}; used once.", name="김철수.dcm")
    assert renamed(told, shown, KIM) == "Duplicate of ….dcm; used once."
    nested = message("Its series needs {name}: {reason}", name="kim.dcm", reason=told)
    assert "김철수" not in renamed(nested, shown, KIM)
    assert "kim" not in renamed(nested, shown, KIM)


def test_an_upload_of_very_many_patients_takes_no_time() -> None:
    import time

    many = Identity.of([f"Name{number}^Given{number}" for number in range(20_000)])
    began = time.process_time()
    shown_names([f"folder {number}/Name{number}/IM.dcm" for number in range(5_000)], many)
    assert time.process_time() - began < 5
