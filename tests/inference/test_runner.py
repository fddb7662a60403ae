"""Which networks a worker holds, and when it lets go of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from training.models import ModelVersion

pytestmark = pytest.mark.tensorflow


class Loaded:
    """Stands for a loaded network: only its life matters here."""

    def __init__(self, path: Path, **options: Any) -> None:
        self.closed = False

    def warm_up(self) -> None:
        """Nothing to warm."""

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def predictors(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    from inference import runner

    monkeypatch.setattr(runner, "Predictor", Loaded)
    monkeypatch.setattr(runner.storage, "local_path", lambda file: tmp_path)
    return runner.Predictors()


def version(number: int) -> ModelVersion:
    return ModelVersion(number=number, sha256=str(number))


def test_a_version_is_loaded_once(predictors: Any) -> None:
    with predictors.using(version(1)) as first:
        pass
    with predictors.using(version(1)) as again:
        assert again is first


def test_the_longest_unused_network_is_closed(predictors: Any) -> None:
    held = []
    for number in (1, 2, 3):
        with predictors.using(version(number)) as predictor:
            held.append(predictor)
    assert [predictor.closed for predictor in held] == [True, False, False]


def test_a_network_in_use_is_never_closed(predictors: Any) -> None:
    with predictors.using(version(1)) as long_run:
        for number in (2, 3, 4):
            with predictors.using(version(number)):
                pass
        assert not long_run.closed
