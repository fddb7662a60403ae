"""The evaluation itself. Only inference workers import this module: it loads TensorFlow.

It goes to the queue of the segmentations, not to that of the trainings: an evaluation takes minutes, and a candidate
must not wait for a training of hours before it can be judged.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from django.utils import timezone

from registry.models import ModelVersion
from spineml.learning.dataset_file import DatasetReader, Entry
from spineml.message import message
from spineml.metrics.evaluation import Identity, SeriesCollector, SeriesRow
from spineml.metrics.summary import Summary, summarise
from spineml.metrics.tables import summary_csv
from spineml.model.predict import Predictor
from spineml.reports.evaluation_report import Report, as_pdf
from spineml.reports.plots import Plot, evaluation_plots
from spineml.tasks.task import Merge, Task
from spineml.volumes.volume import Geometry, HounsfieldArray, LabelArray
from spineplatform.shared import storage
from spineplatform.shared.lease import Lease
from spineplatform.shared.messages import language_named
from training.evaluations.selectors import Exposure, version_exposure
from training.evaluations.services import judging_merge
from training.models import DatasetItem, EvaluatedSeries, EvaluationRun, Split

FOLDER = "evaluations"


@dataclass(frozen=True)
class ScoredSeries:
    """One series with what it was judged by."""

    item: DatasetItem
    row: SeriesRow


@dataclass(frozen=True)
class EvaluationOutcome:
    """All that an evaluation found; plots are of the unseen patients, when there are any."""

    judged: Sequence[ScoredSeries]
    summaries: dict[str, Summary]
    plots: Sequence[Plot]
    plots_of: str
    task: Task


def run_evaluation(lease: Lease[EvaluationRun]) -> None:
    """Work of one EvaluationRun: every slice of the split through the network, against the frozen masks."""
    run = lease.run
    lease.report(0, 0, message("Loading the model"))
    outcome = evaluate(lease)
    lease.report(*_all_done(outcome), message("Writing the report"))
    with storage.work_folder("evaluate") as folder, storage.stored_or_removed() as stored:
        files = _store(run, outcome, folder, stored)
        with lease.finishing() as row:
            row.result = {**_result(outcome), **files}
            EvaluatedSeries.objects.bulk_create(_series_row(row, judged) for judged in outcome.judged)


def evaluate(lease: Lease[EvaluationRun]) -> EvaluationOutcome:
    """Judge the version on the split and draw the plots."""
    run = lease.run
    items = run.dataset.items.filter(split=run.split).select_related("annotation__series", "patient")
    by_image = {item.pixel_hash: item for item in items}
    exposure = version_exposure(run.version, {item.patient_id for item in by_image.values()})
    path = storage.local_path(run.dataset.file)
    with DatasetReader(path, expected_sha256=run.dataset.sha256) as reader, open_predictor(run.version) as predictor:
        entries = reader.in_split(run.split)
        merge = judging_merge(run.version, run.dataset)
        walk = _Walk(lease, reader, predictor, merge, sum(entry.shape[0] for entry in entries))
        judged = []
        for entry in entries:
            item = by_image[entry.pixel_hash]
            judged.append(ScoredSeries(item, walk.series(entry, item, exposure)))
    lease.report(walk.total, walk.total, message("Drawing the plots"))
    return _outcome(judged, run.split, reader.task)


def open_predictor(version: ModelVersion) -> AbstractContextManager[Predictor]:
    """The network of ``version``, warm.

    Raises:
        ModelFileRejected: the stored file is not the one that was registered.
    """
    path = storage.local_path(version.file)
    predictor = Predictor(path, cache_dir=Path(settings.CACHE_DIR) / "models", expected_sha256=version.sha256)
    predictor.warm_up()
    return predictor


class _Slices:
    """The images of one series for the network; each mask is kept until its prediction is there."""

    def __init__(self, reader: DatasetReader, entry: Entry, geometry: Geometry) -> None:
        self.geometry = geometry
        self._reader, self._index = reader, entry.index
        self._masks: dict[int, LabelArray] = {}

    def __len__(self) -> int:
        return self.geometry.shape[0]

    def read(self, z: int) -> HounsfieldArray:
        hu, mask = self._reader.read(self._index, z)
        self._masks[z] = mask
        return hu

    def take_mask(self, z: int) -> LabelArray:
        return self._masks.pop(z)


class _Walk:
    """Goes through the series of a split and counts the slices for the progress."""

    def __init__(
        self,
        lease: Lease[EvaluationRun],
        reader: DatasetReader,
        predictor: Predictor,
        merge: Merge | None,
        total: int,
    ) -> None:
        self._lease, self._reader, self._predictor = lease, reader, predictor
        self._table = np.frombuffer(merge.table(), np.uint8) if merge else np.arange(256, dtype=np.uint8)
        labels = reader.task.labels
        self._values = tuple(label.value for label in labels) if len(labels) > 1 else ()
        self.total = total
        self._before = 0

    def series(self, entry: Entry, item: DatasetItem, exposure: Exposure) -> SeriesRow:
        series = item.annotation.series
        seen = item.pixel_hash in exposure.hashes or item.patient_id in exposure.patients
        identity = Identity(str(series.pk), str(item.patient_id), entry.groups, seen)
        slices = _Slices(self._reader, entry, series.geometry)
        collector = SeriesCollector(identity, series.geometry, self._values)
        probabilities: dict[int, Any] = {}
        self._predictor.segment(
            slices,
            lambda z, mask: collector.push(slices.take_mask(z), self._table[mask], probabilities.pop(z)),
            on_slice=lambda done, total: self._lease.report(self._before + done, self.total, message("Evaluating")),
            should_stop=lambda: self._lease.should_stop,
            on_probability=probabilities.__setitem__,
        )
        self._lease.check()
        self._before += len(slices)
        return collector.finish()


def _outcome(judged: Sequence[ScoredSeries], split: str, task: Task) -> EvaluationOutcome:
    rows = [one.row for one in judged]
    seen = {row.identity.patient for row in rows if row.identity.seen}
    unseen = [row for row in rows if row.identity.patient not in seen]
    suggest = split == Split.VALIDATION
    summaries = {"all": summarise(rows, suggest_threshold=suggest)}
    if unseen:
        summaries["unseen"] = (
            summarise(unseen, suggest_threshold=suggest) if len(unseen) < len(rows) else summaries["all"]
        )
    plots_of = "unseen" if unseen else "all"
    plots = tuple(evaluation_plots(unseen or rows, summaries[plots_of]))
    return EvaluationOutcome(judged, summaries, plots, plots_of, task)


def _all_done(outcome: EvaluationOutcome) -> tuple[int, int]:
    images = outcome.summaries["all"].images
    return images, images


def _result(outcome: EvaluationOutcome) -> dict[str, Any]:
    everything, unseen = outcome.summaries["all"], outcome.summaries.get("unseen")
    return {
        "all": everything.as_json(),
        "unseen": unseen.as_json() if unseen else None,
        "seen_patients": everything.patients - (unseen.patients if unseen else 0),
        "plots_of": outcome.plots_of,
    }


def _series_row(run: EvaluationRun, judged: ScoredSeries) -> EvaluatedSeries:
    row, item = judged.row, judged.item
    return EvaluatedSeries(
        run=run,
        series=item.annotation.series,
        annotation=item.annotation,
        patient_id=item.patient_id,
        groups=dict(row.identity.groups),
        seen=row.identity.seen,
        figures=row.figures_json(),
        images=row.images_json(),
    )


# --- files ------------------------------------------------------------------------------------------------------------
def _store(run: EvaluationRun, outcome: EvaluationOutcome, folder: Path, stored: list[str]) -> dict[str, Any]:
    """Put plots and report into the storage; returns their names there for the run's result."""

    def keep(content: bytes, suffix: str) -> str:
        stored.append(storage.store_bytes(content, storage.unique_name(FOLDER, suffix), folder))
        return stored[-1]

    plots = [
        {"name": plot.name, "title": plot.title, **{kind: keep(data, f".{kind}") for kind, data in plot.files.items()}}
        for plot in outcome.plots
    ]
    report = _report(run, outcome)
    reports = {code: keep(as_pdf(report, language_named(code)), ".pdf") for code, _ in settings.LANGUAGES}
    names = {label.value: label.name for label in outcome.task.labels}
    summary = summary_csv(outcome.summaries, names).encode()
    return {"plots": plots, "reports": reports, "summary": keep(summary, ".csv")}


