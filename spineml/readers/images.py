"""Pictures (PNG, JPEG, TIFF) to series.

A picture holds no Hounsfield units. 8-bit pictures are taken as CT windowed with centre 400 HU and width 1800
(-500 to 1300 HU; ``spineml.readers.series.DEFAULT_WINDOW_CENTER`` and ``_WIDTH``) unless the options say otherwise, and
the inverse of that window gives HU. 16-bit unsigned pictures are HU + 1024 up to a value of 4095, HU + 32768 around
that number, else a window stretched over 16 bits. Signed and floating-point TIFF holds HU as it is.
"""

from __future__ import annotations

import itertools
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from spineml.errors import UnreadableFile
from spineml.message import message, sentences
from spineml.readers import reading_progress
from spineml.readers.bounded_file import Within
from spineml.readers.headers.image import DAMAGED, EXPANDS, FREE_BYTES, MAX_RATIO, PictureHeader, read_header
from spineml.readers.series import (
    DetectedSeries,
    FileNotUsed,
    FileOutcome,
    IntakeOptions,
    ReceivedFile,
    SeriesMeta,
    SeriesWarning,
    natural_order,
)
from spineml.readers.values import HOUNSFIELD, Intensity, unsigned_16_bit, windowed, windowed_notice
from spineml.volumes.volume import Geometry, HounsfieldArray, with_unknown_spacing

SAMPLE_FORMAT_TAG = 339
SIGNED_SAMPLES = 2
EIGHT_BIT_MODES = {"1", "L", "P", "LA", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "La", "RGBa"}
SIXTEEN_BIT_MODES = {"I;16", "I;16L", "I;16B", "I;16N"}
WIDE_MODES = {"I", "F"}
ORIENTATION_TAG = 274
# What Pillow and its decoders raise for damaged files.
DECODE_ERRORS = (
    *(UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError, LookupError, TypeError, ArithmeticError),
    *(AttributeError, AssertionError, RuntimeError, struct.error, zlib.error),
    *(Image.DecompressionBombError, Image.DecompressionBombWarning),
)


STACK_TOO_LARGE = message("The images form a volume that is too large. Send them in parts.")


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
    turned: bool = False


def is_image(start: bytes) -> bool:
    """True for the content of a PNG, JPEG or TIFF file."""
    return start.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"))


def scan_images(
    files: Sequence[ReceivedFile],
    options: IntakeOptions,
    looked_at: Callable[[ReceivedFile], None] = lambda file: None,
) -> tuple[list[DetectedSeries], dict[str, FileOutcome]]:
    """Read the headers and make series: pictures of one folder, size and kind are one stack, in natural order."""
    found = _Scan(options)
    for file in sorted(files, key=lambda file: natural_order(file.name)):
        looked_at(file)
        try:
            found.add(file)
        except FileNotUsed as reason:
            found.verdicts[file.name] = reason.verdict(file.name)
    return found.plans(), found.verdicts


