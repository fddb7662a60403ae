"""Label maps as pictures with a palette: the index is the value, the palette its colour."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from spineml.masks.read import read_label_map
from spineml.readers.series import ReceivedFile
from spineml.volumes.volume import Geometry

GRID = Geometry((2, 6, 8), (2.0, 1.0, 1.0))
COLOURS = [0, 0, 0, 255, 0, 0, 128, 128, 128, 0, 0, 255]  # black, red, a grey, blue


def slices(folder: Path, *pixels: np.ndarray) -> list[ReceivedFile]:
    files = []
    for number, values in enumerate(pixels):
        picture = Image.fromarray(values)
        picture.putpalette(COLOURS)
        picture.save(folder / f"{number}.png")
        files.append(ReceivedFile(folder / f"{number}.png", f"{number}.png"))
    return files


def test_the_index_is_the_value_and_the_palette_its_colour(tmp_path: Path) -> None:
    low, high = np.zeros((2, 6, 8), np.uint8)
    low[1, 1:4], high[3, 2:5], high[4, 2:5] = 1, 3, 2
    found = read_label_map(slices(tmp_path, low, high), GRID).found
    assert [(one.value, one.voxels, one.colour) for one in found] == [
        (1, 3, "#ff0000"),
        (2, 3, "#808080"),
        (3, 3, "#0000ff"),
    ]


def test_a_slice_in_which_only_a_grey_of_the_palette_is_seen_has_its_index_too(tmp_path: Path) -> None:
    low, high = np.zeros((2, 6, 8), np.uint8)
    low[1, 1:4], high[3, 2:5] = 2, 2
    high[5, 1] = 1
    assert [one.value for one in read_label_map(slices(tmp_path, low, high), GRID).found] == [1, 2]