SPLITS = {Split.TRAIN: message("Training"), Split.VALIDATION: message("Validation"), Split.TEST: message("Test")}


def _report(run: EvaluationRun, outcome: EvaluationOutcome) -> Report:
    summaries = outcome.summaries
    titles = {
        "all": message("All patients"),
        "unseen": message("Patients on whom {version} was not trained", version=run.version),
    }
    differ = "unseen" in summaries and summaries["unseen"] is not summaries["all"]
    shown: dict[str, Summary] = {
        titles[name]: summary for name, summary in summaries.items() if differ or name == "all"
    }
    numbers = {str(one.item.annotation.series_id): number for number, one in enumerate(outcome.judged, start=1)}
    worst = summaries[outcome.plots_of].worst
    return Report(
        title=message("Evaluation of {version} on “{dataset}”", version=run.version, dataset=run.dataset.name),
        facts=list(_facts(run)),
        warnings=list(_warnings(run, summaries)),
        summaries=shown,
        worst=[
            (message("Series {number} of the split", number=numbers[image.key]), image.z + 1, image.dice)
            for image in worst
        ],
        plots=outcome.plots,
    )


def _facts(run: EvaluationRun) -> Iterator[tuple[str, str]]:
    yield message("Version"), f"{run.version} ({run.version.task_id}), SHA-256 {run.version.sha256}"
    yield message("Data set"), f"“{run.dataset.name}”, SHA-256 {run.dataset.sha256}"
    yield message("Split"), SPLITS[Split(run.split)]
    yield message("Institution"), run.institution.name
    yield message("Evaluated"), f"{timezone.now():%Y-%m-%d %H:%M} UTC"


def _warnings(run: EvaluationRun, summaries: dict[str, Summary]) -> Iterator[str]:
    everything, unseen = summaries["all"], summaries.get("unseen")
    seen = everything.patients - (unseen.patients if unseen else 0)
    if seen:
        yield (
            message(
                "{version} was trained on {seen} of these {patients} patients: results that include them show fit to "
                "the training data, not performance on new patients.",
                version=run.version,
                seen=seen,
                patients=everything.patients,
            )
        )
    if run.split != Split.TEST:
        yield message("These are not test patients: report only results on the test split.")
