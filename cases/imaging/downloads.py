"""A mask as a file to take away: pictures of one slice, or the whole mask in the formats other programs read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict

from cases.approved import is_approved
from cases.imaging.slices import check_slice
from cases.models import Annotation
from spineml.masks import export
from spineml.message import message
from spineml.volumes import render
from spineml.volumes.canonical_file import SliceFileReader
from spineplatform.shared import audit, storage
from spineplatform.shared.errors import NotFound, UserError
from spineplatform.shared.http import file_download


class BadPicture(UserError):
    """The requested image cannot be rendered. Give z as a slice number, window as a name, opacity from 0 to 1."""

    code = "bad-picture"


@dataclass(frozen=True)
class PictureOptions:
    """Which slice (``z`` None: the one with the largest area) and how it is drawn."""

    z: int | None = None
    window: render.Window = render.BONE
    opacity: float = render.OverlayStyle.opacity

    @classmethod
    def from_query(cls, query: QueryDict) -> PictureOptions:
        """Read ``z``, ``window`` and ``opacity``.

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
        return cls(z, render.WINDOWS[window], opacity)


def _overlay(annotation: Annotation, z: int, options: PictureOptions, kind: Literal["png", "jpeg"]) -> bytes:
    series = annotation.series
    with (
        SliceFileReader(storage.local_path(series.volume)) as volume,
        SliceFileReader(storage.local_path(annotation.mask)) as mask,
    ):
        style = render.OverlayStyle(opacity=options.opacity)
        picture = render.overlay(volume.read(z), mask.read(z), options.window, style)
        return render.encode(render.for_display(picture, volume.geometry), kind)


def _overlay_jpeg(annotation: Annotation, z: int, options: PictureOptions) -> bytes:
    return _overlay(annotation, z, options, "jpeg")


def _overlay_png(annotation: Annotation, z: int, options: PictureOptions) -> bytes:
    return _overlay(annotation, z, options, "png")


def _mask_png(annotation: Annotation, z: int, options: PictureOptions) -> bytes:
    with SliceFileReader(storage.local_path(annotation.mask)) as mask:
        return export.mask_png(mask, z)


def _write_nifti(annotation: Annotation, reader: SliceFileReader, path: Path) -> None:
    """In the axes of the source where that was NIfTI; else in the order other programs write."""
    export.write_nifti(reader, path, columns_first=annotation.series.source_kind != "nifti")


def _write_npy(annotation: Annotation, reader: SliceFileReader, path: Path) -> None:
    export.write_npy(reader, path)


def _write_zip(annotation: Annotation, reader: SliceFileReader, path: Path) -> None:
    export.write_png_zip(reader, path)


PICTURES: dict[str, tuple[str, Callable[[Annotation, int, PictureOptions], bytes]]] = {
    "overlay.jpg": ("image/jpeg", _overlay_jpeg),
    "overlay.png": ("image/png", _overlay_png),
    "mask.png": ("image/png", _mask_png),
}
FILES: dict[str, tuple[str, Callable[[Annotation, SliceFileReader, Path], None]]] = {
    "mask.zip": ("application/zip", _write_zip),
    "mask.nii.gz": ("application/gzip", _write_nifti),
    "mask.npy": ("application/octet-stream", _write_npy),
}
KINDS = (*PICTURES, *FILES)


def download(request: HttpRequest, annotation: Annotation, kind: str) -> HttpResponseBase:
    """The mask as ``kind`` (one of KINDS), for a user who was let through to it; the download is recorded.

    Raises:
        NotFound: no such kind or slice.
        BadPicture: ``?z=&window=&opacity=`` are not understood.
    """
    if kind not in KINDS:
        raise NotFound(
            message(
                "A mask cannot be downloaded as “{kind}”. Choose one of {known}.", kind=kind, known=", ".join(KINDS)
            )
        )
    response: HttpResponseBase
    if kind in PICTURES:
        response = _picture_response(request, annotation, kind)
    else:
        response = _file_response(request, annotation, kind)
    audit.record(
        actor=request.user,
        action="mask.downloaded",
        object_id=annotation.pk,
        institution_id=annotation.institution_id,
        kind=kind,
    )
    return response


def _picture_response(request: HttpRequest, annotation: Annotation, kind: str) -> HttpResponse:
    options = PictureOptions.from_query(request.GET)
    content_type, draw = PICTURES[kind]
    z = _largest(annotation) if options.z is None else options.z
    check_slice(annotation.series.depth, z)
    response = HttpResponse(draw(annotation, z, options), content_type=content_type)
    stem, _, suffix = kind.rpartition(".")
    response["Content-Disposition"] = (
        f'attachment; filename="{_name(request, annotation)}-{stem}-slice-{z + 1}.{suffix}"'
    )
    return response


def _largest(annotation: Annotation) -> int:
    areas: list[int] = annotation.areas_px
    return areas.index(max(areas)) if any(areas) else len(areas) // 2


def _file_response(request: HttpRequest, annotation: Annotation, kind: str) -> HttpResponseBase:
    content_type, write = FILES[kind]
    with storage.work_folder("download") as folder:
        path = folder / kind
        with SliceFileReader(storage.local_path(annotation.mask)) as reader:
            write(annotation, reader, path)
        # The answer keeps the file open after its folder is gone.
        return file_download(request, path, name=f"{_name(request, annotation)}-{kind}", content_type=content_type)


def _name(request: HttpRequest, annotation: Annotation) -> str:
    """Tells masks apart in a folder of downloads, the approved one from others, and nothing about the patient."""
    word = "approved" if is_approved(annotation, request.user) else "not-approved"
    return f"spine-{str(annotation.pk)[:8]}-{word}"
