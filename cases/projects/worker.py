"""The comparison of several readings of a series, and masks proposed from them, in a worker without TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import combinations
from pathlib import Path
from typing import Any

from cases.models import AgreementRun, Annotation, AnnotationSource, ReadingItem, ReadingProject
from cases.models.projects import BEING_READ, AgreementJob, DecisionKind, ItemState
from cases.projects.notifications import notify_adjudicators_of_change, project_held
from cases.projects.reading_services import ReadingClosed, decision_record, item_locked
from cases.projects.selectors import latest_model_mask, ordered_readings, review_reopened
from cases.services import MaskOrigin, annotation_record
from spineml.masks import consensus, label_consensus
from spineml.message import message
from spineml.metrics import reader_agreement
from spineml.metrics.reader_agreement import MODEL, PairFigures, SeriesFigures
from spineml.volumes.canonical_file import SliceFileReader
from spineplatform.shared import storage
from spineplatform.shared.lease import Lease

Named = list[tuple[str, Annotation]]


def run_agreement(lease: Lease[AgreementRun]) -> None:
    """Work of one AgreementRun: the figures of a series, or a proposal."""
    if lease.run.job == AgreementJob.FIGURES:
        _figures(lease)
    else:
        _propose(lease)


# --- figures ----------------------------------------------------------------------------------------------------------
class MasksChanged(Exception):
    """Other masks count than those that were compared."""


def _figures(lease: Lease[AgreementRun]) -> None:
    """Compare until the masks that were compared are still those that count when the result is written."""
    item = lease.run.item
    while not lease.ended:
        masks = _finished(item, with_model=True)
        pairs = _compared(lease, item, masks)
        with suppress(MasksChanged), lease.finishing():
            _write(item_locked(item), masks, pairs)


def _write(item: ReadingItem, masks: Named, pairs: list[PairFigures]) -> None:
    if item.state in BEING_READ:
        raise ReadingClosed(
            message("A reader has changed the mask. The statistics are computed once all have finished.")
        )
    if _ids(_finished(item, with_model=True)) != _ids(masks):
        raise MasksChanged
    item.project = project_held(item.project_id)
    with notify_adjudicators_of_change(item.project):
        item.figures = _as_json(masks, pairs)
        item.save(update_fields=["figures"])
        _agree(item, pairs)
    _summarise(item.project)


def _ids(masks: Named) -> list[Any]:
    return [(name, mask.pk) for name, mask in masks]


def _finished(item: ReadingItem, *, with_model: bool) -> Named:
    """The readers' masks in the project's order, named by the reader's id, and the newest of a model."""
    masks = [(str(reading.reader_id), reading.annotation) for reading in ordered_readings(item)]
    model = latest_model_mask(item) if with_model else None
    return [*masks, (MODEL, model)] if model else masks


def _compared(lease: Lease[AgreementRun], item: ReadingItem, masks: Named) -> list[PairFigures]:
    geometry, depth = item.series.geometry, item.series.depth
    pairs = list(combinations(masks, 2))
    found = []
    for n, (first, second) in enumerate(pairs):
        with _open([first[1], second[1]]) as (one, other):
            found.append(
                reader_agreement.pair_figures(
                    (first[0], second[0]),
                    (one, other),
                    geometry,
                    progress=lambda done, _, n=n: lease.report(  # type: ignore[misc]
                        n * depth + done, len(pairs) * depth, message("Comparing slices")
                    ),
                    values=_values_of([first[1], second[1]]),
                )
            )
    return found


@contextmanager
def _open(masks: Sequence[Annotation]) -> Iterator[list[SliceFileReader]]:
    with ExitStack() as stack:
        yield [stack.enter_context(SliceFileReader(storage.local_path(mask.mask))) for mask in masks]


def _as_json(masks: Named, pairs: list[PairFigures]) -> dict[str, Any]:
    return {
        "masks": {name: str(mask.pk) for name, mask in masks},
        "pairs": [pair.as_json() for pair in pairs],
        "from_model": any(_from_model(mask) for name, mask in masks if name != MODEL),
        **({"task": masks[0][1].task_id} if any(pair.label_dice for pair in pairs) else {}),
    }


