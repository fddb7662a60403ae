"""Networks that tell several structures apart: their files, their answers, and the masks that come of them."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from spineml.errors import ModelFileRejected
from spineml.model import model_file
from spineml.model.architecture import Architecture
from spineml.model.model_file import SPEC_ATTRIBUTE, ModelSpec
from spineml.model.postprocess import Postprocess
from spineml.model.preprocess import Preprocess
from spineml.model.probe import Flaw, probe
from tests.spineml.tiny_models import tiny_spec, write_tiny

STEM = Architecture(base_filters=2, depth=2, classes=4)
PLAIN = Architecture(base_filters=2, depth=2, stem_stride=1, normalisation="none", classes=4)
NAMED = {"task": "organs-ct", "classes": ("background", "Lung", "Liver", "Spleen"), "values": (0, 3, 200, 7)}


@pytest.fixture
def canvas() -> np.ndarray:
    return np.random.default_rng(0).random((64, 64), np.float32)


# --- files ------------------------------------------------------------------------------------------------------------
def test_a_spec_keeps_task_names_and_values() -> None:
    spec = tiny_spec(STEM, **NAMED)
    assert ModelSpec.from_json(json.loads(json.dumps(spec.as_json()))) == spec


def test_a_spec_from_before_labels_had_names_is_of_one_class(tmp_path: Path) -> None:
    stored = tiny_spec().as_json()
    del stored["values"], stored["architecture"]["classes"]
    spec = ModelSpec.from_json(stored)
    assert (spec.architecture.classes, spec.values, spec.task) == (1, (0, 1), "spine-ct")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"values": (0, 3, 200)}, "tells 4 classes apart, the background included; its spec names 4 and gives 3"),
        ({"classes": ("background", "Lung")}, "its spec names 2 and gives 4"),
        ({"values": (0, 3, 3, 7)}, "Two classes of the model have the value 3"),
        ({"values": (0, 3, 256, 7)}, "the values of others are 1 to 255"),
        ({"values": (1, 3, 200, 7)}, "the background with the value 0"),
        ({"values": (0, 3, 0, 7)}, "the values of others are 1 to 255"),
        ({"task": "Organs CT"}, "“Organs CT” is not the identifier of a task"),
        ({"task": "o" * 33}, "is not the identifier of a task"),
    ],
)
def test_classes_that_do_not_fit_are_refused_with_what_does_not(tmp_path: Path, changes, said: str) -> None:
    path = tmp_path / "model.h5"
    with h5py.File(path, "w") as file:
        file.attrs[SPEC_ATTRIBUTE] = json.dumps(tiny_spec(STEM, **{**NAMED, **changes}).as_json())
        for name, shape in STEM.weight_shapes().items():
            file.create_dataset(model_file.stored_name(name), data=np.ones(shape, np.float32))
    with pytest.raises(ModelFileRejected, match=said):
        model_file.inspect(path)


@pytest.mark.parametrize("classes", [0, 257, True, 2.0])
def test_a_network_has_up_to_255_structures(classes) -> None:
    with pytest.raises(ValueError, match="classes"):
        Architecture(classes=classes)


def test_weights_of_another_number_of_classes_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.h5"
    with h5py.File(path, "w") as file:
        file.attrs[SPEC_ATTRIBUTE] = json.dumps(tiny_spec(STEM, **NAMED).as_json())
        for name, shape in Architecture(base_filters=2, depth=2, classes=5).weight_shapes().items():
            file.create_dataset(model_file.stored_name(name), data=np.ones(shape, np.float32))
    with pytest.raises(ModelFileRejected, match="logits_head"):
        model_file.inspect(path)


# --- answers ----------------------------------------------------------------------------------------------------------
def softmax(logits: np.ndarray) -> np.ndarray:
    shares = np.exp(logits - logits.max(-1, keepdims=True))
    return shares / shares.sum(-1, keepdims=True)


@pytest.mark.tensorflow
def test_a_new_network_begins_with_the_background(canvas: np.ndarray) -> None:
    from spineml.model import unet

    for classes in (2, 4, 27):
        model = unet.build(Architecture(base_filters=2, depth=2, classes=classes))
        logits = np.asarray(model(np.zeros((1, 32, 32, 1), np.float32)))[0]
        assert logits.shape == (32, 32, classes)
        assert softmax(logits)[..., 0].mean() == pytest.approx(1 / (1 + np.exp(-3)), abs=1e-3)


@pytest.mark.tensorflow
def test_the_answer_is_what_the_softmax_says(tmp_path: Path, canvas: np.ndarray) -> None:
    from spineml.model.runtime import open_network

    model = write_tiny(tmp_path / "model.h5", PLAIN, **NAMED)
    network = open_network(*model_file.read(tmp_path / "model.h5"), "hash", None)
    expected = softmax(np.asarray(model(canvas[np.newaxis, ..., np.newaxis], training=False))[0])

    answer = network.submit(canvas).result()

    assert answer.shape == (64, 64, 3)
    assert np.allclose(answer[..., 0], 1 - expected[..., 0], atol=1e-5)
    asked = answer[..., 2] > 0
    assert asked[expected[..., 0] < 0.9].all()
    assert (answer[..., 2] == expected[..., 1:].argmax(-1) + 1)[asked].all()
    share = expected[..., 1:].max(-1) / (1 - expected[..., 0])
    assert np.allclose(answer[..., 1][asked], share[asked], atol=1e-4)


@pytest.mark.tensorflow
@pytest.mark.parametrize("architecture", [STEM, PLAIN])
def test_the_structures_box_gives_what_the_whole_canvas_gives(architecture: Architecture) -> None:
    import tensorflow as tf

    from spineml.model.runtime import class_answer, class_answer_in_box

    rng = np.random.default_rng(3)
    logits = np.full((1, 32, 32, 4), -6, np.float32)
    logits[..., 0] = 6
    logits[0, 10:18, 4:20, 1:] = rng.normal(4, 3, (8, 16, 3))
    logits[0, 10:18, 4:20, 0] = 0
    stride = architecture.stem_stride
    size = tf.constant([32 * stride, 32 * stride])

    whole = class_answer(tf.image.resize(logits, size, "bilinear")).numpy()[0]
    boxed = class_answer_in_box(tf.constant(logits), size).numpy()[0]

    sure = whole[..., 0] > 0.5
    assert sure.any()
    if stride == 1:
        assert np.allclose(boxed[..., 0], whole[..., 0], atol=1e-5)
    assert (boxed[..., 2] == whole[..., 2])[sure].mean() == 1
    assert np.allclose(boxed[..., 1][sure], whole[..., 1][sure], atol=1e-5)
    assert boxed.shape == whole.shape


@pytest.mark.tensorflow
def test_an_image_without_any_structure_has_an_answer() -> None:
    import tensorflow as tf

    from spineml.model.runtime import class_answer_in_box

    logits = np.zeros((1, 16, 16, 4), np.float32)
    logits[..., 0] = 20
    answer = class_answer_in_box(tf.constant(logits), tf.constant([32, 32])).numpy()
    assert answer.shape == (1, 32, 32, 3)
    assert answer[..., 0].max() < 1e-6


@pytest.mark.tensorflow
def test_masks_hold_the_values_of_the_task(tmp_path: Path) -> None:
    from spineml.model.predict import Predictor

    hu = np.random.default_rng(1).integers(-1000, 1500, (50, 60), np.int16)
    write_tiny(tmp_path / "model.h5", STEM, **NAMED)
    with Predictor(tmp_path / "model.h5") as predictor:
        probability, mask = predictor.predict(hu, (0.8, 0.8))
        again = predictor.predict(hu, (2.4, 2.4))
    assert mask.dtype == np.uint8
    assert set(np.unique(mask)) <= {0, 3, 200, 7}
    assert (mask > 0).any()
    assert probability.shape == mask.shape == again[1].shape == hu.shape
    assert ((probability >= 0) & (probability <= 1)).all()


@pytest.mark.tensorflow
def test_one_structure_of_another_task_has_its_own_value(tmp_path: Path) -> None:
    from spineml.model.predict import Predictor

    hu = np.random.default_rng(1).integers(-1000, 1500, (64, 64), np.int16)
    masks = []
    for values in ((0, 1), (0, 42)):
        write_tiny(tmp_path / "model.h5", Architecture(base_filters=2, depth=2), values=values)
        with Predictor(tmp_path / "model.h5") as predictor:
            masks.append(predictor.predict_slice(hu, (0.8, 0.8)))
    assert masks[0].any()
    assert (masks[0] * 42 == masks[1]).all()


def test_the_probe_finds_a_network_of_several_classes_that_marks_nothing() -> None:
    from tests.spineml.test_probe import random

    weights = random(STEM)
    spec = ModelSpec(STEM, Preprocess(canvases=(256,)), Postprocess(0.5, 0, 0), **NAMED)
    bias = weights["logits_head/bias"]
    nothing = weights | {"logits_head/bias": bias + np.array([1000, 0, 0, 0], np.float32)}
    all_of_it = weights | {"logits_head/bias": bias - np.array([1000, 0, 0, 0], np.float32)}
    assert probe(spec, nothing) is Flaw.EMPTY
    assert probe(spec, all_of_it) is Flaw.NONE
