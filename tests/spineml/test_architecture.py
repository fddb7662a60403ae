"""A network's parameters are checked before anything is built from them."""

from __future__ import annotations

import math

import pytest

from spineml.model.architecture import Architecture

NEWER = ("upsampling", "head_filters")


def test_the_paper_s_network_has_31_million_weights() -> None:
    shapes = Architecture.paper().weight_shapes()
    assert round(sum(math.prod(shape) for shape in shapes.values()) / 1e6, 1) == 31.0


def test_the_default_network_has_less_than_two_million_weights() -> None:
    assert sum(math.prod(shape) for shape in Architecture().weight_shapes().values()) < 2e6


def test_parameters_survive_json() -> None:
    architecture = Architecture(base_filters=8, depth=3, stem_stride=1, normalisation="none")
    assert Architecture.from_json(architecture.as_json()) == architecture


@pytest.mark.parametrize(
    "values",
    [
        {"base_filters": 0},
        {"base_filters": 10**9},  # would need more memory than there is
        {"depth": 7},
        {"depth": 2.5},
        {"depth": True},  # a bool is an int in Python
        {"stem_stride": 3},
        {"normalisation": "layer"},
        {"upsampling": "bilinear"},
        {"head_filters": -1},
        {"dropout": 1.0},
        {"dropout": float("nan")},
    ],
)
def test_impossible_parameters_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="Received instead"):
        Architecture(**values)  # type: ignore[arg-type]


def test_an_unknown_parameter_is_refused() -> None:
    with pytest.raises(TypeError):
        Architecture.from_json({"base_filters": 16, "lambda": "x"})


def test_the_parameters_of_the_first_files_still_mean_the_same_network() -> None:
    first = {name: value for name, value in Architecture().as_json().items() if name not in NEWER}
    assert Architecture.from_json(first) == Architecture()
