"""What becomes of one file: everything that reads what people send is tried on it, and only refusals may come back."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from spineml.errors import ArchiveRejected, MaskRejected, ModelFileRejected, UnreadableFile
from spineml.learning.dataset_file import DatasetFileRejected, DatasetReader
from spineml.masks import read as masks
from spineml.masks.pairs import read_pair_mask
from spineml.model import keras2_file, model_file
from spineml.readers.archives import archive
from spineml.readers.dicom.deidentify import deidentify_dicom
from spineml.readers.pairs.pairs import PatientRule, match_pairs
from spineml.readers.scan import IntakeOptions, scan
from spineml.readers.series import FileNotUsed, ReceivedFile
from spineml.volumes.volume import Geometry, with_unknown_spacing

# Values of a file that nobody sent. Whoever reads it shows them.
SECRET = np.full(4000, -777, "<i2").tobytes()
COMPANION = np.arange(-1000, 3000, dtype="<i2").tobytes()
SERIES = Geometry((6, 8, 10), (2.5, 0.7, 0.7), origin=(-20.0, 15.0, 100.0))
GEOMETRIES = (SERIES, with_unknown_spacing(Geometry((4, 32, 24))))
OPTIONS = IntakeOptions(max_volume_bytes=256 * 1024**2)
SLICES = 64
RULES: tuple[PatientRule, ...] = ("each", "prefix", "table")
Finding = str


def problems_of(name: str, content: bytes, folder: Path) -> list[Finding]:
    """Write the file into ``folder`` as an upload with a companion beside it, read it in every way, and say what went
    wrong; an empty list when it was read or refused as it should be."""
    secret = folder / "secret.raw"
    secret.write_bytes(SECRET)
    sent = folder / "upload" / "sent"
    sent.mkdir(parents=True)
    files = []
    for number, (known_as, what) in enumerate(_upload(name, content, secret)):
        path = sent / str(number)
        path.write_bytes(what)
        files.append(ReceivedFile(path, known_as))
    found: list[Finding] = []
    opened: set[str] = set()
    usual = tempfile.tempdir
    tempfile.tempdir = str(folder / "upload")
    try:
        for way in WAYS:
            with _watch(folder, opened), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found += _tried(way, files, folder / "work")
            shutil.rmtree(folder / "work", ignore_errors=True)
    finally:
        tempfile.tempdir = usual
    return [*found, *(f"a file was opened that was not sent: {path}" for path in sorted(opened))]


def _upload(name: str, content: bytes, secret: Path) -> list[tuple[str, bytes]]:
    content = content.replace(b"{secret}", str(secret).encode())
    folder = name.rpartition("/")[0]
    beside = f"{folder}/ct.raw" if folder else "ct.raw"
    return [(name, content), (beside, COMPANION)]


def _tried(way: Callable[[list[ReceivedFile], Path], None], files: list[ReceivedFile], work: Path) -> Iterator[Finding]:
    try:
        way(files, work)
    except Exception as error:  # noqa: BLE001  # to find the unexpected is what this is for
        where = error.__traceback__
        while where is not None and where.tb_next is not None:
            where = where.tb_next
        line = f"{Path(where.tb_frame.f_code.co_filename).name}:{where.tb_lineno}" if where else "?"
        yield f"{way.__name__}: {type(error).__name__} at {line}: {str(error)[:200]}"


# --- the ways ---------------------------------------------------------------------------------------------------------
def as_ct(files: list[ReceivedFile], work: Path) -> None:
    intake = scan(files, work, OPTIONS)
    assert len(intake.verdicts) == len(files), "not one verdict for each file"
    for verdict in intake.verdicts:
        assert verdict.code != "unexpected", f"an error nobody foresaw: {verdict.reason}"
        f"{verdict.name} {verdict.reason}".encode()
    for plan in intake.series:
        try:
            for _, pixels in islice(plan.slices(), SLICES):
                assert pixels.dtype == np.int16
                assert not (pixels == -777).mean() > 0.5, "the values of a file that was not sent"
            for file in plan.files[:3] if plan.meta.source_kind == "dicom" else ():
                deidentify_dicom(file.path, work / "clean.dcm", uid_salt="salt")
        except UnreadableFile as error:
            str(error).encode()


def as_archive(files: list[ReceivedFile], work: Path) -> None:
    if not archive.is_zip(files[0].path):
        return
    try:
        unpacked = archive.unpack(files[0].path, work / "unpacked")
    except (ArchiveRejected, FileNotUsed):
        return
    scan(unpacked.files[:50], work / "scanned", OPTIONS)
    for rule in RULES:
        _as_pairs(unpacked.files[:50], rule, work / f"pairs {rule}")


def _as_pairs(files: list[ReceivedFile], rule: PatientRule, work: Path) -> None:
    try:
        matched = match_pairs(files, rule)
    except FileNotUsed as error:
        str(error.reason).encode()
        return
    told = [verdict.name for verdict in matched.verdicts]
    told += [file.name for pair in matched.pairs for file in (pair.image, *pair.masks)]
    assert sorted(told) == sorted(file.name for file in files), "not one verdict or pair for each file"
    by_image = {pair.image.name: pair for pair in matched.pairs}
    options = replace(OPTIONS, stack_images=False, paired=True)
    for plan in scan([pair.image for pair in matched.pairs], work, options).series:
        try:
            read_pair_mask(by_image[plan.files[0].name], plan, spatial=True)
        except MaskRejected as error:
            str(error).encode()


def as_mask(files: list[ReceivedFile], work: Path) -> None:
    work.mkdir()
    for geometry in GEOMETRIES:
        for every_label in (False, True):
            for sent in (files[:1], files):
                try:
                    masks.read_mask(sent, geometry, every_label=every_label)
                except MaskRejected as error:
                    str(error).encode()


def as_model(files: list[ReceivedFile], work: Path) -> None:
    work.mkdir()
    path = files[0].path
    for read in (
        lambda: model_file.read(path),
        lambda: keras2_file.is_foreign(path),
        lambda: keras2_file.convert(path, work / "out.h5"),
    ):
        try:
            read()
        except ModelFileRejected as error:
            str(error).encode()
    try:
        with DatasetReader(path) as reader:
            for entry in reader.entries[:3]:
                reader.read(entry.index, 0)
    except DatasetFileRejected:
        return


WAYS = (as_ct, as_archive, as_mask, as_model)


# --- what is opened ---------------------------------------------------------------------------------------------------
OWN = (sys.prefix, sys.base_prefix, str(Path(__file__).resolve().parents[2]), "/dev/null", "/dev/urandom")
_WATCHED: list[tuple[Path, set[str]]] = []
_HOOKED = []


@contextmanager
def _watch(folder: Path, opened: set[str]) -> Iterator[None]:
    """Collect the paths that Python code opens meanwhile outside of ``folder / "upload"`` and the work beside it."""
    if not _HOOKED:
        sys.addaudithook(_hook)  # it can never be taken off again
        _HOOKED.append(True)
    _WATCHED.append((folder, opened))
    try:
        yield
    finally:
        _WATCHED.pop()


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if not _WATCHED or event != "open" or not isinstance(arguments[0], str | bytes):
        return
    folder, opened = _WATCHED[-1]
    path = os.fsdecode(arguments[0])
    inside = path.startswith((f"{folder}/upload", f"{folder}/work"))
    # A name alone is that of an entry of an open folder, unless there is such a file here.
    entry = "/" not in path and not Path(path).is_file()
    if not inside and not entry and not path.startswith(OWN):
        opened.add(path)
