"""Files that Keras 2 wrote: the same output as the original network, or a reason why not; never anything executed.

The files in tests/spineml/keras2 were written by Keras 2 itself (make.py there), with the answers it gave.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from spineml.checksum import sha256_of
from spineml.errors import ModelFileRejected
from spineml.model import keras2_file, model_file
from spineml.model.architecture import Architecture
from spineml.model.preprocess import Preprocess
from spineml.tasks.shipped import SPINE_CT
from spineml.tasks.task import Task
from tests.spineml.learning_data import KIDNEYS

HERE = Path(__file__).parent / "keras2"
PAPER_SMALL = Architecture(
    base_filters=2, stem_stride=1, normalisation="none", dropout=0.5, upsampling="nearest", head_filters=2
)
KERNEL = "model_weights/conv2d/conv2d/kernel:0"


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    return Path(shutil.copy(HERE / "ronneberger.h5", tmp_path / "theirs.h5"))


@pytest.fixture
def weights_alone(tmp_path: Path) -> Path:
    return Path(shutil.copy(HERE / "ronneberger_weights.h5", tmp_path / "weights.h5"))


def test_a_whole_model_becomes_a_file_of_ours(theirs: Path, tmp_path: Path) -> None:
    assert keras2_file.is_foreign(theirs)
    keras2_file.convert(theirs, tmp_path / "ours.h5")
    spec = model_file.inspect(tmp_path / "ours.h5")
    assert not keras2_file.is_foreign(tmp_path / "ours.h5")
    assert spec.architecture == PAPER_SMALL
    assert spec.preprocess.canvases == (32,)  # the one size it was made for
    assert spec.training["imported"] == {"sha256": sha256_of(theirs), "keras": "2.21.0"}


def test_the_window_it_was_trained_with_is_the_importers_to_say(theirs: Path, tmp_path: Path) -> None:
    spec = keras2_file.convert(theirs, tmp_path / "ours.h5", preprocess=Preprocess(40, 400))
    assert (spec.preprocess.window_centre, spec.preprocess.window_width) == (40, 400)


def test_weights_alone_are_understood_by_their_shapes(weights_alone: Path, tmp_path: Path) -> None:
    spec = keras2_file.convert(weights_alone, tmp_path / "ours.h5")
    assert spec.architecture == Architecture(**{**PAPER_SMALL.as_json(), "dropout": 0.0})
    assert spec.preprocess == Preprocess()


def test_the_same_file_gives_the_same_bytes(theirs: Path, tmp_path: Path) -> None:
    for name in ("a.h5", "b.h5"):
        keras2_file.convert(theirs, tmp_path / name)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", ["ronneberger", "ronneberger_weights", "normalised"])
def test_the_imported_network_answers_as_the_original_did(name: str, tmp_path: Path) -> None:
    with h5py.File(HERE / "answers.h5") as answers:
        image, theirs = answers["image"][()], answers[name.removesuffix("_weights")][()]
    keras2_file.convert(HERE / f"{name}.h5", tmp_path / "ours.h5")
    model, _ = model_file.load(tmp_path / "ours.h5")
    ours = 1 / (1 + np.exp(-np.asarray(model(image, training=False))))
    assert np.abs(ours - theirs).max() < 5e-6


@pytest.mark.tensorflow
def test_an_imported_network_segments(tmp_path: Path) -> None:
    from spineml.model.predict import Predictor

    keras2_file.convert(HERE / "ronneberger.h5", tmp_path / "ours.h5")
    with h5py.File(HERE / "answers.h5") as answers:
        image, theirs = answers["image"][0, ..., 0], answers["ronneberger"][0, ..., 0]
    with Predictor(tmp_path / "ours.h5") as predictor:
        assert np.abs(predictor.submit(image).result() - theirs).max() < 5e-6


LAST = "model_weights/conv2d_23/conv2d_23"


def with_outputs(path: Path, outputs: int, activation: str = "softmax") -> Path:
    """The last layer with so many outputs: the background's logit is 0, each structure's that of the original."""
    with h5py.File(path, "r+") as file:
        for name in ("kernel:0", "bias:0"):
            values = file[f"{LAST}/{name}"][()]
            del file[f"{LAST}/{name}"]
            file[f"{LAST}/{name}"] = np.concatenate([0 * values, *[values] * (outputs - 1)], axis=-1)
        if "model_config" in file.attrs:
            layer("conv2d_23", filters=outputs, activation=activation)(file)
    return path


@pytest.mark.tensorflow
def test_a_softmax_over_background_and_structure_answers_as_the_original_did(theirs: Path, tmp_path: Path) -> None:
    spec = keras2_file.convert(with_outputs(theirs, 2), tmp_path / "ours.h5")
    assert (spec.architecture.classes, spec.values) == (2, (0, 1))
    with h5py.File(HERE / "answers.h5") as answers:
        image, expected = answers["image"][()], answers["ronneberger"][()]
    model, _ = model_file.load(tmp_path / "ours.h5")
    raised = np.exp(np.asarray(model(image, training=False)))
    assert np.abs(raised[..., 1:] / raised.sum(axis=-1, keepdims=True) - expected).max() < 5e-6


def test_a_softmax_over_several_structures_takes_the_labels_of_its_task_by_their_values(
    theirs: Path, tmp_path: Path
) -> None:
    spec = keras2_file.convert(with_outputs(theirs, 4), tmp_path / "ours.h5", task=KIDNEYS)
    assert (spec.task, spec.values, spec.architecture.classes) == ("kidneys-ct", (0, 3, 5, 9), 4)
    assert spec.classes == ("background", "Right kidney", "Left kidney", "Stone")
    assert model_file.inspect(tmp_path / "ours.h5") == spec


def test_weights_alone_with_several_outputs_are_taken_for_a_softmax(weights_alone: Path, tmp_path: Path) -> None:
    with h5py.File(weights_alone, "r+") as file:
        for name in ("kernel:0", "bias:0"):
            place = f"conv2d_23/conv2d_23/{name}"
            values = np.repeat(file[place][()], 4, axis=-1)
            del file[place]
            file[place] = values
    assert keras2_file.convert(weights_alone, tmp_path / "ours.h5", task=KIDNEYS).architecture.classes == 4


@pytest.mark.parametrize(
    ("outputs", "activation", "task", "reason"),
    [
        (3, "softmax", SPINE_CT, "tells 2 structures apart .* “Spine”: 1. Choose the task"),
        (3, "softmax", KIDNEYS, "tells 2 structures apart .* “Kidneys”: 3. Choose the task"),
        (4, "sigmoid", KIDNEYS, "ends in 4 sigmoids"),
        (4, "linear", KIDNEYS, "ends in linear instead of a sigmoid or a softmax"),
    ],
)
def test_outputs_that_do_not_fit_the_task_are_refused(
    theirs: Path, tmp_path: Path, outputs: int, activation: str, task: Task, reason: str
) -> None:
    with pytest.raises(ModelFileRejected, match=reason):
        keras2_file.convert(with_outputs(theirs, outputs, activation), tmp_path / "ours.h5", task=task)


def test_one_structure_is_not_the_label_of_a_task_with_several(theirs: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelFileRejected, match="tells 1 structures"):
        keras2_file.convert(theirs, tmp_path / "ours.h5", task=KIDNEYS)


def test_importing_needs_no_tensorflow(theirs: Path, tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from spineml.model import keras2_file; "
        "keras2_file.convert(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])); "
        "sys.exit(bool({'tensorflow', 'keras', 'tf_keras'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program, str(theirs), str(tmp_path / "ours.h5")], check=False)
    assert done.returncode == 0


# --- what is refused --------------------------------------------------------------------------------------------------
Damage = Callable[[h5py.File], None]


def layer(name: str, **settings: Any) -> Damage:
    """Change the settings of a layer; ``kind`` its class, ``inputs`` where it takes its values from."""

    def change(file: h5py.File) -> None:
        config = json.loads(file.attrs["model_config"])
        row = next(row for row in config["config"]["layers"] if row["config"]["name"] == name)
        row["class_name"] = settings.pop("kind", row["class_name"])
        row["inbound_nodes"] = settings.pop("inputs", row["inbound_nodes"])
        row["config"] |= settings
        file.attrs["model_config"] = json.dumps(config)

    return change


def config_is(value: Any) -> Damage:
    def change(file: h5py.File) -> None:
        file.attrs["model_config"] = value

    return change


def another_kernel(shape: tuple[int, ...], dtype: Any = np.float32, **how: Any) -> Damage:
    def change(file: h5py.File) -> None:
        del file[KERNEL]
        file.create_dataset(KERNEL, shape, dtype, **how)

    return change


def external_link(file: h5py.File) -> None:
    del file[KERNEL]
    file[KERNEL] = h5py.ExternalLink("/etc/hostname", "/")


def external_weights(file: h5py.File) -> None:
    del file["model_weights"]
    file["model_weights"] = h5py.ExternalLink("other.h5", "/model_weights")


def external_storage(file: h5py.File) -> None:
    del file[KERNEL]
    file.create_dataset(KERNEL, (3, 3, 1, 2), np.float32, external=[("/etc/hostname", 0, h5py.h5f.UNLIMITED)])


def missing_kernel(file: h5py.File) -> None:
    del file[KERNEL]


def not_a_number(file: h5py.File) -> None:
    file[KERNEL][...] = np.inf


def more_weights(file: h5py.File) -> None:
    file.create_dataset("model_weights/dense/dense/kernel:0", data=np.zeros((2, 2), np.float32))


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (layer("conv2d_2", kind="Lambda"), "is a Lambda.*Nothing in the file was executed"),
        (layer("conv2d_2", kind="Functional"), "is a Functional"),
        (layer("conv2d_2", kind="os.system"), "is a os.system"),
        (layer("conv2d_2", activation="elu"), "elu instead of ReLU"),
        (layer("conv2d_2", strides=[2, 2]), "strides"),
        (layer("conv2d_2", padding="valid"), "padding"),
        (layer("conv2d_2", kernel_size=[5, 5]), "kernel_size"),
        (layer("conv2d_23", activation="softmax"), "ends in softmax"),
        (layer("up_sampling2d", interpolation="bilinear"), "interpolation"),
        (layer("concatenate", inputs=[[["conv2d_1", 0, 0, {}], ["conv2d_10", 0, 0, {}]]]), "level of the same size"),
        (layer("conv2d_2", inputs=[[["input_1", 0, 0, {}]]]), "branches after"),
        (layer("conv2d_2", inputs=[[["nowhere", 0, 0, {}]]]), "not one that Keras 2 writes"),
        (layer("dropout", inputs=[[["dropout", 0, 0, {}]]]), "cycle"),
        (layer("input_1", batch_input_shape=[None, 32, 32, 3]), "3 channels"),
        (config_is("{not json"), "not one that Keras 2 writes"),
        (config_is("[" * 60_000), "not one that Keras 2 writes"),
        (config_is(json.dumps({"class_name": "Sequential", "config": {}})), "Sequential"),
        (config_is(" " * 5_000_000), "too long"),
        (config_is(np.zeros(5)), "not text"),
        (config_is(h5py.Empty("f")), "not text"),
        (another_kernel((10**9, 10**9), chunks=(1024, 1024)), "no upsampling path|shape"),
        (another_kernel((3, 3, 10**9, 10**9), chunks=(1, 1, 64, 64)), "has fewer values"),
        (another_kernel((3, 3, 1, 4)), "shape"),
        (another_kernel((3, 3, 1, 2), np.float64), "has fewer values"),
        (another_kernel((3, 3, 1, 2), h5py.string_dtype()), "has fewer values"),
        (external_link, "external link"),
        (external_weights, "external link"),
        (external_storage, "another file"),
        (missing_kernel, "lacks"),
        (not_a_number, "finite"),
        (more_weights, "weights of layers"),
    ],
)
def test_what_is_no_unet_of_this_family_is_refused_with_its_reason(
    theirs: Path, tmp_path: Path, damage: Damage, reason: str
) -> None:
    with h5py.File(theirs, "r+") as file:
        damage(file)
    with pytest.raises(ModelFileRejected, match=reason):
        keras2_file.convert(theirs, tmp_path / "ours.h5")
    assert not (tmp_path / "ours.h5").exists()


def test_a_real_lambda_layer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFileRejected, match="Lambda"):
        keras2_file.convert(HERE / "lambda.h5", tmp_path / "ours.h5")


@pytest.mark.parametrize("share", [0.001, 0.3, 0.7, 0.99])
def test_a_truncated_file_is_refused(theirs: Path, tmp_path: Path, share: float) -> None:
    theirs.write_bytes(theirs.read_bytes()[: int(theirs.stat().st_size * share)])
    with pytest.raises(ModelFileRejected, match="complete file"):
        keras2_file.convert(theirs, tmp_path / "ours.h5")


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        ([b"conv2d"], "no upsampling path"),
        ([b"nowhere"], "no upsampling path"),
        ([], "no upsampling path"),
        ([1, 2, 3], "damaged"),
    ],
)
def test_weights_alone_in_an_order_of_no_unet_are_refused(
    weights_alone: Path, tmp_path: Path, names: list[Any], reason: str
) -> None:
    with h5py.File(weights_alone, "r+") as file:
        file.attrs["layer_names"] = names
    with pytest.raises(ModelFileRejected, match=reason):
        keras2_file.convert(weights_alone, tmp_path / "ours.h5")
