"""The network: shapes, names, and the bias it starts with."""

from __future__ import annotations

import numpy as np
import pytest

from spineml.model.architecture import Architecture
from tests.spineml.tiny_models import TINY

pytestmark = pytest.mark.tensorflow


@pytest.mark.parametrize(
    "architecture",
    [
        TINY,
        Architecture(base_filters=2, depth=2, stem_stride=1),
        Architecture(base_filters=3, depth=1, normalisation="none", convolutions=1),
        Architecture(base_filters=2, depth=3, stem_stride=1, normalisation="none", dropout=0.5),
        Architecture(base_filters=2, depth=2, stem_stride=1, upsampling="nearest", head_filters=3),
        Architecture(base_filters=2, depth=2, normalisation="none", upsampling="nearest", head_filters=2),
    ],
)
def test_a_network_has_the_weights_its_architecture_promises(architecture: Architecture) -> None:
    from spineml.model import unet

    weights = unet.named_weights(unet.build(architecture))
    assert {name: tuple(variable.shape) for name, variable in weights.items()} == architecture.weight_shapes()


@pytest.mark.parametrize("stem_stride", [1, 2])
def test_logits_have_the_size_of_the_image(stem_stride: int) -> None:
    from spineml.model import unet

    model = unet.build(Architecture(base_filters=2, depth=2, stem_stride=stem_stride))
    assert model(np.zeros((2, 48, 32, 1), np.float32)).shape == (2, 48, 32, 1)


def test_blocks_are_named() -> None:
    from spineml.model import unet

    names = {layer.name.split("_conv")[0] for layer in unet.build(TINY).layers if layer.name.endswith("_conv")}
    blocks = ("encoder_1", "encoder_2", "bottleneck", "decoder_2", "decoder_1")
    assert names == {"stem", *(f"{block}_{index}" for block in blocks for index in (1, 2))}


def test_a_fresh_network_expects_little_spine() -> None:
    from spineml.model import unet

    logits = np.asarray(unet.build(TINY)(np.zeros((1, 32, 32, 1), np.float32)))
    assert np.allclose(logits, unet.FIRST_OUTPUT_BIAS)


def test_mixed_precision_still_gives_float32_logits() -> None:
    from spineml.model import unet

    model = unet.build(TINY, dtype_policy="mixed_float16")
    assert model.output.dtype == "float32"
    assert model.get_layer("encoder_1_1_conv").compute_dtype == "float16"
