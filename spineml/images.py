"""Pictures (PNG, JPEG, TIFF) to series.

A picture holds no Hounsfield units. 8-bit pictures are taken as CT windowed with centre 400 HU and width 1800
(-500 to 1300 HU; ``spineml.series.DEFAULT_WINDOW_CENTER`` and ``_WIDTH``) unless the options say otherwise, and the
inverse of that window gives HU. 16-bit unsigned pictures are HU + 1024 up to a value of 4095, HU + 32768 around that
number, else a window stretched over 16 bits. Signed and floating-point TIFF holds HU as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from spineml import watched
from spineml.errors import UnreadableFile
from spineml.message import Message, message, sentences
from spineml.series import (
    FileNotUsed,
    FileVerdict,
    IntakeOptions,
    Notice,
    ReceivedFile,
    SeriesMeta,
    SeriesPlan,
    natural_order,
)
from spineml.values import HOUNSFIELD, Intensity, unsigned_16_bit, windowed, windowed_notice
from spineml.volume import Geometry, HounsfieldArray, with_unknown_spacing

MAX_SIDE = 8192
MAX_PAGES = 5000
SAMPLE_FORMAT_TAG = 339
SIGNED_SAMPLES = 2
EIGHT_BIT_MODES = {"1", "L", "P", "LA", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "La", "RGBa"}
SIXTEEN_BIT_MODES = {"I;16", "I;16L", "I;16B", "I;16N"}
WIDE_MODES = {"I", "F"}
DECODE_ERRORS = (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError, IndexError, TypeError, KeyError)
BOMB_ERRORS = (Image.DecompressionBombError, Image.DecompressionBombWarning)


@dataclass(frozen=True)
class Page:
    """One picture, known by its header: ``file`` and the page within it; ``kind`` is how its samples are stored."""

    file: ReceivedFile
    index: int
    height: int
    width: int
    kind: str
    lossy: bool
    colour: bool


def is_image(start: bytes) -> bool:
    """True for the content of a PNG, JPEG or TIFF file."""
    return start.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"))


def scan_images(
    files: Sequence[ReceivedFile],
    options: IntakeOptions,
    looked_at: Callable[[ReceivedFile], None] = lambda file: None,
) -> tuple[list[SeriesPlan], dict[str, FileVerdict]]:
    """Read the headers and make series: pictures of one folder, size and kind are one stack, in natural order."""
    verdicts: dict[str, FileVerdict] = {}
    stacks: dict[tuple[object, ...], list[Page]] = {}
    for file in sorted(files, key=lambda file: natural_order(file.name)):
        looked_at(file)
        try:
            pages = read_pages(file)
        except FileNotUsed as reason:
            verdicts[file.name] = reason.verdict(file.name)
            continue
        for page in pages:
            together = file.name.rpartition("/")[0] if options.stack_images and len(pages) == 1 else file.name
            alone = len(pages) > 1 or not options.stack_images
            stacks.setdefault((alone, together, page.height, page.width, page.kind), []).append(page)
    plans = []
    for stack in stacks.values():
        try:
            plan = _plan(stack, options)
        except UnreadableFile as error:
            verdicts[error.name] = FileVerdict(error.name, "rejected", "damaged-image", error.reason)
            if not (rest := [page for page in stack if page.file.name != error.name]):
                continue
            plan = _plan(rest, options)
        plans.append(plan)
        text = sentences(plan.warnings)
        verdicts.update({file.name: FileVerdict(file.name, "warning", "picture", text) for file in plan.files})
    return plans, verdicts


def read_pages(file: ReceivedFile) -> list[Page]:
    """The pages of a picture by its header; nothing is decoded.

    Raises:
        FileNotUsed: not a picture, larger than 8192 pixels a side, or of a kind that is not read.
    """
    try:
        with Image.open(file.path) as image:
            _check_size(image.size)
            count = getattr(image, "n_frames", 1)
            if count > MAX_PAGES:
                raise FileNotUsed(
                    "too-large",
                    message(
                        "The file holds {count} pages; at most {limit} are accepted.", count=count, limit=MAX_PAGES
                    ),
                )
            return [_page(file, image, index) for index in range(count)]
    except BOMB_ERRORS as error:
        raise FileNotUsed("too-large", _too_large(message("The picture"))) from error
    except DECODE_ERRORS as error:
        reason = message("The picture is damaged or cut off. Export it again and resend it.")
        raise FileNotUsed("damaged-image", reason) from error


def _check_size(size: tuple[int, int]) -> None:
    if max(size) > MAX_SIDE:
        raise FileNotUsed(
            "too-large", _too_large(message("The picture of {columns} x {rows} pixels", columns=size[0], rows=size[1]))
        )


def _too_large(what: Message) -> Message:
    return message(
        "{what} is too large for a CT slice: at most {limit} pixels a side are accepted.", what=what, limit=MAX_SIDE
    )


def _page(file: ReceivedFile, image: Image.Image, index: int) -> Page:
    if index:
        image.seek(index)
        _check_size(image.size)
    mode = image.mode
    tags = getattr(image, "tag_v2", {})
    if mode in EIGHT_BIT_MODES:
        kind = "8-bit"
    elif mode in SIXTEEN_BIT_MODES:
        kind = "signed" if tags.get(SAMPLE_FORMAT_TAG, (1,))[0] == SIGNED_SAMPLES else "16-bit"
    elif mode in WIDE_MODES:
        kind = "signed" if tags else "16-bit"
    else:
        raise FileNotUsed(
            "wrong-dtype",
            message("Pictures of kind {mode} are not read. Save it as 8- or 16-bit grey PNG.", mode=repr(mode)),
        )
    colour = mode in ("RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "P")
    return Page(file, index, image.height, image.width, kind, lossy=image.format == "JPEG", colour=colour)


def decode(page: Page) -> npt.NDArray[Any]:
    """The samples of a page as ``(y, x)``: uint8, uint16, or signed and wide ones as float32 or int32.

    Raises:
        UnreadableFile: the picture is damaged.
    """
    try:
        with watched.reading(page.file.name), Image.open(page.file.path) as image:
            if page.index:
                image.seek(page.index)
            if page.kind == "8-bit":
                return np.asarray(image.convert("L"))
            samples = np.asarray(image)
    except (*DECODE_ERRORS, *BOMB_ERRORS) as error:
        reason = message("The picture is damaged or cut off. Export it again and resend it.")
        raise UnreadableFile(page.file.name, reason) from error
    if page.kind == "signed" and samples.dtype.kind == "u":
        return samples.view(np.int16)
    if samples.dtype.kind == "f" and not np.isfinite(samples).all():
        raise UnreadableFile(
            page.file.name, message("The picture holds values that are not numbers (NaN or infinite).")
        )
    return samples


def _plan(pages: list[Page], options: IntakeOptions) -> SeriesPlan:
    first = pages[0]
    intensity, notices = _intensity(pages, options)
    geometry, remarks = picture_geometry((len(pages), first.height, first.width), options)
    notices += remarks
    if any(page.lossy for page in pages):
        notices.append(Notice("lossy", message("JPEG loses detail; send PNG or DICOM if you can.")))
    if any(page.colour for page in pages):
        notices.append(Notice("colour", message("Colours were turned to grey.")))
    if len(pages) > 1:
        notices.append(
            Notice("order-guessed", message("The pictures are stacked by name; the first is taken as the lowest."))
        )
    meta = SeriesMeta("image", "CT", dtype=first.kind, intensity=intensity.label)
    files = list({page.file.name: page.file for page in pages}.values())
    return SeriesPlan(geometry, meta, files, PictureSlices(pages, intensity), notices)


def picture_geometry(shape: tuple[int, int, int], options: IntakeOptions) -> tuple[Geometry, list[Notice]]:
    """An axial grid with the spacing the sender states; without it lengths are in pixels."""
    if options.pixel_spacing_mm is None or (shape[0] > 1 and options.slice_spacing_mm is None):
        notice = Notice(
            "no-spacing", message("The spacing is not known: lengths, areas and volumes are given in pixels.")
        )
        return with_unknown_spacing(Geometry(shape)), [notice]
    row, column = options.pixel_spacing_mm
    return Geometry(shape, (options.slice_spacing_mm or 1.0, row, column)), []


def _intensity(pages: list[Page], options: IntakeOptions) -> tuple[Intensity, list[Notice]]:
    """One convention for the whole stack; for 16 bits the picture in its middle decides."""
    kind = pages[0].kind
    if kind == "8-bit":
        return windowed(options, 255, "8-bit windowed"), [windowed_notice(options, 8)]
    if kind == "signed":
        return HOUNSFIELD, [Notice("signed-hu", message("Signed values are taken as Hounsfield units."))]
    sample = decode(pages[len(pages) // 2])
    intensity, notice = unsigned_16_bit(float(sample.min()), float(sample.max()), options)
    return intensity, [notice]


@dataclass(frozen=True)
class PictureSlices:
    """Decodes pictures one by one."""

    pages: list[Page]
    intensity: Intensity

    def slices(self) -> Iterator[tuple[int, HounsfieldArray]]:
        for z, page in enumerate(self.pages):
            yield z, self.intensity.to_hu(decode(page))
