"""A mask as a file to take away: pictures of one slice, or the whole mask in the formats other programs read.

A mask of a task with one label is written as 0 and 255 or 1, one of several as the values of its labels.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, Literal

from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict

from cases.approved import is_approved
from cases.imaging.slices import check_slice
from cases.models import Annotation
from registry.models import SPINE_CT
from spineml.masks import export
from spineml.masks.segments import write_seg_nrrd
from spineml.message import message
from spineml.tasks.label_sizes import LabelSize, label_csv, label_json
from spineml.tasks.task import Label, Task
from spineml.volumes import render
from spineml.volumes.canonical_file import SliceFileReader
from spineplatform.shared import audit, storage
from spineplatform.shared.errors import NotFound, UserError
from spineplatform.shared.http import file_download


class BadPicture(UserError):
    """The requested image cannot be rendered. Give z as a slice number, window as a name, opacity from 0 to 1."""

    code = "bad-picture"


class BadLabel(UserError):
    """There is no such label. Give the value of a label of the mask's task."""

    code = "bad-label"


@dataclass(frozen=True)
class PictureOptions:
    """Which slice (``z`` None: the one with the largest area) and how it is drawn; ``legend`` names the colours."""

    z: int | None = None
    window: render.Window = render.BONE
    opacity: float = render.OverlayStyle.opacity
    legend: bool = False

    @classmethod
    def from_query(cls, query: QueryDict) -> PictureOptions:
        """Read ``z``, ``window``, ``opacity`` and ``legend``.

        Raises:
            BadPicture: one of them is not understood.
        """
        window = query.get("window") or "bone"
        if window not in render.WINDOWS:
            raise BadPicture(
                message(
                    "There is no window preset “{window}”. Known: {known}.",
                    window=window,
                    known=", ".join(render.WINDOWS),
                )
            )
        try:
            z = int(query.get("z", "")) if query.get("z") else None
            opacity = float(query.get("opacity") or cls.opacity)
        except ValueError:
            raise BadPicture from None
        if not 0 <= opacity <= 1:
            raise BadPicture(message("The opacity is a number from 0 to 1, not {opacity}.", opacity=opacity))
        legend = query.get("legend", "").lower() or "false"
        if legend not in FLAGS:
            raise BadPicture(message("The legend is true or false, not “{legend}”.", legend=legend))
        return cls(z, render.WINDOWS[window], opacity, FLAGS[legend])


@dataclass(frozen=True)
class _Wanted:
    """A mask to take away, whole or (``label``) one label of it."""

    mask: Annotation
    label: Label | None

    @classmethod
    def of(cls, mask: Annotation, query: QueryDict, kind: str) -> _Wanted:
        """Read ``label``, the value of a label of the mask's task.

        Raises:
            BadLabel: it has none with that value, or ``kind`` is always of all labels.
        """
        text = query.get("label", "")
        if not text:
            return cls(mask, None)
        if kind in OF_ALL_LABELS:
            raise BadLabel(
                message(
                    "“{kind}” contains every label. Leave “label” out, or choose one of {known}.",
                    kind=kind,
                    known=", ".join(one for one in KINDS if one not in OF_ALL_LABELS),
                )
            )
        task = mask.task.definition
        label = next((one for one in task.labels if str(one.value) == text), None)
        if label is None:
            raise BadLabel(
                message(
                    "{task} has no label with the value “{value}”. Its values: {known}.",
                    task=task.name,
                    value=text[:20],
                    known=", ".join(str(one.value) for one in task.labels),
                )
            )
        return cls(mask, label)

    @cached_property
    def task(self) -> Task:
        return self.mask.task.definition

    @property
    def several(self) -> bool:
        """It has names: without several labels a mask is drawn and written as one thing."""
        return self.label is None and len(self.task.labels) > 1

    @property
    def colours(self) -> dict[int, render.Colour] | None:
        return export.task_colours(self.task) if self.several else None

    @property
    def sizes(self) -> list[LabelSize]:
        return self.mask.label_sizes

    def pixels(self, reader: SliceFileReader) -> export.Exported:
        return export.OneLabel(reader, self.label.value) if self.label else reader

    @property
    def columns_first(self) -> bool:
        """NIfTI in the axes of the source where that was NIfTI; else in the order other programs write."""
        return self.mask.series.source_kind != "nifti"


