"""Segmenting slices and volumes: every slice once, in order, nothing after a stop, errors unchanged."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from spineml.errors import ModelFileRejected
from spineml.volumes.canonical_file import SliceFileReader, write_volume
from spineml.volumes.volume import Geometry, Volume, with_unknown_spacing
from tests.spineml.tiny_models import write_tiny

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    from spineml.model.predict import Predictor

    path = tmp_path_factory.mktemp("model") / "model.h5"
    write_tiny(path)
    with Predictor(path) as loaded:
        loaded.warm_up()
        yield loaded


class Source:
    """Slices made when asked for; remembers how far it was read."""

    def __init__(self, slices: int, *, broken_at: int = -1) -> None:
        self.geometry = Geometry((slices, 40, 30), (2.0, 0.8, 0.8))
        self.read_so_far = 0
        self._broken_at = broken_at

    def __len__(self) -> int:
        return self.geometry.shape[0]

    def read(self, z: int) -> np.ndarray:
        if z == self._broken_at:
            raise OSError("disk gone")
        self.read_so_far = z + 1
        return np.random.default_rng(z).integers(-1024, 2000, (40, 30)).astype(np.int16)


def test_every_slice_reaches_the_sink_once_and_in_order(predictor) -> None:  # type: ignore[no-untyped-def]
    source, masks, reports = Source(30), [], []
    timings = predictor.segment(
        source, lambda z, mask: masks.append((z, mask)), on_slice=lambda done, total: reports.append((done, total))
    )
    assert [z for z, _ in masks] == list(range(30))
    assert reports == [(done, 30) for done in range(1, 31)]
    assert (timings.slices, timings.stopped) == (30, False)
    for z, mask in masks:
        assert np.array_equal(mask, predictor.predict_slice(source.read(z), (0.8, 0.8)))
        assert (mask.shape, mask.dtype) == ((40, 30), np.uint8)


def test_the_mask_is_that_of_the_keras_model(predictor, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    model = write_tiny(tmp_path / "model.h5")
    hu = Source(1).read(0)
    spec = predictor.spec
    canvas, placement = spec.preprocess.prepare(hu, (0.8, 0.8))
    logits = np.asarray(model(canvas[np.newaxis, ..., np.newaxis], training=False))[0, ..., 0]
    expected = spec.preprocess.restore(1 / (1 + np.exp(-logits)), placement)
    assert np.allclose(predictor.predict_probability(hu, (0.8, 0.8)), expected, atol=1e-5)


def test_the_probability_of_each_slice_comes_just_before_its_mask(predictor) -> None:  # type: ignore[no-untyped-def]
    source = Source(3)
    heard: list[tuple[str, int]] = []
    kept = {}

    def probability(z: int, values: np.ndarray) -> None:
        heard.append(("probability", z))
        kept[z] = values

    predictor.segment(source, lambda z, mask: heard.append(("mask", z)), on_probability=probability)
    assert heard == [(what, z) for z in range(3) for what in ("probability", "mask")]
    hu = source.read(1)
    np.testing.assert_array_equal(kept[1], predictor.predict_probability(hu, source.geometry.spacing[1:]))


def test_asked_to_stop_it_begins_no_further_slice(predictor) -> None:  # type: ignore[no-untyped-def]
    source, masks = Source(1000), []
    timings = predictor.segment(source, lambda z, mask: masks.append(z), should_stop=lambda: len(masks) >= 5)
    assert timings.stopped
    assert masks == list(range(timings.slices))
    assert len(masks) < 15
    assert source.read_so_far < 25  # reading is only a few slices ahead


def test_reading_waits_for_a_slow_sink(predictor) -> None:  # type: ignore[no-untyped-def]
    """Memory stays flat: with the sink held back, only a few slices are under way."""
    source, held = Source(200), threading.Event()
    with ThreadPoolExecutor(1) as caller:
        run = caller.submit(predictor.segment, source, lambda z, mask: held.wait(10))
        threading.Event().wait(0.5)
        read_while_held = source.read_so_far
        held.set()
        assert run.result().slices == 200
    assert read_while_held < 20


def test_an_error_of_the_source_is_raised_unchanged(predictor) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(OSError, match="disk gone"):
        predictor.segment(Source(10, broken_at=4), lambda z, mask: None)


def test_an_error_of_the_sink_is_raised_unchanged(predictor) -> None:  # type: ignore[no-untyped-def]
    def full(z: int, mask: np.ndarray) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        predictor.segment(Source(10), full)


def test_no_slice_is_no_work(predictor) -> None:  # type: ignore[no-untyped-def]
    assert predictor.segment(Source(0), lambda z, mask: None).slices == 0


def test_several_threads_share_one_predictor(predictor) -> None:  # type: ignore[no-untyped-def]
    hu = Source(1).read(0)
    alone = predictor.predict_slice(hu, (0.8, 0.8))
    with ThreadPoolExecutor(8) as callers:
        together = list(callers.map(lambda _: predictor.predict_slice(hu, (0.8, 0.8)), range(40)))
    assert all(np.array_equal(alone, mask) for mask in together)


def test_a_canonical_file_of_unknown_spacing_keeps_its_pixels(predictor, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    geometry = with_unknown_spacing(Geometry((3, 40, 30)))
    hu = np.stack([Source(1).read(0)] * 3)
    write_volume(tmp_path / "volume.h5", Volume(hu, geometry))
    masks = {}
    with SliceFileReader(tmp_path / "volume.h5") as source:
        predictor.segment(source, masks.__setitem__)
    assert np.array_equal(masks[1], predictor.predict_slice(hu[1], None))


def test_the_timings_add_up(predictor) -> None:  # type: ignore[no-untyped-def]
    timings = predictor.segment(Source(5), lambda z, mask: None)
    assert timings.total > 0
    assert timings.outside_cpu_ms_per_slice > 0
    assert timings.as_json()["slices"] == 5


def test_a_file_that_was_changed_is_not_loaded(tmp_path: Path) -> None:
    from spineml.model.predict import Predictor

    write_tiny(tmp_path / "model.h5")
    with pytest.raises(ModelFileRejected, match="SHA-256"):
        Predictor(tmp_path / "model.h5", expected_sha256="0" * 64)
