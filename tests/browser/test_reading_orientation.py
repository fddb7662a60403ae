"""The saved mask lies on the CT voxel for voxel, whatever way the file was stored and in whatever view was drawn."""

from __future__ import annotations

import shutil
from pathlib import Path

import nibabel
import numpy as np
import pytest
from playwright.sync_api import Page

from accounts.models import User
from cases.intake.uploads import IncomingFile, UploadOptions, upload_create
from cases.intake.worker import run_import
from cases.models import ImportRun, Series
from spineml.phantom import spine_phantom, write_dicom_series
from spineml.volumes.volume import Geometry, Volume
from spineplatform.shared.lease import execute
from tests import factories
from tests.browser.reading import all_loaded, ask, drag, exported, held, labels, open_reading, save
from tests.browser.test_walk import log_in

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def turned(degrees: float, axis: int) -> np.ndarray:
    """A rotation in space."""
    a, b = (index for index in range(3) if index != axis)
    matrix = np.eye(3)
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    matrix[[a, a, b, b], [a, b, a, b]] = cosine, -sine, sine, cosine
    return matrix


LAYOUTS = {
    "axial": np.diag([0.9, 0.9, 2.0]),
    "flipped in every axis": np.diag([-0.9, -0.9, -2.0]),
    "sagittal": np.array([[0, 0, 2.0], [0.9, 0, 0], [0, -0.9, 0]]),
    "oblique": turned(17, 0) @ turned(-11, 2) @ np.diag([0.9, 1.1, 2.0]),
    "oblique and flipped": turned(14, 1) @ np.diag([0.9, -0.9, -2.0]),
}


def imported(folder: Path, user: User, matrix: np.ndarray) -> Series:
    """A CT as NIfTI with one ball of bone that touches nothing, uploaded and imported."""
    affine = np.eye(4)
    affine[:3, :3] = matrix
    affine[:3, 3] = (-40, 25, -310)
    shape = (40, 44, 36)
    index = np.stack(np.indices(shape)).reshape(3, -1)
    centre = matrix @ np.array([22, 17, 14.0])
    distance = np.linalg.norm(matrix @ index - centre[:, None], axis=0).reshape(shape)
    hu = np.where(distance < 9, 900, -100).astype(np.int16)
    hu[0, 0, 0] = 77  # no corner is like another
    path = folder / "ct.nii"
    nibabel.save(nibabel.Nifti1Image(hu, affine), path)
    return uploaded(user, [path])


def uploaded(user: User, files: list[Path]) -> Series:
    """What the platform makes of copies of ``files``, without a mask."""
    copies = [Path(shutil.copyfile(file, file.with_name(f"sent-{file.name}"))) for file in files]
    upload, _ = upload_create(
        institution=user.memberships.get().institution,
        actor=user,
        files=[IncomingFile.from_path(copy, file.name) for copy, file in zip(copies, files, strict=True)],
        options=UploadOptions(segment=False),
    )
    execute(ImportRun, upload.run.pk, run_import)
    return Series.objects.get()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_exported_mask_lies_on_the_ct_voxel_for_voxel(
    page: Page, transactional_db: None, tmp_path: Path, layout: str
) -> None:
    user = factories.user("clinician")
    series = imported(tmp_path, user, LAYOUTS[layout])
    log_in(page, user)
    open_reading(page, series)
    all_loaded(page)
    page.keyboard.press("b")
    page.keyboard.press("d")
    page.keyboard.press("t")
    ask(page, "reader.setLook({ low: 500, high: 3000, radius: 25 })")
    centre = LAYOUTS[layout] @ np.array([22, 17, 14.0]) + (-40, 25, -310)
    lps = [float(-centre[0]), float(-centre[1]), float(centre[2])]
    ask(page, f"reader.moveTo(reader.grid.toVoxel({lps}))")
    page.keyboard.press("Enter")
    saved = save(page)
    ct, mask = nibabel.load(tmp_path / "ct.nii"), exported(page, saved, tmp_path)
    np.testing.assert_allclose(mask.affine, ct.affine, atol=1e-4)
    bone = np.asanyarray(ct.dataobj) >= 500
    assert bone.sum() > 500
    assert (np.asanyarray(mask.dataobj).astype(bool) == bone).all()