def _overlay(wanted: _Wanted, z: int, options: PictureOptions, kind: Literal["png", "jpeg"]) -> bytes:
    mask = wanted.mask
    with (
        SliceFileReader(storage.local_path(mask.series.volume)) as volume,
        SliceFileReader(storage.local_path(mask.mask)) as reader,
    ):
        hu, labels = volume.read(z), wanted.pixels(reader).read(z)
        geometry = volume.geometry
    if wanted.several:
        colours = export.task_colours(wanted.task)
        style = render.OverlayStyle(opacity=options.opacity)
        picture = render.overlay_labels(hu, labels, colours, options.window, style)
    else:
        style = render.OverlayStyle(_one_colour(wanted), options.opacity)
        picture = render.overlay(hu, labels, options.window, style)
    picture = render.for_display(picture, geometry)
    return render.encode(render.with_legend(picture, _legend(wanted, z)) if options.legend else picture, kind)


def _one_colour(wanted: _Wanted) -> render.Colour:
    """The spine as it always was; one of several labels in its own colour."""
    alone = wanted.label is None or len(wanted.task.labels) == 1
    return render.VERMILLION if wanted.label is None or alone else render.colour_of(wanted.label.colour)


def _legend(wanted: _Wanted, z: int) -> list[tuple[int, str, render.Colour]]:
    """The labels on slice ``z``, in their order."""
    on_slice = [
        one.label for one in wanted.sizes if one.area_on(z) and (wanted.label is None or one.label == wanted.label)
    ]
    if len(wanted.task.labels) == 1:
        return [(label.value, label.name, _one_colour(wanted)) for label in on_slice]
    return [(label.value, label.name, render.colour_of(label.colour)) for label in on_slice]


def _overlay_jpeg(wanted: _Wanted, z: int, options: PictureOptions) -> bytes:
    return _overlay(wanted, z, options, "jpeg")


def _overlay_png(wanted: _Wanted, z: int, options: PictureOptions) -> bytes:
    return _overlay(wanted, z, options, "png")


def _mask_png(wanted: _Wanted, z: int, options: PictureOptions) -> bytes:
    with SliceFileReader(storage.local_path(wanted.mask.mask)) as reader:
        return export.mask_png(wanted.pixels(reader), z, wanted.colours)


def _write_nifti(wanted: _Wanted, reader: SliceFileReader, path: Path) -> None:
    export.write_nifti(wanted.pixels(reader), path, columns_first=wanted.columns_first)


def _write_npy(wanted: _Wanted, reader: SliceFileReader, path: Path) -> None:
    export.write_npy(wanted.pixels(reader), path)


def _write_zip(wanted: _Wanted, reader: SliceFileReader, path: Path) -> None:
    export.write_png_zip(wanted.pixels(reader), path, wanted.colours)


def _write_segments(wanted: _Wanted, reader: SliceFileReader, path: Path) -> None:
    write_seg_nrrd(reader, wanted.task, [one.label.value for one in wanted.sizes], path)


def _write_label_zip(wanted: _Wanted, reader: SliceFileReader, path: Path) -> None:
    values = [one.label.value for one in wanted.sizes]
    export.write_label_zip(reader, wanted.task, values, path, columns_first=wanted.columns_first)


def _csv(wanted: _Wanted) -> str:
    return label_csv(wanted.sizes)


def _json(wanted: _Wanted) -> str:
    return label_json(wanted.task, wanted.sizes)


