"""The command that trains the shipped model, at the smallest scale; and the shipped file itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scripts.default_model.training_data import LabelledSeries
from spineml.checksum import sha256_of
from spineml.model import model_file
from spineml.model.architecture import Architecture
from spineml.model.fingerprint import Fingerprint, SeriesFacts
from spineml.model.preprocess import Preprocess
from tests.spineml.real_data import REAL_DATA, needs_real_data
from tests.spineml.real_series import real_series
from tests.spineml.tiny_models import TINY

MODELS = Path(__file__).parents[2] / "models"
SHIPPED, PARENT = MODELS / "spine-ct-v2.h5", MODELS / "spine-ct-v1.h5"
MAX_SHIPPED_BYTES = 20e6


def test_the_shipped_model_is_accepted_and_small() -> None:
    spec = model_file.inspect(SHIPPED)
    assert spec.architecture == Architecture()
    assert spec.preprocess == Preprocess()
    assert spec.metrics["test"]
    assert spec.parent_sha256 == sha256_of(PARENT)
    assert SHIPPED.stat().st_size <= MAX_SHIPPED_BYTES


def test_the_shipped_model_knows_what_its_images_were_like() -> None:
    learned = Fingerprint.from_json(model_file.inspect(SHIPPED).fingerprint)
    usual = SeriesFacts(pixel_spacing=0.7, slice_spacing=None, histogram=learned.histograms[0], image_size=512)
    assert learned.outside(usual) == []
    assert learned.outside(replace(usual, pixel_spacing=0.1))


@pytest.fixture(scope="module")
def real() -> list[LabelledSeries]:
    return real_series()


@needs_real_data
def test_the_shipped_model_knows_what_it_has_seen(real: list[LabelledSeries]) -> None:
    shipped, parent = model_file.inspect(SHIPPED), model_file.inspect(PARENT)
    for one in real:
        assert shipped.has_seen(one.pixel_hash)
        assert parent.has_seen(one.pixel_hash) == (one.split != "test")


@needs_real_data
@pytest.mark.slow
@pytest.mark.tensorflow
def test_the_model_it_comes_from_beats_the_baseline_on_patients_it_never_saw(real: list[LabelledSeries]) -> None:
    from scripts.default_model import scoring
    from scripts.default_model import train as default_model

    model, spec = model_file.load(PARENT)
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
    from scripts.default_model import train as default_model
    from scripts.default_model.recipe import Recipe

    def small(**changes: Any) -> Recipe:
        return Recipe(**{"crop_size": 32, "crops": 1, "field_share": 0.0, "field_size": 64, "fields": 1, **changes})

    single = [one for one in real if one.source == "tcga"]
    few = [next(one for one in single if one.split == split) for split in ("train", "validation", "test")]
    monkeypatch.setattr(default_model, "load_all", lambda root: few)
    monkeypatch.setattr(default_model.synthetic, "load_anatomies", lambda folder: [])
    monkeypatch.setattr(default_model, "Recipe", small)
    monkeypatch.setitem(default_model.ARCHITECTURES, "compact", lambda: TINY)
    monkeypatch.setattr(default_model, "SETTLING_BATCHES", 2)
    parent, out, work = tmp_path / "parent.h5", tmp_path / "tiny.h5", tmp_path / "work"
    command = ["--data", str(REAL_DATA), "--work", str(work), "--steps", "2"]
    default_model.main([*command, "--out", str(parent)])
    spec = model_file.inspect(parent)
    assert spec.training["steps"] == 2
    assert spec.metrics["test"][0]["source"] == "tcga"
    assert spec.data.pixel_hashes == {few[0].pixel_hash, few[1].pixel_hash}
    assert "Test patients" in capsys.readouterr().out

    again = ["--start-from", str(parent), "--work", str(tmp_path / "again")]
    default_model.main([*command, "--out", str(out), "--all-patients", *again])
    judged, shipped = model_file.inspect(tmp_path / "again" / "tiny-judged.h5"), model_file.inspect(out)
    assert shipped.parent_sha256 == judged.parent_sha256 == sha256_of(parent)
    assert judged.data.pixel_hashes == spec.data.pixel_hashes
    assert shipped.data.pixel_hashes == {one.pixel_hash for one in few}
    assert (shipped.metrics, shipped.postprocess) == (judged.metrics, judged.postprocess)


@pytest.mark.tensorflow
def test_the_threshold_is_the_highest_that_costs_next_to_no_dice() -> None:
    from scripts.default_model.scoring import Score
    from scripts.default_model.train import best_threshold

    def with_dice(dice: float) -> Score:
        return Score("", 1, 1, dice, dice, 0.9, 0.9, dice, 0, 0, 0.0)

    levels = {0.4: with_dice(0.950), 0.5: with_dice(0.948), 0.6: with_dice(0.940)}
    assert best_threshold(levels) == 0.5
