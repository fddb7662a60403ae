"""Label checks of a mask with several labels: what is said of all of it, and what of single labels by their names."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np

from spineml.masks.label_checks import CheckSettings, LabelCheck, Suspicion
from spineml.phantom import spine_phantom
from spineml.tasks.bones import bone_values
from spineml.tasks.shipped import SPINE_CT, VERTEBRAE_CT
from spineml.tasks.task import Task
from spineml.volumes.volume import LabelArray
from tests.spineml.learning_data import KIDNEYS

VOLUME, MASK = spine_phantom((16, 128, 128), seed=2, spacing=(4.0, 1.6, 1.6))
GRID, HU = VOLUME.geometry, VOLUME.hu
L1, L2, L3, L4 = 20, 21, 22, 23
BONES = bone_values(VERTEBRAE_CT)


def heads_up() -> bool:
    """Whether the last slice is nearest to the head."""
    return bool(GRID.affine_lps()[2, 2] > 0)


def levels(order: tuple[int, ...] = (L1, L2, L3, L4)) -> LabelArray:
    """The phantom's spine as four levels of four slices each, ``order`` from head to foot."""
    downwards = np.repeat(order, 4)
    values = downwards[::-1] if heads_up() else downwards
    return np.asarray(MASK.labels * values[:, None, None], np.uint8)


def check(labels: LabelArray, task: Task = VERTEBRAE_CT, **options: object) -> list[Suspicion]:
    look = LabelCheck(GRID, bone=bone_values(task), labels=task.labels, **options)  # type: ignore[arg-type]
    for z in range(GRID.shape[0]):
        look.add(z, HU[z], labels[z])
    return list(look.finish().suspicions)


def named(labels: LabelArray, code: str, **options: object) -> list[str]:
    return [one.values["labels"] for one in check(labels, **options) if one.code == code]  # type: ignore[arg-type]


def test_good_labels_are_not_remarked_on() -> None:
    assert check(levels()) == []


def test_a_mask_of_labels_is_checked_as_a_whole_as_one_of_the_spine_is() -> None:
    moved = np.roll(levels(), 12, 2)
    assert [one.code for one in check(moved)] == ["shifted"]
    assert [one.code for one in check(np.minimum(moved, 1), SPINE_CT)] == ["shifted"]
    assert [one.code for one in check(np.zeros_like(moved))] == ["empty"]


def test_levels_in_the_wrong_order_are_named() -> None:
    assert named(levels((L1, L3, L2, L4)), "label-order") == ["L2 vertebra, L3 vertebra"]


def test_levels_from_foot_to_head_are_all_named() -> None:
    upside_down = levels((L4, L3, L2, L1))
    assert named(upside_down, "label-order") == ["L1 vertebra, L2 vertebra, L3 vertebra, L4 vertebra"]


def test_where_directions_are_unknown_only_the_order_counts() -> None:
    grid = replace(GRID, spacing_known=False)
    for order, found in (((L4, L3, L2, L1), []), ((L1, L3, L2, L4), ["label-order"])):
        look, labels = LabelCheck(grid, bone=BONES, labels=VERTEBRAE_CT.labels), levels(order)
        for z in range(GRID.shape[0]):
            look.add(z, HU[z], labels[z])
        assert [one.code for one in look.finish().suspicions] == found


def test_one_level_beside_its_bone_is_named_with_its_slice() -> None:
    labels = levels()
    labels[labels == L2] = 0
    places = np.flatnonzero((levels() == L2).any(axis=(1, 2)))
    labels[places, 60:64, 96:104] = L2
    (found,) = [one for one in check(labels) if one.code == "label-off-bone"]
    assert found.values == {"labels": "L2 vertebra"}
    assert found.z in places


def test_one_label_outside_the_body_is_named_although_most_of_the_mask_is_right() -> None:
    labels = levels()
    labels[3, :3, :14] = 27
    assert "outside-body" not in [one.code for one in check(labels, settings=CheckSettings(most_outside=0.02))]
    assert named(labels, "label-outside-body", settings=CheckSettings(most_outside=0.02)) == ["Coccyx"]


def test_a_label_in_many_parts_is_named() -> None:
    labels = levels()
    inside = labels[:, 30:100:4, 30:100:4]
    inside[inside == 0] = L3
    assert named(labels, "label-parts", settings=CheckSettings(most_parts=10**6)) == ["L3 vertebra"]


def test_bone_is_not_asked_of_organs() -> None:
    kidneys = np.zeros_like(MASK.labels)
    kidneys[4:12, 60:64, 30:44], kidneys[4:12, 60:64, 86:100] = 3, 5
    assert check(kidneys, KIDNEYS) == []
    assert "off-bone" in [
        one.code for one in check(np.minimum(kidneys, 1), SPINE_CT, settings=CheckSettings(farthest=2.0))
    ]


def test_memory_does_not_grow_with_the_slices() -> None:
    labels = levels()

    def peak(rounds: int) -> int:
        tracemalloc.start()
        grid = replace(GRID, shape=(16 * rounds, 128, 128))
        look = LabelCheck(grid, bone=BONES, labels=VERTEBRAE_CT.labels)
        for z in range(16 * rounds):
            look.add(z, HU[z % 16], labels[z % 16])
        look.finish()
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    assert peak(12) < 1.5 * peak(4)
