"""Which networks a worker holds, and when it lets go of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from inference.models import InferenceRun
from registry.models import ModelVersion
from registry.services import default_version_ensure
from spineml.model.fingerprint import SeriesFacts, fingerprint, histogram
from spineml.phantom import spine_phantom
from spineplatform.shared.lease import execute
from tests import factories

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
    from inference import worker as runner

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
    from inference.worker import KEPT

    held = []
    for number in range(KEPT + 1):
        with predictors.using(version(number)) as predictor:
            held.append(predictor)
    assert [predictor.closed for predictor in held] == [True, *[False] * KEPT]


def test_a_network_in_use_is_never_closed(predictors: Any) -> None:
    with predictors.using(version(1)) as long_run:
        for number in range(2, 8):
            with predictors.using(version(number)):
                pass
        assert not long_run.closed


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_prediction_tells_how_sure_the_network_was_of_each_slice_and_what_is_unlike_its_training() -> None:
    from inference.worker import run_inference

    default_version_ensure(folder=settings.MODEL_DIR)
    image, _ = spine_phantom(shape=(4, 256, 256), spacing=(3.0, 1.5, 1.5))
    image.hu[2] = -1000  # air: nothing to doubt
    version = ModelVersion.objects.get()
    learned = SeriesFacts(pixel_spacing=0.5, slice_spacing=3.0, histogram=histogram(image.hu), image_size=256)
    version.spec["fingerprint"] = fingerprint([learned]).as_json()
    version.save(update_fields=["spec"])
    run = factories.inference_run(of=factories.series(image=image), model_version=version)
    execute(InferenceRun, run.pk, run_inference)
    confidence = run.prediction.annotation.confidence
    assert len(confidence) == 4
    assert all(0 <= value <= 1 for value in confidence)
    assert confidence[2] == 1
    assert [one["code"] for one in run.prediction.annotation.deviations] == ["pixel-spacing"]