@dataclass
class _Scan:
    """Pictures sorted into stacks; what all of them would unpack to is bounded together."""

    options: IntakeOptions
    verdicts: dict[str, FileOutcome] = field(default_factory=dict)
    stacks: dict[tuple[object, ...], list[Page]] = field(default_factory=dict)
    decoded_bytes: int = 0
    file_bytes: int = 0

    def add(self, file: ReceivedFile) -> None:
        header = read_header(file.path)
        decoded_bytes = self.decoded_bytes + header.decoded_bytes
        file_bytes = self.file_bytes + file.path.stat().st_size
        if header.decoded_bytes > self.options.max_volume_bytes:
            raise FileNotUsed("too-large", STACK_TOO_LARGE)
        if decoded_bytes > FREE_BYTES and decoded_bytes > MAX_RATIO * file_bytes:
            raise FileNotUsed("expands-too-much", EXPANDS)
        pages = _pages(file, header)
        self.decoded_bytes, self.file_bytes = decoded_bytes, file_bytes
        alone = len(pages) > 1 or not self.options.stack_images
        together = file.name if alone else file.name.rpartition("/")[0]
        for page in pages:
            key = (alone, together, page.height, page.width, page.kind)
            self.stacks.setdefault(key, []).append(page)

    def plans(self) -> list[DetectedSeries]:
        plans = []
        for stack in self.stacks.values():
            if plan := self._plan(stack):
                plans.append(plan)
                text = sentences(plan.warnings)
                self.verdicts |= {file.name: FileOutcome(file.name, "warning", "picture", text) for file in plan.files}
        return plans

    def _plan(self, stack: list[Page]) -> DetectedSeries | None:
        """One series of the pictures that can be read."""
        if 2 * sum(page.height * page.width for page in stack) > self.options.max_volume_bytes:
            names = {page.file.name for page in stack}
            self.verdicts |= {name: FileOutcome(name, "rejected", "too-large", STACK_TOO_LARGE) for name in names}
            return None
        while stack:
            try:
                return _plan(stack, self.options)
            except UnreadableFile as error:
                self.verdicts[error.name] = FileOutcome(error.name, "rejected", "damaged-image", error.reason)
                stack = [page for page in stack if page.file.name != error.name]
        return None


