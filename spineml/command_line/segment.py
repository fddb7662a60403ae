"""Segmenting one CT from files to a file: the whole way as one call, without a platform."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spineml.command_line.reading import Progress, ReadCT, read_ct
from spineml.errors import SpineError
from spineml.masks.export import write_nifti, write_npy
from spineml.message import message
from spineml.readers.series import IntakeOptions
from spineml.tasks.shipped import SPINE_CT
from spineml.volumes.canonical_file import SliceFileReader

if TYPE_CHECKING:
    from spineml.model.model_file import ModelSpec
    from spineml.model.segmentation import Segmentation

MODELS = Path(__file__).resolve().parents[2] / "models"
# How a mask is written, by the end of its file's name.
WRITERS: dict[str, Callable[[SliceFileReader, Path, bool], None]] = {
    ".nii.gz": lambda mask, path, columns: write_nifti(mask, path, columns_first=columns),
    ".nii": lambda mask, path, columns: write_nifti(mask, path, columns_first=columns),
    ".npy": lambda mask, path, columns: write_npy(mask, path),
}


class CannotSegment(SpineError):
    """The command cannot be carried out."""

    code = "cannot-segment"


@dataclass(frozen=True)
class SegmentOptions:
    """``model`` is a model file, of ``task`` if that is given; without one it is the newest of ``task`` (the spine) of
    those that come with the platform.
    """

    task: str = ""
    model: Path | None = None
    series: int | None = None
    intake: IntakeOptions = field(default_factory=IntakeOptions)


def segment_files(
    source: Path,
    target: Path,
    options: SegmentOptions | None = None,
    progress: Progress = lambda done, total, said: None,
) -> dict[str, Any]:
    """Segment the CT at ``source`` and write its mask to ``target``, on exactly the grid of the CT.

    Args:
        source: what can be uploaded to the platform: a folder, a zip or a file.
        target: a name that ends in .nii.gz, .nii or .npy. It appears whole or not at all.
        progress: takes (done, total, what is done).

    Returns:
        The statistics: ``image`` (shape, spacing), ``model``, ``labels`` (voxels, ml, slices, centroid in LPS mm),
        ``confidence`` of each slice, ``notices`` and ``seconds``.

    Raises:
        SpineError: what cannot be read, used or written, in words.
    """
    options = options or SegmentOptions()
    write = writer_for(target)
    model = options.model or shipped_model(options.task or SPINE_CT.slug)
    from spineml.model.predict import Predictor

    with read_ct(source, series=options.series, options=options.intake, progress=progress) as read:
        progress(0, read.geometry.shape[0], "Loading the model")
        with Predictor(model) as predictor:
            _check_task(predictor.spec, options.task)
            with tempfile.TemporaryDirectory(prefix="spineml", dir=target.parent) as folder:
                made = _segment(predictor, read, Path(folder) / "mask.h5", progress)
                draft = Path(folder) / target.name
                with SliceFileReader(Path(folder) / "mask.h5") as mask:
                    write(mask, draft, read.meta.source_kind != "nifti")
                draft.replace(target)
            return _statistics(read, predictor.spec, predictor.sha256, made)


def _check_task(spec: ModelSpec, task: str) -> None:
    if task and spec.task != task:
        raise CannotSegment(message("The model is of the task {found}, not of {task}.", found=spec.task, task=task))


def write_statistics(statistics: dict[str, Any], path: Path) -> None:
    """As JSON that people can read."""
    path.write_text(json.dumps(statistics, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def writer_for(target: Path) -> Callable[[SliceFileReader, Path, bool], None]:
    """How a file of this name is written.

    Raises:
        CannotSegment: its kind is not known, or its folder is not there.
    """
    if not target.parent.is_dir():
        raise CannotSegment(message("There is no folder {path}.", path=str(target.parent)))
    for suffix, write in WRITERS.items():
        if target.name.lower().endswith(suffix) and len(target.name) > len(suffix):
            return write
    raise CannotSegment(
        message(
            "{name} is no kind of file that masks are written to. Known: {known}.",
            name=target.name,
            known=", ".join(WRITERS),
        )
    )


def shipped_model(task: str) -> Path:
    """The newest model of a task that comes with the platform.

    Raises:
        CannotSegment: there is none.
    """
    found = {int(number[1]): path for path in MODELS.glob("*.h5") if (number := _numbered(path, task))}
    if not found:
        raise CannotSegment(
            message("No model of the task {task} comes with the platform. Give one with --model.", task=task)
        )
    return found[max(found)]


def _numbered(path: Path, task: str) -> re.Match[str] | None:
    return re.fullmatch(re.escape(task) + r"-v(\d{1,6})", path.stem)


def _segment(predictor: Any, read: ReadCT, path: Path, progress: Progress) -> Segmentation:
    from spineml.model.segmentation import segment_to_file

    with SliceFileReader(read.volume) as source:
        return segment_to_file(
            predictor, source, path, on_slice=lambda done, total: progress(done, total, "Segmenting")
        )


def _statistics(read: ReadCT, spec: ModelSpec, sha256: str, made: Segmentation) -> dict[str, Any]:
    names = dict(zip(spec.values, spec.classes, strict=True))
    geometry = read.geometry
    return {
        "image": {
            "shape_zyx": list(geometry.shape),
            "spacing_zyx_mm": list(geometry.spacing) if geometry.spacing_known else None,
            "kind": read.meta.source_kind,
        },
        "model": {"task": spec.task, "name": spec.name, "sha256": sha256},
        "labels": [{"name": names[row["value"]], **row} for row in made.sizes.rows()],
        "confidence": made.confidence,
        "notices": [str(notice) for notice in read.notices],
        "seconds": made.timings.as_json(),
    }
