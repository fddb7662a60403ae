"""Pictures of slices and masks."""

import io
import itertools

import numpy as np
import pytest
from PIL import Image
from skimage.color import rgb2lab

from spineml.volumes import render
from spineml.volumes.render import OverlayStyle, Window
from spineml.volumes.volume import Geometry

# Machado, Oliveira & Fernandes 2009, severity 1.0, for linear RGB
COLOUR_BLINDNESS = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}


def a_slice() -> np.ndarray:
    return np.linspace(-2000, 3000, 40 * 50).astype(np.int16).reshape(40, 50)


def a_mask() -> np.ndarray:
    mask = np.zeros((40, 50), np.uint8)
    mask[10:20, 15:30] = 1
    return mask


@pytest.mark.parametrize(
    # hu, grey at centre 40 width 400
    ("hu", "grey"),
    [(-32768, 0), (-161, 0), (-160, 0), (-60, 64), (40, 128), (140, 191), (240, 255), (241, 255), (32767, 255)],
)
def test_the_window_is_linear_and_clipped(hu, grey):
    assert render.window_to_uint8(np.array([[hu]], np.int16), render.SOFT_TISSUE) == grey


def test_a_slice_cut_out_of_a_larger_array_is_windowed_too():
    part = a_slice()[::2, 5:30:3]

    expected = np.clip((part.astype(float) - (400 - 900)) / 1800 * 255, 0, 255)

    assert np.abs(render.window_to_uint8(part, render.BONE) - expected).max() <= 0.5


@pytest.mark.parametrize("width", [0, -5, 0.5, float("nan")])
def test_a_window_without_width_is_refused(width):
    with pytest.raises(ValueError, match="at least 1 HU"):
        Window(40, width)


def test_an_overlay_colours_the_mask_and_leaves_the_rest_grey():
    style = OverlayStyle(colour=(255, 0, 0), opacity=0.5)

    picture = np.asarray(render.overlay(a_slice(), a_mask(), render.BONE, style)).astype(float)

    grey = render.window_to_uint8(a_slice(), render.BONE).astype(float)
    inside = a_mask() > 0
    assert (picture[~inside] == grey[~inside][:, np.newaxis]).all()
    assert np.abs(picture[inside] - (grey[inside][:, np.newaxis] + [255, 0, 0]) / 2).max() <= 0.5


@pytest.mark.parametrize("opacity", [0.0, 1.0])
def test_opacity_goes_from_nothing_to_the_colour_alone(opacity):
    style = OverlayStyle(colour=(1, 2, 3), opacity=opacity)

    picture = np.asarray(render.overlay(a_slice(), a_mask(), render.BONE, style))[a_mask() > 0]

    grey = render.window_to_uint8(a_slice(), render.BONE)[a_mask() > 0]
    assert (picture == ([1, 2, 3] if opacity else grey[:, np.newaxis])).all()


def test_an_outline_is_solid_where_the_inside_is_transparent():
    style = OverlayStyle(colour=(9, 8, 7), opacity=0.0, outlined=True)

    picture = np.asarray(render.overlay(a_slice(), a_mask(), render.BONE, style))

    assert (picture[10, 15:30] == [9, 8, 7]).all()
    assert (picture[10:20, 29] == [9, 8, 7]).all()
    assert len(set(picture[15, 20])) == 1


@pytest.mark.parametrize("opacity", [-0.1, 1.1, float("nan")])
def test_an_impossible_opacity_is_refused(opacity):
    with pytest.raises(ValueError, match="between 0 and 1"):
        OverlayStyle(opacity=opacity)


def test_a_mask_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="the mask"):
        render.overlay(a_slice(), a_mask()[:-1])


def test_a_difference_shows_found_wrong_and_missed_pixels_apart():
    predicted = np.roll(a_mask(), 5, axis=1)

    picture = np.asarray(render.difference(a_slice(), a_mask(), predicted, opacity=1.0))

    assert tuple(picture[15, 16]) == render.FALSE_NEGATIVE
    assert tuple(picture[15, 25]) == render.TRUE_POSITIVE
    assert tuple(picture[15, 32]) == render.FALSE_POSITIVE
    assert len(set(picture[0, 0])) == 1


@pytest.mark.parametrize("kind", ["none", *COLOUR_BLINDNESS])
def test_the_colours_of_a_difference_are_told_apart_with_every_colour_vision(kind):
    colours = np.array([render.TRUE_POSITIVE, render.FALSE_POSITIVE, render.FALSE_NEGATIVE]) / 255
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.array(COLOUR_BLINDNESS.get(kind, np.eye(3))).T, 0, 1)
    shown = np.where(seen <= 0.0031308, seen * 12.92, 1.055 * seen ** (1 / 2.4) - 0.055)

    lab = rgb2lab(shown)

    assert min(np.linalg.norm(lab[a] - lab[b]) for a, b in itertools.combinations(range(3), 2)) > 30


@pytest.mark.parametrize(
    # rows, columns, row spacing, column spacing -> width, height
    ("shape", "spacing", "size"),
    [
        ((512, 512), (0.7, 0.7), (512, 512)),
        ((100, 50), (1.0, 3.0), (150, 100)),
        ((40, 60), (2.5, 1.0), (60, 100)),
        ((10, 2000), (1.0, 10.0), (4096, 2)),
    ],
)
def test_slices_are_shown_with_square_pixels(shape, spacing, size):
    geometry = Geometry((1, *shape), (1.0, *spacing))

    assert render.display_size(geometry) == size
    assert render.for_display(Image.new("RGB", shape[::-1]), geometry).size == size


@pytest.mark.parametrize(("kind", "tolerance"), [("png", 0), ("jpeg", 12)])
def test_a_picture_survives_its_file(kind, tolerance):
    picture = render.overlay(a_slice(), a_mask())

    with Image.open(io.BytesIO(render.encode(picture, kind))) as read:
        assert read.format == kind.upper()
        assert np.abs(np.asarray(read).astype(int) - np.asarray(picture)).mean() <= tolerance
