"""The command that trains the shipped model, at the smallest scale; and the shipped file itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from spineml import model_file
from spineml.architecture import Architecture
from spineml.preprocess import Preprocess
from spineml.training_data import LabelledSeries
from tests.spineml.real_data import REAL_DATA, needs_real_data
from tests.spineml.real_series import real_series
from tests.spineml.tiny_models import TINY

SHIPPED = Path(__file__).parents[2] / "models" / "spine-ct-v1.h5"
MAX_SHIPPED_BYTES = 20e6


def test_the_shipped_model_is_accepted_and_small() -> None:
    spec = model_file.inspect(SHIPPED)
    assert spec.architecture == Architecture()
    assert spec.preprocess == Preprocess()
    assert spec.metrics["test"]
    assert SHIPPED.stat().st_size <= MAX_SHIPPED_BYTES


@pytest.fixture(scope="module")
def real() -> list[LabelledSeries]:
    return real_series()


@needs_real_data
def test_the_shipped_model_knows_what_it_has_seen(real: list[LabelledSeries]) -> None:
    spec = model_file.inspect(SHIPPED)
    test_hashes = {one.pixel_hash for one in real if one.split == "test"}
    for one in real:
        assert spec.has_seen(one.pixel_hash) == (one.split != "test")
    assert not test_hashes & spec.data.pixel_hashes


@needs_real_data
@pytest.mark.slow
@pytest.mark.tensorflow
def test_the_shipped_model_beats_the_baseline_on_test_patients(real: list[LabelledSeries]) -> None:
    from spineml import default_model, scoring

    model, spec = model_file.load(SHIPPED)
    tests = [one for one in real if one.split == "test" and one.source == "tcga"]
    ours = scoring.score("tcga", tests, default_model.segmenter(model, spec))
    simple = scoring.score("tcga", tests, scoring.threshold_baseline(120))
    assert ours.dice > simple.dice + 0.3


@needs_real_data
@pytest.mark.slow
@pytest.mark.tensorflow
def test_one_command_trains_judges_and_writes_a_model(
    tmp_path: Path, real: list[LabelledSeries], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from spineml import default_model
    from spineml.recipe import Recipe

    single = [one for one in real if one.source == "tcga"]
    few = [next(one for one in single if one.split == split) for split in ("train", "validation", "test")]
    monkeypatch.setattr(default_model, "load_all", lambda root: few)
    monkeypatch.setattr(default_model.synthetic, "load_anatomies", lambda folder: [])
    monkeypatch.setattr(default_model, "Recipe", lambda: Recipe(crop_size=32, crops=1, field_share=0))
    monkeypatch.setitem(default_model.ARCHITECTURES, "compact", lambda: TINY)
    out = tmp_path / "tiny.h5"
    work = tmp_path / "work"
    default_model.main(["--data", str(REAL_DATA), "--out", str(out), "--work", str(work), "--steps", "2"])
    spec = model_file.inspect(out)
    assert spec.training["steps"] == 2
    assert spec.metrics["test"][0]["source"] == "tcga"
    assert spec.data.pixel_hashes == {few[0].pixel_hash, few[1].pixel_hash}
    assert "Test patients" in capsys.readouterr().out
    assert np.isfinite(spec.postprocess.threshold)
