"""Pictures of a slice: windowed, with the mask over it, or with the difference of two masks. NumPy and Pillow only."""

from __future__ import annotations

import functools
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from spineml.volumes.outline import inner, outline
from spineml.volumes.volume import Geometry, HounsfieldArray

Colour = tuple[int, int, int]
GreyArray = npt.NDArray[np.uint8]

# At least 30 CIELAB units apart in pairs, with full and with every kind of colour-blind vision (the tests compute it).
GREEN: Colour = (60, 200, 120)
VERMILLION: Colour = (213, 94, 0)
BLUE: Colour = (60, 110, 240)
TRUE_POSITIVE, FALSE_POSITIVE, FALSE_NEGATIVE = GREEN, VERMILLION, BLUE
OTHER_LABEL = (240, 228, 66)

JPEG_QUALITY = 90
PNG_LEVEL = 1
MAX_DISPLAY_EDGE = 4096
# The font of Pillow has Latin letters and no others.
LAST_DRAWN = "\u024f"
LEGEND_BACKGROUND: Colour = (16, 20, 24)
WHITE: Colour = (255, 255, 255)


@dataclass(frozen=True)
class Window:
    """The range of HU shown from black to white: ``center`` and ``width``, in HU."""

    center: float
    width: float

    def __post_init__(self) -> None:
        if not self.width >= 1:
            raise ValueError(f"the width of a window is at least 1 HU; received instead: {self.width}")


BONE = Window(400, 1800)
SOFT_TISSUE = Window(40, 400)
WINDOWS = {"bone": BONE, "soft": SOFT_TISSUE}


@dataclass(frozen=True)
class OverlayStyle:
    """How a mask is drawn: ``opacity`` 0 (not at all) to 1 (the colour alone); ``outlined`` adds a solid contour."""

    colour: Colour = VERMILLION
    opacity: float = 0.45
    outlined: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.opacity <= 1:
            raise ValueError(f"opacity is between 0 and 1; received instead: {self.opacity}")


def window_to_uint8(hu: HounsfieldArray, window: Window) -> GreyArray:
    """Map int16 HU to 0..255, linearly over the window and clipped (DICOM PS3.3 C.11.2.1.3.2, LINEAR_EXACT)."""
    grey: GreyArray = _grey_table(window)[hu.view(np.uint16)]
    return grey


def overlay(
    hu: HounsfieldArray, mask: npt.NDArray[Any], window: Window = BONE, style: OverlayStyle = OverlayStyle()
) -> Image.Image:
    """The slice ``(y, x)`` in grey with ``mask > 0`` in colour, as an RGB picture of the same size.

    Raises:
        ValueError: slice and mask differ in shape.
    """
    inside = _marked(mask, hu)
    layers = inside.astype(np.uint16)
    paints = [(style.colour, 0.0), (style.colour, style.opacity)]
    if style.outlined:
        layers += outline(inside)
        paints.append((style.colour, 1.0))
    return _painted(window_to_uint8(hu, window), layers, paints)


def colour_of(text: str) -> Colour:
    """``#rrggbb`` as three numbers."""
    red, green, blue = bytes.fromhex(text.removeprefix("#"))
    return red, green, blue


def overlay_labels(
    hu: HounsfieldArray,
    labels: npt.NDArray[np.uint8],
    colours: Mapping[int, Colour],
    window: Window = BONE,
    style: OverlayStyle = OverlayStyle(),
) -> Image.Image:
    """The slice ``(y, x)`` in grey with each label in its colour (that of ``style`` where it has none), as RGB.

    Raises:
        ValueError: slice and labels differ in shape.
    """
    _marked(labels, hu)
    shown = np.flatnonzero(np.bincount(labels.ravel(), minlength=256)[1:]) + 1
    table = np.zeros(256, np.uint32)
    table[shown] = np.arange(1, len(shown) + 1)
    layers = table[labels]
    chosen = [colours.get(int(value), style.colour) for value in shown]
    paints = [(style.colour, 0.0), *((colour, style.opacity) for colour in chosen)]
    if style.outlined:
        layers += ((labels > 0) & ~inner(labels)) * np.uint32(len(shown))
        paints += [(colour, 1.0) for colour in chosen]
    return _painted(window_to_uint8(hu, window), layers, paints)


def with_names(image: Image.Image, labels: npt.NDArray[np.uint8], names: Mapping[int, str]) -> Image.Image:
    """``image``, a picture of a slice in any size, with the short name of each label in the middle of the label.

    A name with letters that the font does not have stands there as the label's value.
    """
    image = image.copy()
    draw = ImageDraw.Draw(image)
    font = _font(max(11, round(max(image.size) / 48)))
    across, down = image.width / labels.shape[1], image.height / labels.shape[0]
    for value in (int(value) for value in np.unique(labels) if value):
        rows, columns = np.nonzero(labels == value)
        middle = int(np.argmin(np.abs(rows - rows.mean()) + np.abs(columns - columns.mean())))
        place = ((columns[middle] + 0.5) * across, (rows[middle] + 0.5) * down)
        text = _drawn_name(names.get(value, ""), value)
        draw.text(place, text, WHITE, font, "mm", stroke_width=2, stroke_fill=LEGEND_BACKGROUND)
    return image


