"""The worker's side of an evaluation: what it reads, what it records, and that it does so once."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.utils import translation

from registry.models import ModelVersion
from registry.services import version_register
from spineml.errors import ModelFileRejected
from spineplatform.shared.lease import execute
from spineplatform.shared.runs import RunState, run_cancel
from tests import factories
from tests.pdf_text import pdf_text
from tests.training import judged
from training.models import Dataset, DatasetItem, EvaluatedSeries, EvaluationRun, Split, TrainingRun

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.tensorflow]


class Reader:
    """Stands for a network: marks a slice by its HU, and tells how sure it is."""

    def __init__(self, before_slice: Callable[[int], None] = lambda z: None) -> None:
        self._before_slice = before_slice

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def segment(self, source: Any, sink: Any, *, on_slice: Any, should_stop: Any, on_probability: Any) -> None:
        for z in range(len(source)):
            self._before_slice(z)
            hu = source.read(z)
            mask = np.zeros(hu.shape, np.uint8)
            mask[8:16, 11:20] = 1
            on_probability(z, np.where(mask, 0.8, 0.1).astype(np.float32))
            sink(z, mask)
            on_slice(z + 1, len(source))


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    from training.evaluations import worker as evaluating

    def use(reader: Reader) -> None:
        monkeypatch.setattr(evaluating, "open_predictor", lambda version: reader)

    use(Reader())
    return use


@pytest.fixture
def data() -> Dataset:
    return judged.written(judged.dataset(factories.institution("Home"), patients=2, frozen=False))


def asked(data: Dataset, version: ModelVersion | None = None, split: str = Split.TEST) -> EvaluationRun:
    return judged.waiting(version or factories.model_version(), data, split=split)


def work(run: EvaluationRun) -> EvaluationRun:
    from training.evaluations.worker import run_evaluation

    execute(EvaluationRun, run.pk, run_evaluation)
    run.refresh_from_db()
    return run


def test_every_slice_is_compared_with_the_frozen_mask(network: Any, data: Dataset) -> None:
    run = work(asked(data))
    assert (run.state, run.error_message) == (RunState.SUCCEEDED, "")
    rows = list(run.series.all())
    assert [row.series_id for row in rows] == [item.annotation.series_id for item in data.items.all()]
    for row in rows:
        assert len(row.images) == judged.GRID.shape[0]
        assert row.groups == {"institution": "Home", "maker": "PHANTOM"}
        # 9 of the 10 columns of the mask are found; the first slice holds no mask.
        assert (row.images[2]["tp"], row.images[2]["fp"], row.images[2]["fn"]) == (72, 0, 8)
        assert (row.images[0]["tp"], row.images[0]["fp"]) == (0, 72)
    everything = run.result["all"]
    assert (everything["patients"], everything["images"], everything["false_images"]) == (2, 6, 2)
    assert everything["curve"]["best"] is None


def test_plots_report_and_summary_are_stored_and_named_in_the_result(network: Any, data: Dataset) -> None:
    result = work(asked(data)).result
    assert {"boxes", "level", "precision-recall", "bland-altman-patient-volume-ml"} <= {
        plot["name"] for plot in result["plots"]
    }
    for plot in result["plots"]:
        assert content(plot["svg"]).startswith(b"<?xml")
        assert content(plot["png"]).startswith(b"\x89PNG")
    assert set(result["reports"]) == {"en", "ko"}
    for pdf in result["reports"].values():
        assert content(pdf).startswith(b"%PDF-")
    assert content(result["summary"]).startswith(b"patients_in,average,measure")


def test_a_worker_of_a_korean_installation_stores_english_and_a_pdf_in_each_language(
    network: Any, data: Dataset
) -> None:
    with translation.override("ko"):
        result = work(asked(data)).result
    assert "Bland-Altman, volume (ml) per patient" in {plot["title"] for plot in result["plots"]}
    english, korean = (pdf_text(content(result["reports"][code])) for code in ("en", "ko"))
    assert "SplitTestInstitutionHome" in english
    assert "분할시험기관Home" in korean


def content(name: str) -> bytes:
    return Path(default_storage.path(name)).read_bytes()


def test_a_run_delivered_twice_is_recorded_once(network: Any, data: Dataset) -> None:
    run = work(asked(data))
    first = run.result
    assert work(run).result == first
    assert EvaluatedSeries.objects.count() == 2


def test_a_worker_that_lost_its_lease_records_nothing_and_leaves_no_file(network: Any, data: Dataset) -> None:
    run = asked(data)
    network(
        Reader(lambda z: EvaluationRun.objects.filter(pk=run.pk).update(token="00000000-0000-4000-8000-000000000000"))
    )
    before = stored_files()
    assert work(run).state == RunState.RUNNING
    assert not EvaluatedSeries.objects.exists()
    assert stored_files() == before


def test_a_cancelled_evaluation_stops_and_records_nothing(network: Any, data: Dataset) -> None:
    run = asked(data)

    def cancel(z: int) -> None:
        if z == 1:
            run.refresh_from_db()
            if not run.cancel_requested:
                run_cancel(run=run, actor=None)
        time.sleep(0.7)  # the heartbeat reads the wish

    network(Reader(cancel))
    assert work(run).state == RunState.CANCELLED
    assert not EvaluatedSeries.objects.exists()
    assert run.result == {}


def stored_files() -> set[str]:
    folder = Path(default_storage.path("evaluations"))
    return {str(path) for path in folder.rglob("*") if path.is_file()} if folder.exists() else set()


def test_a_damaged_data_set_is_a_clear_error(network: Any, data: Dataset) -> None:
    path = Path(default_storage.path(data.file.name))
    path.write_bytes(path.read_bytes()[:-100])
    run = work(asked(data))
    assert (run.state, run.error_code) == (RunState.FAILED, "dataset-file-rejected")
    assert "backup" in run.error_message


def test_a_threshold_is_suggested_on_validation_patients(network: Any) -> None:
    data = judged.written(judged.dataset(factories.institution(), patients=1, split="validation", frozen=False))
    result = work(asked(data, split=Split.VALIDATION)).result
    assert 0.1 < result["all"]["curve"]["best"] <= 0.8


# --- what the version has seen ----------------------------------------------------------------------------------------
def known(hashes: list[str], parent: ModelVersion | None = None) -> ModelVersion:
    return factories.model_version(spec={"task": "spine-ct", "data": {"pixel_hashes": hashes}}, parent=parent)


def first_item(data: Dataset) -> DatasetItem:
    item = data.items.first()
    assert item is not None
    return item


def test_images_in_the_model_files_own_record_are_seen(network: Any, data: Dataset) -> None:
    run = work(asked(data, known([first_item(data).pixel_hash])))
    assert [row.seen for row in run.series.all()] == [True, False]
    assert (run.result["seen_patients"], run.result["unseen"]["patients"], run.result["plots_of"]) == (1, 1, "unseen")


def test_what_an_ancestor_was_trained_on_is_seen(network: Any, data: Dataset) -> None:
    grandparent = known([first_item(data).pixel_hash])
    run = work(asked(data, known([], parent=known([], parent=grandparent))))
    assert [row.seen for row in run.series.all()] == [True, False]


def test_another_image_of_the_same_patient_is_seen(network: Any, data: Dataset) -> None:
    other = factories.series(of=first_item(data).annotation.series.case)
    run = work(asked(data, known([other.pixel_hash])))
    assert [row.seen for row in run.series.all()] == [True, False]


def test_patients_of_the_training_run_are_seen(network: Any, data: Dataset) -> None:
    version = factories.model_version()
    place = data.institutions.get()
    taught = Dataset.objects.create(name="Taught")
    taught.institutions.add(place)
    series = factories.series(institution=place)
    mask = factories.annotation(of=series)
    judged.PatientSplit.objects.create(patient=series.case.patient, split="train", origin="drawn", seed=1)
    DatasetItem.objects.create(
        dataset=taught, annotation=mask, patient=series.case.patient, split="train", pixel_hash=series.pixel_hash
    )
    judged.written(taught)
    TrainingRun.objects.create(institution=place, dataset=taught, settings={}, version=version)
    run = work(asked(taught, version, split="train"))
    assert [row.seen for row in run.series.all()] == [True]
    assert (run.result["unseen"], run.result["plots_of"]) == (None, "all")


# --- a real network ---------------------------------------------------------------------------------------------------
def test_a_registered_version_is_evaluated_with_its_own_network(data: Dataset, tmp_path: Path) -> None:
    version = version_register(path=factories.model_file(tmp_path / "model.h5"))
    run = work(asked(data, version))
    assert (run.state, run.error_message) == (RunState.SUCCEEDED, "")
    assert run.result["all"]["images"] == 6


def test_a_version_whose_file_was_changed_is_refused(data: Dataset, tmp_path: Path) -> None:
    version = version_register(path=factories.model_file(tmp_path / "model.h5"))
    file = Path(default_storage.path(str(version.file)))
    file.write_bytes(file.read_bytes() + b"one more")
    run = work(asked(data, version))
    assert (run.state, run.error_code) == (RunState.FAILED, ModelFileRejected.code)