def _pages(file: ReceivedFile, header: PictureHeader) -> list[Page]:
    """The pages of a picture by its header; nothing is decoded.

    Raises:
        FileNotUsed: it is damaged, or of a kind that is not read.
    """
    try:
        with file.path.open("rb") as stream, _quiet(), _opened(stream, header.format) as image:
            return [_page(file, image, index, size) for index, size in enumerate(header.pages)]
    except UnidentifiedImageError as error:
        reason = message(
            "This kind of {format} is not supported. Save it as 8- or 16-bit greyscale PNG.", format=header.format
        )
        raise FileNotUsed("wrong-kind", reason) from error
    except DECODE_ERRORS as error:
        raise FileNotUsed("damaged-image", DAMAGED) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Warnings about damage end nothing; one about a bomb does."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def _page(file: ReceivedFile, image: Image.Image, index: int, size: tuple[int, int]) -> Page:
    if index:
        image.seek(index)
    if (image.height, image.width) != size:
        raise FileNotUsed("damaged-image", DAMAGED)
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
            message(
                "Images of the mode {mode} are not supported. Save it as 8- or 16-bit greyscale PNG.", mode=repr(mode)
            ),
        )
    colour = mode in ("RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "P")
    turned = image.format != "PNG" and image.getexif().get(ORIENTATION_TAG, 1) not in (0, 1)
    return Page(file, index, *size, kind, lossy=image.format in ("JPEG", "MPO"), colour=colour, turned=turned)


def decode(page: Page) -> npt.NDArray[Any]:
    """The samples of a page as ``(y, x)``: uint8, uint16, or signed and wide ones as float32 or int32.

    Raises:
        UnreadableFile: the picture is damaged.
    """
    (samples,) = decoded([page])
    return samples


def decoded(pages: Sequence[Page]) -> Iterator[npt.NDArray[Any]]:
    """The samples of each page; a file is opened once for all pages that follow one another.

    Raises:
        UnreadableFile: a picture is damaged.
    """
    for _, together in itertools.groupby(pages, key=lambda page: page.file):
        yield from _of_one_file(list(together))


def _of_one_file(pages: Sequence[Page]) -> Iterator[npt.NDArray[Any]]:
    file = pages[0].file
    image: Image.Image | None = None
    stream = file.path.open("rb")
    try:
        for page in pages:
            with reading_progress.reading(file.name), _quiet():
                reading_progress.alive()
                image = image or _opened(stream, read_header(file.path).format)
                samples = _samples(image, page)
            yield samples
    except FileNotUsed as error:
        raise UnreadableFile(file.name, error.reason) from error
    except DECODE_ERRORS as error:
        raise UnreadableFile(file.name, DAMAGED) from error
    finally:
        if image is not None:
            image.close()
        stream.close()


def _opened(stream: BinaryIO, kind: str) -> Image.Image:
    within: Any = Within(stream)
    return Image.open(within, formats=(kind,))


def _samples(image: Image.Image, page: Page) -> npt.NDArray[Any]:
    if page.index:
        image.seek(page.index)
    if (image.height, image.width) != (page.height, page.width):
        raise UnreadableFile(page.file.name, DAMAGED)
    if page.kind == "8-bit":
        return np.asarray(image.convert("L"))
    samples = np.asarray(image)
    if page.kind == "signed" and samples.dtype.kind == "u":
        return samples.astype(np.uint16).view(np.int16)
    if samples.dtype.kind == "f" and not np.isfinite(samples).all():
        reason = message("The image contains values that are not numbers (NaN or infinite).")
        raise UnreadableFile(page.file.name, reason)
    return samples


def _plan(pages: list[Page], options: IntakeOptions) -> DetectedSeries:
    first = pages[0]
    intensity, notices = _intensity(pages, options)
    geometry, remarks = picture_geometry((len(pages), first.height, first.width), options)
    notices += remarks
    if any(page.lossy for page in pages):
        notices.append(SeriesWarning("lossy", message("JPEG loses detail; send PNG or DICOM if you can.")))
    if any(page.colour for page in pages):
        notices.append(SeriesWarning("colour", message("Colours were converted to greyscale.")))
    if any(page.turned for page in pages):
        text = message("The image has an orientation tag, which is ignored; the pixels are used as stored.")
        notices.append(SeriesWarning("turned", text))
    if len(pages) > 1:
        notices.append(
            SeriesWarning("order-guessed", message("The images are stacked by name; the first is the lowest slice."))
        )
    meta = SeriesMeta("image", "CT", dtype=first.kind, intensity=intensity.label)
    files = list({page.file.name: page.file for page in pages}.values())
    return DetectedSeries(geometry, meta, files, PictureSlices(pages, intensity), notices)


def picture_geometry(shape: tuple[int, int, int], options: IntakeOptions) -> tuple[Geometry, list[SeriesWarning]]:
    """An axial grid with the spacing the sender states; without it lengths are in pixels."""
    if options.pixel_spacing_mm is None or (shape[0] > 1 and options.slice_spacing_mm is None):
        notice = SeriesWarning(
            "no-spacing", message("The spacing is not known: lengths, areas and volumes are in pixels.")
        )
        return with_unknown_spacing(Geometry(shape)), [notice]
    row, column = options.pixel_spacing_mm
    return Geometry(shape, (options.slice_spacing_mm or 1.0, row, column)), []


def _intensity(pages: list[Page], options: IntakeOptions) -> tuple[Intensity, list[SeriesWarning]]:
    """One convention for the whole stack; for 16 bits the picture in its middle decides."""
    kind = pages[0].kind
    if kind == "8-bit":
        return windowed(options, 255, "8-bit windowed"), [windowed_notice(options, 8)]
    if kind == "signed":
        return HOUNSFIELD, [SeriesWarning("signed-hu", message("Signed values are used as Hounsfield units."))]
    sample = decode(pages[len(pages) // 2])
    intensity, notice = unsigned_16_bit(float(sample.min()), float(sample.max()), options)
    return intensity, [notice]


@dataclass(frozen=True)
class PictureSlices:
    """Decodes pictures one by one. ``seen`` are the values met so far, until there are three."""

    pages: list[Page]
    intensity: Intensity
    seen: set[int] = field(default_factory=set)

    def slices(self) -> Iterator[tuple[int, HounsfieldArray]]:
        for z, samples in enumerate(decoded(self.pages)):
            pixels = self.intensity.to_hu(samples)
            if len(self.seen) < 3:
                self.seen.update(np.unique(pixels)[:3].tolist())
            yield z, pixels

    def doubts(self) -> list[SeriesWarning]:
        """What the values, once all were read, give rise to say."""
        if not 0 < len(self.seen) < 3:
            return []
        text = message(
            "The images have at most two values: they look like a mask, not a CT. Upload masks on the page of their "
            "series."
        )
        return [SeriesWarning("looks-like-mask", text)]