def with_legend(image: Image.Image, rows: Sequence[tuple[int, str, Colour]]) -> Image.Image:
    """``image`` with value, name and colour of each of ``rows`` to its right, in as many columns as it takes."""
    size = max(11, min(16, image.height // 12))
    font, line = _font(size), size + 6
    texts = [f"{value} {name}" if _drawn_name(name, value) == name else str(value) for value, name, _ in rows]
    lines = max(1, (image.height - 8) // line)
    columns = -(-len(rows) // lines)
    column = 3 * size + max((round(font.getlength(text)) for text in texts), default=0)
    whole = Image.new("RGB", (image.width + column * columns, image.height), LEGEND_BACKGROUND)
    whole.paste(image, (0, 0))
    draw = ImageDraw.Draw(whole)
    for number, (text, (_, _, colour)) in enumerate(zip(texts, rows, strict=True)):
        left = image.width + column * (number // lines) + size // 2
        top = 4 + line * (number % lines)
        draw.rectangle((left, top + 1, left + size, top + size + 1), colour)
        draw.text((left + size + size // 2, top + 1 + size // 2), text, WHITE, font, "lm")
    return whole


def _drawn_name(name: str, value: int) -> str:
    return name if name and max(name) <= LAST_DRAWN else str(value)


@functools.lru_cache(maxsize=32)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def difference(
    hu: HounsfieldArray,
    reference: npt.NDArray[Any],
    predicted: npt.NDArray[Any],
    window: Window = BONE,
    opacity: float = 0.65,
) -> Image.Image:
    """The slice with true positives in green, false positives in vermillion and false negatives in blue.

    What both mark with different labels is yellow.

    Raises:
        ValueError: the shapes differ.
    """
    layers = _marked(reference, hu).astype(np.uint16) + 2 * _marked(predicted, hu).astype(np.uint16)
    layers[(layers == 3) & (reference != predicted)] = 4
    colours = (FALSE_NEGATIVE, FALSE_POSITIVE, TRUE_POSITIVE, OTHER_LABEL)
    paints = [(FALSE_NEGATIVE, 0.0), *((colour, opacity) for colour in colours)]
    return _painted(window_to_uint8(hu, window), layers, paints)


def display_size(geometry: Geometry) -> tuple[int, int]:
    """(width, height) at which a slice appears undistorted: the longer edge of a pixel is stretched, none shrunk."""
    _, height_mm, width_mm = geometry.spacing
    unit = min(height_mm, width_mm)
    width, height = geometry.shape[2] * width_mm / unit, geometry.shape[1] * height_mm / unit
    fit = min(1.0, MAX_DISPLAY_EDGE / max(width, height))
    return max(1, round(width * fit)), max(1, round(height * fit))


def for_display(image: Image.Image, geometry: Geometry) -> Image.Image:
    """Resample a picture of a slice to square pixels; for the eye only, never for data."""
    size = display_size(geometry)
    return image if image.size == size else image.resize(size, Image.Resampling.BILINEAR)


def encode(image: Image.Image, kind: Literal["png", "jpeg"]) -> bytes:
    """The picture as a file: PNG packed lightly (speed before size), JPEG of quality 90 with full colour resolution."""
    sink = io.BytesIO()
    if kind == "png":
        image.save(sink, "PNG", compress_level=PNG_LEVEL)
    else:
        image.save(sink, "JPEG", quality=JPEG_QUALITY, subsampling="4:4:4")
    return sink.getvalue()


def _marked(mask: npt.NDArray[Any], hu: HounsfieldArray) -> npt.NDArray[np.bool_]:
    if mask.shape != hu.shape:
        raise ValueError(f"the slice is {hu.shape}, the mask {mask.shape}")
    return mask > 0


@functools.lru_cache(maxsize=32)
def _grey_table(window: Window) -> GreyArray:
    """The grey value of each int16, at the place of its bits read as uint16."""
    hu = np.arange(2**16, dtype=np.uint16).view(np.int16).astype(float)
    grey = (hu - (window.center - window.width / 2)) / window.width * 255
    return np.clip(np.rint(grey), 0, 255).astype(np.uint8)


def _painted(grey: GreyArray, layers: npt.NDArray[Any], paints: list[tuple[Colour, float]]) -> Image.Image:
    """Blend each pixel's grey with the paint ``(colour, opacity)`` of its layer, by one table per channel."""
    index = (layers << 8) | grey
    ramp = np.arange(256.0)
    channels = []
    for channel in range(3):
        blends = [ramp * (1 - opacity) + colour[channel] * opacity for colour, opacity in paints]
        table = np.rint(np.concatenate(blends)).astype(np.uint8)
        channels.append(Image.fromarray(table[index]))
    return Image.merge("RGB", channels)
