"""The classes of a task: in order of their values, back and forth, and what becomes of them in a mirror."""

from __future__ import annotations

import numpy as np
import pytest

from spineml.tasks.classes import Classes, ValuesOutsideTask
from spineml.tasks.shipped import SPINE_CT, VERTEBRAE_CT
from spineml.tasks.task import ANATOMY, LEFT, RIGHT, Code, Label, Task
from tests.spineml.learning_data import KIDNEYS

LUNG = Code("39607008", "SCT", "Lung")


def of_names(*names: str) -> Classes:
    return Classes(Task("some", "Some", tuple(Label(n, name, f"s{n}", "#ffffff") for n, name in enumerate(names, 1))))


def coded(value: int, name: str, kind: Code, side: Code | None) -> Label:
    return Label(value, name, f"s{value}", "#ffffff", ANATOMY, kind, side)


def test_classes_are_the_background_and_the_labels_by_their_values() -> None:
    classes = Classes(KIDNEYS)
    assert classes.values == (0, 3, 5, 9)
    assert classes.names == ("background", "Right kidney", "Left kidney", "Stone")
    assert classes.outputs == 4


def test_one_structure_needs_one_output() -> None:
    assert (Classes(SPINE_CT).outputs, Classes(SPINE_CT).values) == (1, (0, 1))
    assert Classes(SPINE_CT).names == ("background", "spine")


def test_a_label_map_survives_the_way_to_classes_and_back() -> None:
    labels = np.random.default_rng(0).choice([0, *sorted(VERTEBRAE_CT.values)], (7, 9)).astype(np.uint8)
    classes = Classes(VERTEBRAE_CT)
    assert np.array_equal(classes.decode(classes.encode(labels)), labels)


def test_a_task_with_all_values_has_a_class_for_each() -> None:
    classes = of_names(*(f"Part {n}" for n in range(1, 256)))
    assert classes.outputs == 256
    assert np.array_equal(classes.encode(np.arange(256, dtype=np.uint8)), np.arange(256))


def test_a_value_without_a_label_is_named() -> None:
    with pytest.raises(ValuesOutsideTask, match="no labels for: 4, 77"):
        Classes(KIDNEYS).encode(np.array([[0, 3, 4, 77]], np.uint8))


@pytest.mark.parametrize(
    "names", [("Left kidney", "Right kidney"), ("kidney_left", "kidney_right"), ("Kidney, right", "Kidney, left")]
)
def test_left_and_right_of_a_pair_change_places_in_a_mirror(names: tuple[str, str]) -> None:
    assert of_names("Spleen", *names).mirrored == (0, 1, 3, 2)


def test_sides_by_code_need_no_words() -> None:
    labels = (coded(1, "폐 왼쪽", LUNG, LEFT), coded(2, "폐 오른쪽", LUNG, RIGHT), coded(3, "Heart", LUNG, None))
    assert Classes(Task("lungs", "Lungs", labels)).mirrored == (0, 2, 1, 3)


def test_lobes_of_one_code_are_told_apart_by_their_names() -> None:
    names = ("left upper lobe", "right upper lobe", "left lower lobe", "right lower lobe", "right middle lobe")
    labels = tuple(coded(n, name, LUNG, LEFT if "left" in name else RIGHT) for n, name in enumerate(names, 1))
    assert Classes(Task("lobes", "Lobes", labels)).mirrored == (0, 2, 1, 4, 3, 5)


def test_what_has_no_counterpart_stays_what_it_is() -> None:
    assert of_names("Left atrium", "Aorta", "Right lung").mirrored == (0, 1, 2, 3)
    assert Classes(VERTEBRAE_CT).mirrored == tuple(range(29))


def test_a_task_comes_back_from_plain_data() -> None:
    assert Task.from_json(VERTEBRAE_CT.to_json()) == VERTEBRAE_CT
