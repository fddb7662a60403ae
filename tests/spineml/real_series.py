"""The labelled public CT, read once for all tests of a run."""

from __future__ import annotations

from functools import cache

from scripts.default_model.training_data import LabelledSeries, load_all
from tests.spineml.real_data import REAL_DATA


@cache
def real_series() -> list[LabelledSeries]:
    return load_all(REAL_DATA)