FLAGS: Final = {"true": True, "1": True, "false": False, "0": False}
PICTURES: dict[str, tuple[str, Callable[[_Wanted, int, PictureOptions], bytes]]] = {
    "overlay.jpg": ("image/jpeg", _overlay_jpeg),
    "overlay.png": ("image/png", _overlay_png),
    "mask.png": ("image/png", _mask_png),
}
FILES: dict[str, tuple[str, Callable[[_Wanted, SliceFileReader, Path], None]]] = {
    "mask.zip": ("application/zip", _write_zip),
    "mask.nii.gz": ("application/gzip", _write_nifti),
    "mask.npy": ("application/octet-stream", _write_npy),
    "mask.seg.nrrd": ("application/octet-stream", _write_segments),
    "labels.zip": ("application/zip", _write_label_zip),
}
TABLES: dict[str, tuple[str, Callable[[_Wanted], str]]] = {
    "labels.csv": ("text/csv", _csv),
    # A file like the others: clients made of the OpenAPI document would parse every kind as JSON.
    "labels.json": ("application/octet-stream", _json),
}
OF_ALL_LABELS: Final = frozenset({"mask.seg.nrrd", "labels.zip", *TABLES})
KINDS = (*PICTURES, *FILES, *TABLES)


def download(request: HttpRequest, annotation: Annotation, kind: str) -> HttpResponseBase:
    """The mask as ``kind`` (one of KINDS), for a user who was let through to it; the download is recorded.

    Raises:
        NotFound: no such kind or slice.
        BadPicture: ``?z=&window=&opacity=&legend=`` are not understood.
        BadLabel: ``?label=`` is no label of the mask's task.
    """
    if kind not in KINDS:
        raise NotFound(
            message(
                "A mask cannot be downloaded as “{kind}”. Choose one of {known}.", kind=kind, known=", ".join(KINDS)
            )
        )
    wanted = _Wanted.of(annotation, request.GET, kind)
    answer = _table_response if kind in TABLES else _picture_response if kind in PICTURES else _file_response
    response: HttpResponseBase = answer(request, wanted, kind)
    audit.record(
        actor=request.user,
        action="mask.downloaded",
        object_id=annotation.pk,
        institution_id=annotation.institution_id,
        kind=kind,
        **({"label": str(wanted.label.value)} if wanted.label else {}),
    )
    return response


def _picture_response(request: HttpRequest, wanted: _Wanted, kind: str) -> HttpResponse:
    options = PictureOptions.from_query(request.GET)
    content_type, draw = PICTURES[kind]
    z = _largest(wanted) if options.z is None else options.z
    check_slice(wanted.mask.series.depth, z)
    response = HttpResponse(draw(wanted, z, options), content_type=content_type)
    stem, _, suffix = kind.rpartition(".")
    response["Content-Disposition"] = f'attachment; filename="{_name(request, wanted)}-{stem}-slice-{z + 1}.{suffix}"'
    return response


def _largest(wanted: _Wanted) -> int:
    areas: list[int] = wanted.mask.areas_px
    if wanted.label is not None:
        size = next((one for one in wanted.sizes if one.label == wanted.label), None)
        areas = [size.area_on(z) for z in range(len(areas))] if size else [0] * len(areas)
    return areas.index(max(areas)) if any(areas) else len(areas) // 2


def _table_response(request: HttpRequest, wanted: _Wanted, kind: str) -> HttpResponse:
    content_type, text = TABLES[kind]
    response = HttpResponse(text(wanted), content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{_name(request, wanted)}-{kind}"'
    return response


def _file_response(request: HttpRequest, wanted: _Wanted, kind: str) -> HttpResponseBase:
    content_type, write = FILES[kind]
    with storage.work_folder("download") as folder:
        path = folder / kind
        with SliceFileReader(storage.local_path(wanted.mask.mask)) as reader:
            write(wanted, reader, path)
        # The answer keeps the file open after its folder is gone.
        return file_download(request, path, name=f"{_name(request, wanted)}-{kind}", content_type=content_type)


def _name(request: HttpRequest, wanted: _Wanted) -> str:
    """Tells masks apart in a folder of downloads, the approved one from others, and nothing about the patient."""
    mask, label = wanted.mask, wanted.label
    word = "approved" if is_approved(mask, request.user) else "not-approved"
    task = "spine" if mask.task_id == SPINE_CT else mask.task_id
    part = "-" + "-".join(["label", str(label.value), *re.findall("[A-Za-z0-9]+", label.short)]) if label else ""
    return f"{task}-{str(mask.pk)[:8]}-{word}{part}"
