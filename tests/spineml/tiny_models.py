"""Networks small enough for a test, and model files of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from spineml.model import model_file
from spineml.model.architecture import Architecture
from spineml.model.model_file import ModelSpec, TrainingRecord
from spineml.model.postprocess import Postprocess
from spineml.model.preprocess import Preprocess

TINY = Architecture(base_filters=2, depth=2)
SMALL_CANVASES = Preprocess(canvases=(32, 64))


def tiny_spec(architecture: Architecture = TINY, **changes: Any) -> ModelSpec:
    values = {"name": "tiny", "data": TrainingRecord(("phantoms",), 1, frozenset({"ab" * 32}))}
    return ModelSpec(architecture, SMALL_CANVASES, Postprocess(), **{**values, **changes})


def write_tiny(path: Path, architecture: Architecture = TINY, **changes: Any) -> Any:
    """Save a tiny network with random weights and statistics that do something; returns the network."""
    from tests.spineml.tiny_networks import restless

    model = restless(architecture)
    model_file.save(model, tiny_spec(architecture, **changes), path)
    return model
