"""A model that marks nothing is found by NumPy alone, and NumPy's network is TensorFlow's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from spineml.model import model_file
from spineml.model.architecture import Architecture
from spineml.model.model_file import ModelSpec, Weights
from spineml.model.postprocess import Postprocess
from spineml.model.probe import Flaw, logits_of, probe

SHIPPED = Path(__file__).parents[2] / "models" / "spine-ct-v2.h5"


@pytest.fixture(scope="module")
def shipped() -> tuple[ModelSpec, Weights]:
    return model_file.read(SHIPPED)


def random(architecture: Architecture) -> Weights:
    rng = np.random.default_rng(1)
    weights = {
        name: rng.normal(0, 0.2, shape).astype(np.float32) for name, shape in architecture.weight_shapes().items()
    }
    return {name: abs(values) if name.endswith("variance") else values for name, values in weights.items()}


def test_the_shipped_model_marks_spine_on_the_drawn_ct(shipped: tuple[ModelSpec, Weights]) -> None:
    assert probe(*shipped) is Flaw.NONE


def test_zeroed_weights_answer_the_same_everywhere(shipped: tuple[ModelSpec, Weights]) -> None:
    spec, weights = shipped
    assert probe(spec, {name: np.zeros_like(values) for name, values in weights.items()}) is Flaw.CONSTANT
    last = weights | {"logits_head/kernel": np.zeros_like(weights["logits_head/kernel"])}
    assert probe(spec, last) is Flaw.CONSTANT


def test_a_model_that_never_reaches_its_threshold_marks_nothing(shipped: tuple[ModelSpec, Weights]) -> None:
    spec, weights = shipped
    assert probe(spec, weights | {"logits_head/bias": weights["logits_head/bias"] - 1000}) is Flaw.EMPTY
    tidied = replace(spec, postprocess=Postprocess(threshold=0.5, smallest_part_mm2=900_000))
    assert probe(tidied, weights) is Flaw.EMPTY


def test_weights_that_overflow_are_told_from_empty_masks(shipped: tuple[ModelSpec, Weights]) -> None:
    spec, weights = shipped
    assert probe(spec, {name: values + np.float32(1e30) for name, values in weights.items()}) is Flaw.NOT_FINITE


def of_any(logits: np.ndarray) -> np.ndarray:
    """The logit of any structure, by the probabilities that a softmax gives."""
    if logits.shape[-1] == 1:
        return logits[..., 0]
    shares = np.exp(logits.astype(np.float64))
    return np.log(shares[..., 1:].sum(-1) / shares[..., 0])


@pytest.mark.parametrize(
    "architecture",
    [
        Architecture(base_filters=4, depth=2),
        Architecture(
            base_filters=4, depth=2, stem_stride=1, normalisation="none", upsampling="nearest", head_filters=2
        ),
        Architecture(base_filters=2, depth=3, convolutions=1, normalisation="none"),
        Architecture(base_filters=2, depth=2, stem_stride=1, classes=5),
    ],
)
def test_the_network_of_the_probe_is_the_network_of_the_workers(architecture: Architecture) -> None:
    from spineml.model import unet

    weights = random(architecture)
    model = unet.build(architecture)
    for name, variable in unet.named_weights(model).items():
        variable.assign(weights[name])
    canvas = np.random.default_rng(2).random((64, 64)).astype(np.float32)
    expected = of_any(np.asarray(model(canvas[None, :, :, None]))[0])
    assert np.abs(logits_of(architecture, weights, canvas) - expected).max() < 1e-3 * max(1, np.abs(expected).max())
