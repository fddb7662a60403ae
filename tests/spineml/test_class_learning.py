"""Learning several structures: their data set, crops and batches, and a training that ends in a file that segments."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from spineml.checksum import sha256_of
from spineml.learning.augment import Augmentation, Example, crop, usual
from spineml.learning.batches import Batches, DatasetSlices, Source
from spineml.learning.dataset_file import ATTRIBUTE, DatasetFileRejected, DatasetReader, DatasetWriter
from spineml.model import model_file
from spineml.model.preprocess import Preprocess
from spineml.tasks.classes import Classes, ValuesOutsideTask
from spineml.tasks.shipped import SPINE_CT, VERTEBRAE_CT
from tests.spineml.learning_data import (
    KIDNEYS,
    LEFT_KIDNEY,
    RIGHT_KIDNEY,
    facts_of,
    kidneys,
    settings,
    write_dataset,
    write_kidneys,
)

MIRRORED = Classes(KIDNEYS).mirrored


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[DatasetReader]:
    with DatasetReader(write_kidneys(tmp_path / "kidneys.h5")) as opened:
        yield opened


# --- the frozen file --------------------------------------------------------------------------------------------------
def test_a_data_set_names_its_task_and_keeps_the_values_of_its_labels(reader: DatasetReader) -> None:
    assert reader.task == KIDNEYS
    assert np.array_equal(reader.read(1, 2)[1], kidneys(1)[1][2])
    assert reader.entries[1].label_slices == {RIGHT_KIDNEY: (0, 2), LEFT_KIDNEY: (0, 2)}


def test_a_value_outside_of_the_task_is_refused_by_name(tmp_path: Path) -> None:
    hu, mask = kidneys(0)
    mask[1, 5, 5] = 7
    with (
        pytest.raises(ValuesOutsideTask, match="Kidneys has no labels for: 7"),
        DatasetWriter(tmp_path / "data.h5", KIDNEYS) as writer,
    ):
        writer.add(facts_of(0, "train", hu.shape), zip(hu, mask, strict=True))


def test_a_data_set_of_the_spine_stores_what_it_always_did(tmp_path: Path) -> None:
    hu, mask = kidneys(0)
    with DatasetWriter(tmp_path / "data.h5") as writer:
        entry = writer.add(facts_of(0, "train", hu.shape), zip(hu, mask, strict=True))
    assert entry.label_slices == {}
    with DatasetReader(tmp_path / "data.h5") as opened:
        assert opened.task == SPINE_CT
        assert np.array_equal(opened.read(0, 0)[1], mask[0] > 0)


def with_facts(path: Path, change: Any) -> Path:
    with h5py.File(path, "r+") as file:
        facts = json.loads(file[ATTRIBUTE][()].tobytes())
        change(facts)
        del file[ATTRIBUTE]
        file.create_dataset(ATTRIBUTE, data=np.frombuffer(json.dumps(facts).encode(), np.uint8))
    return path


def test_a_file_from_before_tasks_is_of_the_spine(tmp_path: Path) -> None:
    def older(facts: dict[str, Any]) -> None:
        del facts["task"]
        for entry in facts["entries"]:
            del entry["label_slices"]

    with DatasetReader(with_facts(write_dataset(tmp_path / "data.h5"), older)) as opened:
        assert opened.task == SPINE_CT
        assert opened.entries[0].label_slices == {}


@pytest.mark.parametrize(
    "task", [None, 3, {}, {**KIDNEYS.to_json(), "labels": []}, {**KIDNEYS.to_json(), "slug": "No Slug"}, []]
)
def test_a_task_that_is_none_is_refused(tmp_path: Path, task: Any) -> None:
    path = with_facts(write_kidneys(tmp_path / "data.h5"), lambda facts: facts.update(task=task))
    with pytest.raises(DatasetFileRejected):
        DatasetReader(path)


# --- crops and batches ------------------------------------------------------------------------------------------------
def two_sides() -> Example:
    """The right kidney (class 1) at the left edge, brighter than the left one (class 2); a stone (3) in its middle."""
    classes = np.zeros((100, 100), np.uint8)
    classes[30:70, 10:40], classes[40:60, 60:90], classes[45:55, 20:30] = 1, 2, 3
    hu = np.choose(classes, [-300, 900, 300, 900]).astype(np.float32)
    return Example(hu, classes, (0.8, 0.8), mirrored=MIRRORED)


def still(**changes: Any) -> Augmentation:
    """No change but flips."""
    plan = replace(usual(("flip",)), spacing_mm=(0.8, 0.8), flip_x_share=0.0, flip_y_share=0.0)
    return replace(plan, **changes)


def classes_of(plan: Augmentation, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    image, target = crop(two_sides(), 256, Preprocess(), plan, np.random.default_rng(seed))
    return image[..., 0], target[..., 0]


@pytest.mark.parametrize("flip", ["flip_x_share", "flip_y_share"])
def test_in_a_mirror_left_and_right_change_places(flip: str) -> None:
    _, plain = classes_of(still())
    image, mirrored = classes_of(still(**{flip: 1.0}))
    counts, changed = Counter(plain.ravel().tolist()), Counter(mirrored.ravel().tolist())
    assert changed[2.0] == pytest.approx(counts[1.0], rel=0.1)
    assert changed[1.0] == pytest.approx(counts[2.0], rel=0.1)
    assert changed[3.0] == pytest.approx(counts[3.0], rel=0.3)
    assert image[mirrored == 2].mean() > image[mirrored == 1].mean()


def test_flipped_both_ways_a_body_is_only_turned() -> None:
    image, turned = classes_of(still(flip_x_share=1.0, flip_y_share=1.0))
    assert image[turned == 1].mean() > image[turned == 2].mean()
    _, plain = classes_of(still())
    assert (turned == 1).sum() == pytest.approx((plain == 1).sum(), rel=0.1)


@pytest.mark.parametrize("seed", range(12))
def test_crops_hold_whole_classes_that_stay_on_their_image(seed: int) -> None:
    calm = replace(
        Augmentation(elastic_share=0.5), noise_share=0, gain=0, offset_hu=0, blur_share=0, thick_share=0, window_share=0
    )
    image, target = crop(two_sides(), 96, Preprocess(), calm, np.random.default_rng(seed))
    assert set(np.unique(target[..., 0])) <= {0.0, 1.0, 2.0, 3.0}
    assert np.mean((image[..., 0] > 0.2) == (target[..., 0] > 0)) > 0.97


def test_labels_come_up_equally_often_however_rare_they_are(tmp_path: Path) -> None:
    with DatasetWriter(tmp_path / "data.h5", KIDNEYS) as writer:
        for number in range(9):
            hu, mask = kidneys(number)
            mask[mask == LEFT_KIDNEY] = LEFT_KIDNEY if number == 0 else RIGHT_KIDNEY
            writer.add(facts_of(number, "train", hu.shape), zip(hu, mask, strict=True))
    with DatasetReader(tmp_path / "data.h5") as opened:
        draw, rng = DatasetSlices(opened, opened.entries, 1.0), np.random.default_rng(0)
        drawn = [draw(rng) for _ in range(200)]
    assert 80 < sum((example.mask == 2).any() for example in drawn) < 140
    assert drawn[0].mirrored == (0, 2, 1, 3)


def test_a_batch_holds_classes(reader: DatasetReader) -> None:
    slices = DatasetSlices(reader, reader.in_split("train"), 1.0)
    batches = Batches([Source(1.0, slices)], settings(), Preprocess())
    seen = np.concatenate([batches(step)[1][..., 0].ravel() for step in range(6)])
    assert set(np.unique(seen)) == {0.0, 1.0, 2.0}


# --- training ---------------------------------------------------------------------------------------------------------
def trained(data: DatasetReader, folder: Path, name: str, base: Path | None = None, **changes: Any) -> Any:
    """The spec of the version that a training makes, as a file ``name`` in ``folder``."""
    from spineml.learning.fit import Job, fit, write

    options = {"epochs": 14, "base_filters": 4, "augmentation": [], **changes}
    job = Job(data, settings(**options), base, sha256_of(base) if base else None)
    fit(job, keep_in=folder / f"{name}-run")
    return write(job, folder / f"{name}.h5", keep_in=folder / f"{name}-run")


@pytest.mark.tensorflow
def test_a_network_learns_its_labels_and_its_file_segments_them(reader: DatasetReader, tmp_path: Path) -> None:
    from spineml.model.predict import Predictor

    spec = trained(reader, tmp_path, "made", epochs=60)
    assert model_file.inspect(tmp_path / "made.h5") == spec
    assert (spec.task, spec.values, spec.architecture.classes) == ("kidneys-ct", (0, 3, 5, 9), 4)
    assert spec.training["series_of_label"] == {"3": 2, "5": 2}
    (judged,) = spec.metrics["validation"]
    assert [(row["value"], row["patients"]) for row in judged["labels"]] == [(3, 1), (5, 1)]
    assert judged["dice"] == pytest.approx(np.mean([row["dice"] for row in judged["labels"]]))
    assert judged["dice"] > 0.6
    with Predictor(tmp_path / "made.h5") as predictor:
        found = predictor.predict_slice(kidneys(3)[0][0], (0.8, 0.8))
    reference = kidneys(3)[1][0]
    for value in (LEFT_KIDNEY, RIGHT_KIDNEY):
        assert np.mean((found == value)[reference == value]) > 0.5


@pytest.mark.tensorflow
@pytest.mark.parametrize("loss", ["dice", "tversky", "focal"])
def test_every_loss_learns_labels(reader: DatasetReader, tmp_path: Path, loss: str) -> None:
    from spineml.learning.fit import Job, Listener, fit

    losses: list[float] = []
    job = Job(reader, settings(loss=loss, epochs=8))
    fit(job, keep_in=tmp_path / "run", listener=Listener(on_step=lambda step, steps: losses.append(step.loss)))
    assert np.mean(losses[-4:]) < np.mean(losses[:4])


@pytest.mark.tensorflow
def test_a_training_for_other_structures_starts_with_all_but_the_last_layer(
    reader: DatasetReader, tmp_path: Path
) -> None:
    """From one structure to several and back."""
    from spineml.learning.fit import Job

    with DatasetReader(write_dataset(tmp_path / "spine.h5")) as spine:
        first = trained(spine, tmp_path, "spine-first", epochs=1)
        base = tmp_path / "spine-first.h5"
    job = Job(reader, settings(base_filters=4), base, sha256_of(base))
    _, weights = model_file.read(base)
    model = job.network()
    assert np.array_equal(model.get_layer("encoder_1_1_conv").kernel, weights["encoder_1_1_conv/kernel"])
    assert model.output_shape[-1] == 4
    spec = trained(reader, tmp_path, "kidneys", base, epochs=1)
    assert spec.training["transferred"] == "all but the last layer"
    assert (spec.task, spec.classes[1:], spec.parent_sha256) == (
        "kidneys-ct",
        ("Right kidney", "Left kidney", "Stone"),
        sha256_of(base),
    )
    assert spec.data.pixel_hashes >= first.data.pixel_hashes
    with DatasetReader(write_dataset(tmp_path / "again.h5")) as spine:
        back = trained(spine, tmp_path, "back", tmp_path / "kidneys.h5", epochs=1)
        further = trained(spine, tmp_path, "further", tmp_path / "back.h5", epochs=1)
    assert (back.task, back.classes, back.values, back.architecture.classes) == (
        "spine-ct",
        ("background", "spine"),
        (0, 1),
        1,
    )
    assert "transferred" in back.training
    assert "transferred" not in further.training


@pytest.mark.tensorflow
def test_a_network_for_all_vertebrae_trains_where_few_of_them_are_seen(tmp_path: Path) -> None:
    with DatasetWriter(tmp_path / "data.h5", VERTEBRAE_CT) as writer:
        for number, split in enumerate(("train", "validation")):
            hu, mask = kidneys(number)
            writer.add(facts_of(number, split, hu.shape), zip(hu, mask, strict=True))
    with DatasetReader(tmp_path / "data.h5") as opened:
        spec = trained(opened, tmp_path, "made", epochs=2, stem_stride=2)
    assert (spec.architecture.classes, spec.values) == (29, (0, *sorted(VERTEBRAE_CT.values)))
    assert [row["name"] for row in spec.metrics["validation"][0]["labels"]][:2] == ["C3 vertebra", "C5 vertebra"]
