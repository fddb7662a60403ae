"""What the tests of the reading room share: opening a series, waiting for the viewer, asking it what it holds."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from playwright.sync_api import Locator, Page, expect

from cases.models import Annotation, Series
from spineml.volumes.canonical_file import read_mask
from spineplatform.shared.storage import local_path
from tests.waiting import wait_for


def open_reading(page: Page, series: Series, query: str = "") -> Locator:
    """Open the reading room and wait for its first slice; returns the viewer's element."""
    page.goto(f"/series/{series.pk}/read/{query}")
    root = page.locator("[data-reading]")
    expect(root).to_have_attribute("data-masks-shown", "true")
    expect(root).to_have_attribute("data-shown", page.evaluate(READER + ".voxel[2].toString()"))
    return root


READER = "document.querySelector('[data-reading]').reader"


def ask(page: Page, expression: str) -> Any:
    """Evaluate ``expression`` with ``reader`` at hand."""
    return page.evaluate(f"(() => {{ const reader = {READER}; return {expression}; }})()")


def all_loaded(page: Page) -> None:
    """Wait for every slice of the CT and of the mask that is worked on: where one is missing, nothing is drawn."""
    expect(page.locator("[data-part=loaded]")).to_have_text("")
    every = "[...Array(reader.grid.depth).keys()].every((z) => reader.editor.layer.slice(z))"
    wait_for(lambda: ask(page, every), "The mask of every slice", page=page)


def move_to(page: Page, x: float, y: float, z: float) -> None:
    """Put the crosshair on a voxel and wait until its axial slice is painted."""
    ask(page, f"reader.moveTo([{x}, {y}, {z}])")
    expect(page.locator("[data-reading]")).to_have_attribute("data-shown", str(round(z)))


def on_screen(page: Page, x: float, y: float, plane: str = "axial") -> tuple[float, float]:
    """The place on the screen of picture coordinates of a view."""
    box = view(page, plane).bounding_box()
    assert box is not None
    index = ["axial", "sagittal", "coronal"].index(plane)
    left, top = ask(page, f"reader.views[{index}].screenAt({x}, {y})")
    return box["x"] + left, box["y"] + top


def view(page: Page, plane: str = "axial") -> Locator:
    return page.locator(f"[data-view={plane}] .view-marks")


def drag(page: Page, *points: tuple[float, float], plane: str = "axial") -> None:
    """Drag through picture coordinates of a view."""
    places = [on_screen(page, *point, plane=plane) for point in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=4)
    page.mouse.up()


def click(page: Page, x: float, y: float, plane: str = "axial") -> None:
    page.mouse.click(*on_screen(page, x, y, plane=plane))


def held(page: Page) -> np.ndarray:
    """The worked-on mask as the viewer holds it, ``(z, y, x)``; every slice must be there."""
    shape = ask(page, "[reader.grid.depth, reader.grid.height, reader.grid.width]")
    text = ask(
        page,
        """[...Array(reader.grid.depth).keys()].map((z) => {
          const slice = reader.editor.layer.slice(z);
          let out = "";
          for (let i = 0; i < slice.length; i += 4096) out += String.fromCharCode(...slice.subarray(i, i + 4096));
          return btoa(out);
        })""",
    )
    return np.frombuffer(b"".join(map(base64.b64decode, text)), np.uint8).reshape(shape)


def save(page: Page, key: str = "Control+s") -> Annotation:
    """Save and wait for the new mask."""
    root = page.locator("[data-reading]")
    before = root.get_attribute("data-saved")
    page.keyboard.press(key)
    expect(root).not_to_have_attribute("data-saved", before or "")
    expect(root).to_have_attribute("data-saving", "false")
    return Annotation.objects.get(pk=root.get_attribute("data-saved"))


def labels(mask: Annotation) -> np.ndarray:
    return read_mask(local_path(mask.mask)).labels


def exported(page: Page, mask: Annotation, folder: Path) -> nibabel.Nifti1Image:
    """The mask as the platform hands it out."""
    answer = page.context.request.get(f"/masks/{mask.pk}/download/mask.nii.gz")
    assert answer.ok
    path = folder / "mask.nii.gz"
    path.write_bytes(io.BytesIO(answer.body()).getvalue())
    return nibabel.load(path)