def drawn_in_every_view(page: Page) -> np.ndarray:
    """Strokes by mouse that are alike in no view; returns the mask as it is held, ``(z, y, x)``."""
    page.keyboard.press("b")
    ask(page, "reader.setLook({ radius: 2 })")
    width, height, depth = ask(page, "[reader.grid.width, reader.grid.height, reader.grid.depth]")
    drag(page, (width * 0.2, height * 0.3), (width * 0.6, height * 0.3), (width * 0.6, height * 0.5))
    drag(page, (height * 0.7, depth * 0.2), (height * 0.7, depth * 0.6), plane="sagittal")
    drag(page, (width * 0.3, depth * 0.8), (width * 0.8, depth * 0.6), plane="coronal")
    return held(page)


def on_the_ct(mask: np.ndarray, series: Series, ct: nibabel.Nifti1Image) -> np.ndarray:
    """The marked voxels ``(z, y, x)`` of a series as voxels of the file it came from."""
    marked = np.argwhere(mask)[:, ::-1]
    lps = np.c_[marked, np.ones(len(marked))] @ series.geometry.affine_lps().T
    ras = lps * (-1, -1, 1, 1)
    places = (ras @ np.linalg.inv(ct.affine).T)[:, :3]
    np.testing.assert_allclose(places, places.round(), atol=1e-3)
    found = np.zeros(ct.shape, bool)
    found[tuple(places.round().astype(int).T)] = True
    return found


@pytest.mark.parametrize("layout", ["sagittal", "oblique and flipped"])
def test_strokes_in_every_view_are_exported_where_they_were_drawn(
    page: Page, transactional_db: None, tmp_path: Path, layout: str
) -> None:
    user = factories.user("clinician")
    series = imported(tmp_path, user, LAYOUTS[layout])
    log_in(page, user)
    open_reading(page, series)
    all_loaded(page)
    drawn = drawn_in_every_view(page)
    saved = save(page)
    assert (labels(saved) == drawn).all()
    ct, mask = nibabel.load(tmp_path / "ct.nii"), exported(page, saved, tmp_path)
    assert drawn.sum() > 100
    assert (np.asanyarray(mask.dataobj).astype(bool) == on_the_ct(drawn, series, ct)).all()


def test_an_unevenly_spaced_series_says_so_and_is_corrected_like_any_other(
    page: Page, transactional_db: None, tmp_path: Path
) -> None:
    user = factories.user("clinician")
    volume, _ = spine_phantom(shape=(8, 64, 64), spacing=(3.0, 2.0, 2.0))
    files = []
    for z, place in enumerate((0, 3, 6.8, 9, 12, 16.1, 18, 21)):
        lone = Geometry((1, 64, 64), (3.0, 2.0, 2.0), origin=(0.0, 0.0, float(place)))
        written = write_dicom_series(
            Volume(volume.hu[z : z + 1], lone),
            tmp_path / str(z),
            overrides={"InstanceNumber": z + 1, "SOPInstanceUID": f"1.2.826.0.1.3680043.8.498.{z + 1}"},
        )
        files.append(written[0].rename(tmp_path / f"{z}.dcm"))
    series = uploaded(user, files)
    log_in(page, user)
    open_reading(page, series)
    all_loaded(page)
    notices = page.get_by_role("note", name="Import warnings")
    notices.get_by_text("lengths along the body and volumes are approximate").wait_for()
    assert ask(page, "reader.grid.sz") == pytest.approx(3, abs=0.01)
    assert (np.array(ask(page, "[...reader.volume.get(5)]"), np.int16) == volume.hu[5].ravel()).all()
    drawn = drawn_in_every_view(page)
    assert drawn.any()
    assert (labels(save(page)) == drawn).all()
