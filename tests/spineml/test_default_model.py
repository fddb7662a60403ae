"""The command that trains the shipped model, at the smallest scale; and the shipped file itself."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from scripts.default_model import recipe, scoring
from scripts.default_model.training_data import LabelledSeries
from spineml.checksum import sha256_of
from spineml.learning.dataset_file import DatasetReader
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
def test_the_model_it_comes_from_beats_the_baseline_on_patients_it_never_saw(
    tmp_path: Path, real: list[LabelledSeries]
) -> None:
    from scripts.default_model import train

    tests = [one for one in real if one.split == "test" and one.source == "tcga"]
    with DatasetReader(recipe.freeze(tests, tmp_path / "data.h5", lambda one: one.split)) as reader:
        ours = scoring.score("tcga", reader, reader.entries, train.segmenter(*model_file.load(PARENT)))
        simple = scoring.score("tcga", reader, reader.entries, scoring.threshold_baseline(120))
    assert ours.rates.dice > simple.rates.dice + 0.3


SMALL = {"base_filters": TINY.base_filters, "depth": TINY.depth, "crop_size": 32, "batch_size": 1}


@needs_real_data
@pytest.mark.slow
@pytest.mark.tensorflow
def test_one_command_trains_judges_and_writes_a_model(
    tmp_path: Path, real: list[LabelledSeries], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from scripts.default_model import train

    single = [one for one in real if one.source == "tcga"]
    few = [next(one for one in single if one.split == split) for split in ("train", "validation", "test")]
    monkeypatch.setattr(train, "load_all", lambda root: few)
    monkeypatch.setattr(train.synthetic, "load_anatomies", lambda folder: [])
    monkeypatch.setattr(train.fit, "SETTLING_BATCHES", 2)
    parent, out, work = tmp_path / "parent.h5", tmp_path / "tiny.h5", tmp_path / "work"
    command = ["--data", str(REAL_DATA), "--steps", "2", "--settings", json.dumps(SMALL)]
    train.main([*command, "--out", str(parent), "--work", str(work)])
    spec = model_file.inspect(parent)
    assert (spec.training["steps"], spec.postprocess.smallest_part_mm2) == (2, 20)
    assert spec.metrics["test"][0]["source"] == "tcga"
    assert spec.data.pixel_hashes == {few[0].pixel_hash, few[1].pixel_hash}
    assert "Test patients" in capsys.readouterr().out

    again = ["--start-from", str(parent), "--work", str(tmp_path / "again")]
    train.main([*command, "--out", str(out), "--all-patients", *again])
    judged, shipped = model_file.inspect(tmp_path / "again" / "tiny-judged.h5"), model_file.inspect(out)
    assert shipped.parent_sha256 == judged.parent_sha256 == sha256_of(parent)
    assert judged.data.pixel_hashes == spec.data.pixel_hashes
    assert shipped.data.pixel_hashes == {one.pixel_hash for one in few}
    assert (shipped.metrics, shipped.postprocess) == (judged.metrics, judged.postprocess)


@pytest.mark.tensorflow
def test_the_threshold_is_the_highest_that_costs_next_to_no_dice() -> None:
    from spineml.learning.validation import best_threshold

    assert best_threshold({0.4: 0.950, 0.5: 0.948, 0.6: 0.940}) == 0.5