def _from_model(mask: Annotation) -> bool:
    """The mask is a model's, or a correction that began with one."""
    here: Annotation | None = mask
    while here is not None and here.source != AnnotationSource.MODEL:
        here = here.parent
    return here is not None


def _agree(item: ReadingItem, pairs: list[PairFigures]) -> None:
    """Settle the series by the first reader's mask where all readers agree as much as the project asks.

    One that was reopened is settled by an adjudicator, and so is one whose mask is held back by a suspicion.
    """
    wanted = item.project.agreed_dice
    lowest = min(pair.judged_dice for pair in pairs if not pair.with_model)
    if wanted is None or item.state != ItemState.ALL_READ or lowest < wanted or review_reopened(item):
        return
    first = ordered_readings(item)[0]
    if first.annotation.held:
        return
    note = message(
        "The readers' masks agree with a Dice of {lowest} (required: {wanted}).",
        lowest=f"{lowest:.3f}",
        wanted=f"{wanted:.3f}",
    )
    decision_record(item=item, annotation=first.annotation, kind=DecisionKind.AGREED, signer=first.reader, note=note)


def _summarise(project: ReadingProject) -> None:
    """Figures of the whole project, from those of its series; the project is held, so its runs take turns."""
    items: Any = project.items.exclude(figures=None).select_related("series__case")
    series = [
        SeriesFigures(
            str(item.series.case.patient_id),
            tuple(PairFigures.from_json(pair) for pair in item.figures["pairs"]),
            item.figures["from_model"],
        )
        for item in items
    ]
    project.summary = reader_agreement.summarised(series, margin=project.margin)
    task = next((item.figures["task"] for item in items if "task" in item.figures), None)
    if task is not None:
        project.summary["task"] = task
    project.save(update_fields=["summary"])


# --- proposals --------------------------------------------------------------------------------------------------------
def _propose(lease: Lease[AgreementRun]) -> None:
    """Make one mask of the finished ones: a new mask whose author asked for it, and whose parent is the first."""
    run, item = lease.run, lease.run.item
    masks = [mask for _, mask in _finished(item, with_model=run.job == AgreementJob.MAJORITY_WITH_MODEL)]
    lease.report(0, item.series.depth, message("Counting votes"))
    with storage.work_folder("proposal") as folder, storage.stored_or_removed() as stored, _open(masks) as sources:
        path = folder / "mask.h5"
        _write_consensus(run, path, sources, _values_of(masks))
        label = AgreementJob(run.job).label_for(len(masks))
        origin = MaskOrigin(AnnotationSource.EDIT, author=run.requested_by, parent=masks[0], label=label)
        with lease.finishing() as row:
            row.annotation = annotation_record(series=item.series, path=path, stored=stored, origin=origin)


def _values_of(masks: Sequence[Annotation]) -> tuple[int, ...]:
    """The labels of the masks' task where it has several; of one, any mark counts."""
    if len({mask.task_id for mask in masks}) > 1:
        return ()
    labels = masks[0].task.definition.labels
    return tuple(label.value for label in labels) if len(labels) > 1 else ()


def _write_consensus(run: AgreementRun, path: Path, sources: Sequence[SliceFileReader], values: Sequence[int]) -> None:
    geometry = run.item.series.geometry
    if values:
        label_consensus.write_consensus(path, sources, geometry, _scores(run, sources, values))
    else:
        consensus.write_consensus(path, sources, geometry, _chosen(run, sources))


def _scores(run: AgreementRun, sources: Sequence[SliceFileReader], values: Sequence[int]) -> label_consensus.Scores:
    if run.job == AgreementJob.STAPLE:
        return label_consensus.staple(label_consensus.count_votes(sources, values))
    if run.job == AgreementJob.UNION:
        return label_consensus.union(label_consensus.count_votes(sources, values))
    return label_consensus.majority(len(sources), values)


def _chosen(run: AgreementRun, sources: Sequence[SliceFileReader]) -> consensus.BoolArray:
    if run.job == AgreementJob.STAPLE:
        return consensus.staple(consensus.count_patterns(sources)).chosen
    if run.job == AgreementJob.UNION:
        return consensus.union(len(sources))
    return consensus.majority(len(sources))
