"""Tasks: labels with values, names and codes; lists of labels of other programs; which value is which label."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest

from spineml.tasks import mapping
from spineml.tasks.files import labels_of_file, short_of
from spineml.tasks.level_names import key_of, level_of
from spineml.tasks.mapping import FoundValue, MappingRejected, ValuesWithoutLabel, propose
from spineml.tasks.shipped import LEVELS, SHIPPED, SPINE_CT, SPINE_OF_VERTEBRAE, VERTEBRAE_CT
from spineml.tasks.task import Code, Label, Task, TaskRejected


def label(value: int, name: str) -> Label:
    return Label(value, name, name[:8], "#102030")


def found(*values: int, names: tuple[str, ...] = ()) -> list[FoundValue]:
    texts = names or ("",) * len(values)
    return [FoundValue(value, 100, name) for value, name in zip(values, texts, strict=True)]


def proposed(values: list[FoundValue], task: Task = VERTEBRAE_CT) -> list[str]:
    return [one.label.short if one.label else "" for one in propose(values, task)]


# --- tasks ------------------------------------------------------------------------------------------------------------
def test_the_shipped_tasks_have_the_values_of_verse_and_a_code_each() -> None:
    assert [task.slug for task in SHIPPED] == ["spine-ct", "vertebrae-ct"]
    assert {one.short: one.value for one in VERTEBRAE_CT.labels} == {
        **{f"C{number}": number for number in range(1, 8)},
        **{f"T{number}": 7 + number for number in range(1, 13)},
        **{f"L{number}": 19 + number for number in range(1, 7)},
        "T13": 28,
        "Sacrum": 26,
        "Coccyx": 27,
    }
    assert VERTEBRAE_CT.label(20).type == Code("66794005", "SCT", "L1 vertebra")
    assert all(one.type is not None and one.category is not None for task in SHIPPED for one in task.labels)
    assert [one.short for one in VERTEBRAE_CT.labels[:-2]] == list(LEVELS)


def test_neighbours_have_different_colours() -> None:
    colours = [one.colour for one in VERTEBRAE_CT.labels]
    assert all(one != other for one, other in pairwise(colours))


def test_vertebrae_merge_into_the_spine_without_sacrum_and_coccyx() -> None:
    table = np.frombuffer(SPINE_OF_VERTEBRAE.table(), np.uint8)
    assert table[[0, 1, 20, 25, 26, 27, 28, 200]].tolist() == [0, 1, 1, 1, 0, 0, 1, 0]


def test_a_label_is_the_same_after_a_way_through_json() -> None:
    for one in VERTEBRAE_CT.labels:
        assert Label.from_json(json.loads(json.dumps(one.to_json()))) == one


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([label(1, "Liver"), label(1, "Spleen")], "“Liver” and “Spleen” have the same value, 1."),
        ([label(1, "Liver"), label(2, "LIVER")], "Two labels are called “LIVER”."),
        ([], "A task needs at least one label."),
    ],
)
def test_a_task_with_labels_of_one_value_or_name_or_none_is_refused(labels: list[Label], expected: str) -> None:
    with pytest.raises(TaskRejected) as refused:
        Task("organs", "Organs", tuple(labels))
    assert str(refused.value) == expected


@pytest.mark.parametrize("value", [0, -1, 256, True, 1.0])
def test_values_are_1_to_255(value: int) -> None:
    with pytest.raises(TaskRejected, match="Values are 1 to 255"):
        label(value, "Liver")


@pytest.mark.parametrize("name", ["", " ", "two\nlines", "x" * 65, "Liver "])
def test_names_are_one_line_of_up_to_64_characters(name: str) -> None:
    with pytest.raises(TaskRejected):
        Label(1, name, "x", "#000000")


def test_a_name_may_be_korean_and_look_like_html() -> None:
    assert Label(1, "간 <b>", "간", "#000000").name == "간 <b>"


# --- names ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "level"),
    [
        ("vertebrae_L5", "L5"),
        ("Vertebra T12", "T12"),
        ("T12 vertebra", "T12"),
        ("C07", "C7"),
        ("VertebraL3", "L3"),
        ("Th11", "T11"),
        ("D4", "T4"),
        ("first lumbar vertebra", "L1"),
        ("Lumbar 4", "L4"),
        ("요추 1번", "L1"),
        ("제12흉추", "T12"),
        ("atlas", "C1"),
        ("Sacrum", "sacrum"),
        ("천골", "sacrum"),
        ("T13", "T13"),
        ("T14", ""),
        ("L0", ""),
        ("L5 disc", ""),
        ("vertebral body L1", ""),
        ("rib T4", ""),
        ("liver", ""),
        ("", ""),
    ],
)
def test_levels_are_read_out_of_names(name: str, level: str) -> None:
    assert level_of(name) == level


def test_names_of_one_structure_have_one_key() -> None:
    assert key_of("kidney_left") == key_of("Left kidney") == key_of("LeftKidney")
    assert key_of("kidney_left") != key_of("kidney_right")
    assert key_of("lungs") == key_of("Lung")


# --- which value is which label ---------------------------------------------------------------------------------------
def test_a_code_decides_before_a_name() -> None:
    coded = FoundValue(7, 5, "Segment_1", Code("66794005", "SCT", "L1"))
    (one,) = propose([coded], VERTEBRAE_CT)
    assert (one.label, one.by) == (VERTEBRAE_CT.label(20), "code")


def test_a_code_that_several_labels_share_leaves_it_to_the_name() -> None:
    coded = FoundValue(7, 5, "L6", Code("51282000", "SCT", "Vertebra"))
    (one,) = propose([coded], VERTEBRAE_CT)
    assert (one.label, one.by) == (VERTEBRAE_CT.label(25), "name")


def test_names_decide_before_numbers_and_a_strange_name_is_no_label() -> None:
    names = ("vertebrae_L5", "vertebrae_L4", "aorta")
    assert proposed(found(20, 21, 22, names=names)) == ["L5", "L4", ""]


@pytest.mark.parametrize(
    ("values", "levels"),
    [
        ((20, 21, 22, 23, 24), ["L1", "L2", "L3", "L4", "L5"]),
        ((25, 26, 28), ["L6", "Sacrum", "T13"]),
        ((27, 28, 29, 30, 31, 32), ["L5", "L4", "L3", "L2", "L1", "T12"]),
        ((5, 51, 27, 25), ["", "", "L5", "Sacrum"]),
        ((18, 19, 20, 35, 41, 92), ["L5", "L4", "L3", "C7", "C1", "Sacrum"]),
    ],
)
def test_numbers_without_names_are_those_of_the_numbering_that_explains_most(
    values: tuple[int, ...], levels: list[str]
) -> None:
    assert proposed(found(*values)) == levels


def test_a_task_without_levels_takes_its_own_values() -> None:
    organs = Task("organs", "Organs", (label(1, "Liver"), label(2, "Spleen")))
    assert proposed(found(1, 2, 3), organs) == ["Liver", "Spleen", ""]
    assert proposed(found(1), SPINE_CT) == ["Spine"]


def test_a_value_without_a_label_is_refused_by_name_and_background_is_said() -> None:
    values = found(1, 2, 40, names=("L1", "L2", "Aorta"))
    with pytest.raises(ValuesWithoutLabel) as refused:
        mapping.apply(values, VERTEBRAE_CT, {1: 20, 2: 21})
    assert "40 (Aorta)" in str(refused.value)
    assert mapping.apply(values, VERTEBRAE_CT, {1: 20, 2: 21, 40: None}) == {1: 20, 2: 21, 40: 0}
    with pytest.raises(MappingRejected):
        mapping.apply(values, VERTEBRAE_CT, {1: 200})


def test_forty_values_mapped_to_five_name_some_of_those_left_over() -> None:
    with pytest.raises(ValuesWithoutLabel, match="…"):
        mapping.apply(found(*range(1, 41)), VERTEBRAE_CT, dict.fromkeys(range(1, 6), 1))


# --- lists of labels of other programs --------------------------------------------------------------------------------
def test_a_dataset_json_of_nnunet_1_and_2_gives_the_same_labels() -> None:
    first = labels_of_file(json.dumps({"labels": {"0": "background", "1": "liver", "2": "vertebrae_L1"}}))
    second = labels_of_file(json.dumps({"labels": {"background": 0, "liver": 1, "vertebrae_L1": 2}}))
    assert first == second
    assert [(one.value, one.name, one.short) for one in first] == [(1, "liver", "liver"), (2, "vertebrae_L1", "L1")]
    assert first[1].type == Code("66794005", "SCT", "L1 vertebra")


def test_a_colour_table_of_slicer_gives_names_and_colours() -> None:
    text = "# 3 values\n0 Background 0 0 0 0\n1 right_lung 197 165 145 255\n2 liver 221 130 101 255\n"
    assert [(one.value, one.name, one.colour) for one in labels_of_file(text)] == [
        (1, "right lung", "#c5a591"),
        (2, "liver", "#dd8265"),
    ]


def test_label_descriptions_of_itk_snap_give_names_and_colours() -> None:
    text = '# ITK-SnAP\n 0 0 0 0 0 0 0 "Clear Label"\n 1   255    0    0        1  1  1    "L1 <i>"\n'
    (one,) = labels_of_file(text)
    assert (one.value, one.name, one.colour) == (1, "L1 <i>", "#ff0000")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "This is not a list of labels"),
        ("hello\n", "“hello” cannot be read"),
        ("{", "not valid JSON"),
        ('{"labels": []}', "no “labels”"),
        ('{"labels": {"whole": [1, 2]}}', "several values"),
        ('{"labels": {"liver": 300}}', "values up to 255"),
        ('{"labels": {"liver": 1.5}}', "whole numbers"),
        ('{"labels": {"liver": true}}', "whole numbers"),
        ("[" * 100_000, "cannot be read"),
        ('{"labels":' * 50_000, "not valid JSON"),
    ],
)
def test_other_files_are_refused_with_what_is_wrong(text: str, expected: str) -> None:
    with pytest.raises(TaskRejected, match=expected):
        labels_of_file(text)


def test_short_names_fit_the_picture() -> None:
    assert [short_of(name) for name in ("vertebrae_T9", "Liver", "Left upper lobe of lung", "Hippocampus")] == [
        "T9",
        "Liver",
        "LULOL",
        "Hippocam",
    ]
