"""Good files to damage: phantoms of every kind, and the small files of ../shared where it is there."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import SimpleITK
from PIL import Image

from spineml.phantom import spine_phantom, write_dicom_series, write_nifti
from tests.fuzz import hdf5
from tests.fuzz.mutate import mutated

SHARED = Path(__file__).resolve().parents[3] / "shared"
LARGEST = 300_000
# What the kinds of the grammars are called as files: `--kind nifti` damages these.
SUFFIXES = {
        "nifti": (".nii", ".nii.gz"), "nrrd": (".nrrd", ".nhdr"), "meta": (".mha", ".mhd"), "npy": (".npy",), "hdf5":
    (".h5",),
    "dicom": (".dcm",), "zip": (".zip",), "image": (".png", ".jpg", ".tif"),
}  # fmt: skip


def good_files() -> list[tuple[str, bytes]]:
    """All of them by name, phantoms first."""
    return [*_phantoms(), *_shared()]


def files(seed: int, kind: str = "") -> Iterator[tuple[str, bytes]]:
    """Damaged copies without an end; the same for the same seed."""
    rng = Random(f"mutate {kind} {seed}")
    good = [one for one in good_files() if not kind or one[0].endswith(SUFFIXES.get(kind, (f".{kind}",)))]
    while good:
        name, content = rng.choice(good)
        if content.startswith(b"\x1f\x8b") and rng.random() < 0.7:
            yield name, gzip.compress(mutated(rng, gzip.decompress(content)), 1, mtime=0)
        else:
            yield name, mutated(rng, content)


def _phantoms() -> Iterator[tuple[str, bytes]]:
    volume, mask = spine_phantom((4, 32, 24), 0, (4.0, 6.0, 7.0))
    with TemporaryDirectory() as folder:
        root = Path(folder)
        paths = write_dicom_series(volume, root / "dicom")[:2]
        paths.append(write_nifti(volume, root / "ct.nii"))
        paths.append(root / "ct.nii.gz")
        paths[-1].write_bytes(gzip.compress(paths[-2].read_bytes(), mtime=0))
        for name, values in (("ct", volume.hu), ("mask", mask.labels)):
            image = SimpleITK.GetImageFromArray(values)
            image.SetSpacing(volume.geometry.spacing[::-1])
            image.SetOrigin(volume.geometry.origin)
            for suffix, packed in ((".nrrd", False), ("_packed.nrrd", True), (".mha", False), ("_packed.mha", True)):
                paths.append(root / f"{name}{suffix}")
                SimpleITK.WriteImage(image, str(paths[-1]), packed)
        np.save(root / "ct.npy", volume.hu)
        paths.append(root / "ct.npy")
        for path in paths:
            yield path.name, path.read_bytes()
        yield "slices.zip", _zip({path.name: path.read_bytes() for path in paths[:4]})
    grey = ((volume.hu[1].astype(np.int32) + 1024) // 16).clip(0, 255).astype(np.uint8)
    for suffix, kind, options in (
        ("png", "PNG", {}),
        ("jpg", "JPEG", {}),
        ("tif", "TIFF", {"compression": "tiff_lzw"}),
    ):
        yield f"a.{suffix}", _picture(grey, kind, options)
    yield "masks.zip", _zip({f"{z}.png": _picture(labels * 255, "PNG", {}) for z, labels in enumerate(mask.labels)})
    for seed in range(3):
        yield f"{seed}.h5", next(hdf5.files(seed))[1]


def _picture(values: np.ndarray, kind: str, options: dict[str, Any]) -> bytes:
    sink = io.BytesIO()
    Image.fromarray(values).save(sink, kind, **options)
    return sink.getvalue()


def _zip(members: dict[str, bytes]) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
            archive.writestr(info, content, zipfile.ZIP_DEFLATED)
    return sink.getvalue()


def _shared() -> Iterator[tuple[str, bytes]]:
    """The odd files, the members of their zips, and the small ones of the data."""
    for root in (SHARED / "odd-files", SHARED / "data"):
        for path in sorted(root.rglob("*")) if root.is_dir() else ():
            if not path.is_file() or path.suffix in (".md", ".json", ".csv") or path.stat().st_size > LARGEST:
                continue
            content = path.read_bytes()
            yield path.name, content
            if path.suffix == ".zip":
                yield from _members(content)


def _members(content: bytes) -> Iterator[tuple[str, bytes]]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for info in archive.infolist()[:2]:
                if not info.is_dir() and info.file_size < LARGEST:
                    name = Path(info.filename).name
                    yield (name if "." in name else f"{name}.dcm"), archive.read(info)
    except (zipfile.BadZipFile, NotImplementedError):
        return
