"""Model files: written whole, judged without running anything, rebuilt exactly."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from spineml.checksum import sha256_of
from spineml.errors import ModelFileRejected
from spineml.model import model_file
from spineml.model.architecture import Architecture
from spineml.model.model_file import SPEC_ATTRIBUTE, stored_name
from spineml.readers import hdf5_limits
from tests.spineml.tiny_models import TINY, tiny_spec, write_tiny

HEAD = stored_name("logits_head/kernel")


@pytest.fixture
def by_hand(tmp_path: Path) -> Path:
    """A complete model file made with h5py alone, so that most tests need no TensorFlow."""
    path = tmp_path / "model.h5"
    with h5py.File(path, "w") as file:
        for name, shape in TINY.weight_shapes().items():
            file.create_dataset(stored_name(name), data=np.ones(shape, np.float32))
        file.attrs[SPEC_ATTRIBUTE] = json.dumps(tiny_spec().as_json())
    return path


def test_a_complete_file_is_accepted(by_hand: Path) -> None:
    assert model_file.inspect(by_hand) == tiny_spec()


def test_the_spec_knows_what_the_model_has_seen(by_hand: Path) -> None:
    spec = model_file.inspect(by_hand)
    assert spec.has_seen("ab" * 32)
    assert not spec.has_seen("cd" * 32)


def without_spec(file: h5py.File) -> None:
    del file.attrs[SPEC_ATTRIBUTE]


def spec_with(**changes: Any) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        file.attrs[SPEC_ATTRIBUTE] = json.dumps({**tiny_spec().as_json(), **changes})

    return change


def spec_text(text: Any) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        file.attrs[SPEC_ATTRIBUTE] = text

    return change


def external_link(file: h5py.File) -> None:
    del file[HEAD]
    file[HEAD] = h5py.ExternalLink("/etc/hostname", "/")


def soft_link(file: h5py.File) -> None:
    file.move(HEAD, "kept")
    file[HEAD] = h5py.SoftLink("/kept")


def external_storage(file: h5py.File) -> None:
    del file[HEAD]
    shape = TINY.weight_shapes()["logits_head/kernel"]
    file.create_dataset(HEAD, shape, np.float32, external=[("/etc/hostname", 0, h5py.h5f.UNLIMITED)])


def virtual_data(file: h5py.File) -> None:
    del file[HEAD]
    layout = h5py.VirtualLayout(TINY.weight_shapes()["logits_head/kernel"], np.float32)
    layout[:] = h5py.VirtualSource("other.h5", "x", layout.shape)
    file.create_virtual_dataset(HEAD, layout)


def huge_shape(file: h5py.File) -> None:
    del file[HEAD]
    file.create_dataset(HEAD, (10**9, 10**9), np.float32, chunks=(1024, 1024))


def unknown_layer(file: h5py.File) -> None:
    file.create_dataset("lambda_1/lambda_1/code", data=np.zeros(3, np.float32))


def missing_layer(file: h5py.File) -> None:
    del file[HEAD]


def other_dtype(file: h5py.File) -> None:
    del file[HEAD]
    file.create_dataset(HEAD, data=np.zeros(TINY.weight_shapes()["logits_head/kernel"], np.float64))


def not_a_number(file: h5py.File) -> None:
    file[HEAD][...] = np.nan


def whole_keras_model(file: h5py.File) -> None:
    file.attrs["model_config"] = json.dumps({"config": {"layers": [{"class_name": "Lambda"}]}})


def deep_groups(file: h5py.File) -> None:
    file.create_group("/".join("abcdefghijkl"))


def cycle(file: h5py.File) -> None:
    file["logits_head/again"] = file["logits_head"]


def many_objects(file: h5py.File) -> None:
    for number in range(hdf5_limits.MAX_OBJECTS + 1):
        file.create_group(f"group_{number}")


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (without_spec, "no spec"),
        (spec_with(format=99), "format 99"),
        (spec_with(task="Liver CT"), "Liver CT"),
        (spec_with(architecture={"base_filters": 10**9}), "base_filters"),
        (spec_with(architecture={"base_filters": 4, "depth": 2}), "shape"),  # another network than the weights'
        (spec_with(preprocess={"window_width": 0}), "missing"),
        (spec_with(postprocess=None), "cannot be used"),
        (spec_with(data=[]), "cannot be used"),
        (spec_text("{not json"), "cannot be used"),
        (spec_text("[" * 100_000), "cannot be used"),  # nested until the parser gives up
        (spec_text("[1]"), "cannot be used"),
        (spec_text(np.zeros(5)), "not text"),
        (external_link, "external link"),
        (soft_link, "external link"),
        (external_storage, "another file"),
        (virtual_data, "another file"),
        (huge_shape, "shape"),
        (unknown_layer, "lambda_1"),
        (missing_layer, "lacks"),
        (other_dtype, "float64"),
        (not_a_number, "finite"),
        (whole_keras_model, "Lambda"),
        (deep_groups, "nested"),
        (cycle, "again|nested"),
        (many_objects, "more than"),
    ],
)
def test_a_dangerous_or_broken_file_is_refused(by_hand: Path, damage: Callable[[h5py.File], None], reason: str) -> None:
    with h5py.File(by_hand, "r+") as file:
        damage(file)
    with pytest.raises(ModelFileRejected, match=reason):
        model_file.inspect(by_hand)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.99])
def test_a_truncated_file_is_refused(by_hand: Path, share: float) -> None:
    by_hand.write_bytes(by_hand.read_bytes()[: int(by_hand.stat().st_size * share)])
    with pytest.raises(ModelFileRejected, match="complete file"):
        model_file.inspect(by_hand)


def test_a_file_that_is_not_hdf5_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.h5"
    path.write_bytes(b"this is no file of weights")
    with pytest.raises(ModelFileRejected, match="not HDF5"):
        model_file.inspect(path)


def test_a_keras_3_or_pytorch_file_is_not_called_damaged(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        archive.writestr("config.json", "{}")
    with pytest.raises(ModelFileRejected, match=r"models are read from HDF5 \(.h5\) alone"):
        model_file.inspect(tmp_path / "model.keras")


def test_a_file_that_is_too_large_is_refused(by_hand: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_file, "MAX_FILE_BYTES", 1000)
    with pytest.raises(ModelFileRejected, match="MB"):
        model_file.inspect(by_hand)


def test_a_changed_file_is_refused(by_hand: Path) -> None:
    registered = sha256_of(by_hand)
    with h5py.File(by_hand, "r+") as file:
        file[HEAD][...] = 2.0
    with pytest.raises(ModelFileRejected, match="SHA-256"):
        model_file.check_hash(by_hand, registered)


def test_inspecting_imports_no_tensorflow(by_hand: Path) -> None:
    program = (
        "import sys, pathlib; from spineml.model import model_file; "
        "model_file.inspect(pathlib.Path(sys.argv[1])); "
        "sys.exit(bool({'tensorflow', 'keras'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program, str(by_hand)], check=False).returncode == 0


# --- with TensorFlow ------------------------------------------------------------------------------------------------
@pytest.mark.tensorflow
@pytest.mark.parametrize(
    "architecture", [TINY, Architecture(base_filters=2, depth=1, stem_stride=1, normalisation="none", dropout=0.5)]
)
def test_a_model_survives_saving_and_loading(tmp_path: Path, architecture: Architecture) -> None:
    from spineml.model import unet

    path = tmp_path / "model.h5"
    model = write_tiny(path, architecture)
    image = np.random.default_rng(0).random((1, 32, 32, 1), np.float32)
    loaded, spec = model_file.load(path)
    read_by_keras = unet.build(architecture)
    read_by_keras.load_weights(path)
    assert spec == tiny_spec(architecture)
    for copy in (loaded, read_by_keras):
        assert np.array_equal(np.asarray(copy(image, training=False)), np.asarray(model(image, training=False)))


@pytest.mark.tensorflow
def test_the_same_model_gives_the_same_file(tmp_path: Path) -> None:
    write_tiny(tmp_path / "a.h5")
    write_tiny(tmp_path / "b.h5")
    assert sha256_of(tmp_path / "a.h5") == sha256_of(tmp_path / "b.h5")


@pytest.mark.tensorflow
def test_a_failed_save_leaves_the_old_file_and_no_draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.h5"
    write_tiny(path)
    before = sha256_of(path)

    def disk_full(file: h5py.File, weights: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(model_file, "_write_weights", disk_full)
    with pytest.raises(OSError, match="No space"):
        write_tiny(path, name="other")
    assert sha256_of(path) == before
    assert [file.name for file in tmp_path.iterdir()] == ["model.h5"]


@pytest.mark.tensorflow
def test_a_model_of_another_architecture_is_not_saved(tmp_path: Path) -> None:
    from spineml.model import unet

    with pytest.raises(ValueError, match="not the network"):
        model_file.save(unet.build(TINY), tiny_spec(Architecture()), tmp_path / "model.h5")
