"""Receiving an upload: stage the files, make sure the same files are not taken twice, and queue the import."""

from __future__ import annotations

import enum
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from django.conf import settings
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import TemporaryUploadedFile, UploadedFile
from django.db import IntegrityError, transaction

from accounts.access import Capability, require
from accounts.models import Institution
from cases.intake import known_files
from cases.models import ImportRun, Upload, UploadFile
from registry.models import SPINE_CT
from registry.selectors import version_active
from registry.structures import task_get
from spineml.message import message
from spineml.tasks.mapping import MappingRejected
from spineplatform.shared import audit, storage
from spineplatform.shared.errors import TooLarge, UserError
from spineplatform.shared.runs import run_enqueue, run_retry

BLOCK = 1 << 20


class NothingToImport(UserError):
    """No file arrived. Choose at least one CT file, folder or zip."""

    code = "no-files"


class EmptyFile(UserError):
    """The file is empty. Check its source and send it again."""

    code = "empty-file"


class EveryLabelOfSpine(UserError):
    """To treat all non-zero labels as spine, choose the spine as the task, and no mapping."""

    code = "every-label-of-spine"


class PatientRule(enum.StrEnum):
    """How the names of pairs tell the patients apart; see `spineml.readers.pairs.pairs`."""

    EACH = "each"
    PREFIX = "prefix"
    TABLE = "table"


class SplitWish(enum.StrEnum):
    """The split that the patients of pairs shall get; what a table says goes first."""

    LATER = ""
    DRAW = "draw"
    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


@dataclass(frozen=True)
class PairOptions:
    """The files are images with their masks. ``approve``: the sender signs the masks for training.

    ``every_label``: the masks are label maps in which any value above 0 is spine. ``task``: that of the masks, as a
    slug; empty for the spine as a whole. ``mapping``: its label for values of the files, None for background.
    """

    patients: PatientRule = PatientRule.EACH
    separator: str = "_"
    split: SplitWish = SplitWish.LATER
    approve: bool = False
    every_label: bool = False
    task: str = ""
    mapping: Mapping[int, int | None] = field(default_factory=dict)

    @property
    def decides(self) -> bool:
        """Whether this says something about data sets, which is for model admins."""
        return self.approve or self.split is not SplitWish.LATER or self.patients is PatientRule.TABLE


@dataclass(frozen=True)
class UploadOptions:
    """What the sender states beside the files. ``pixel_spacing_mm`` is ``(y, x)``; lengths in mm, window in HU.

    ``tasks`` are what new series are segmented with, as slugs; without any it is the institution's choice.
    """

    title: str = ""
    segment: bool = True
    tasks: tuple[str, ...] = ()
    stack_images: bool = True
    pixel_spacing_mm: tuple[float, float] | None = None
    slice_spacing_mm: float | None = None
    pairs: PairOptions | None = None

    def as_json(self) -> dict[str, Any]:
        """Without what is not used: the same files must have the digest they always had."""
        values = asdict(self)
        values["tasks"] = list(self.tasks)
        if not self.tasks:
            del values["tasks"]
        if self.pairs is None:
            del values["pairs"]
            return values
        for name in ("every_label", "task", "mapping"):
            if not values["pairs"][name]:
                del values["pairs"][name]
        return values | {"segment": False}  # their masks are there


@dataclass(frozen=True)
class IncomingFile:
    """A file that lies on this machine's disk and may be moved away. ``name`` is the sender's, with folders."""

    path: Path
    name: str
    size: int
    sha256: str

    @classmethod
    def from_path(cls, path: Path, name: str) -> IncomingFile:
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                digest.update(block)
        return cls(path, name.replace("\0", ""), path.stat().st_size, digest.hexdigest())

    @classmethod
    def from_request(cls, file: UploadedFile, name: str) -> IncomingFile:
        """``file`` was streamed to disk by Django's TemporaryFileUploadHandler.

        Raises:
            TypeError: it was not: FILE_UPLOAD_HANDLERS is set up wrongly.
        """
        if not isinstance(file, TemporaryUploadedFile):
            raise TypeError("an upload must be on disk before it is read")
        return cls.from_path(Path(file.temporary_file_path()), name or file.name or "file")


def incoming(files: Sequence[UploadedFile], paths: Sequence[str] = ()) -> list[IncomingFile]:
    """The files of a request, named by their ``paths`` when there is one for each."""
    names = paths if len(paths) == len(files) else [""] * len(files)
    return [IncomingFile.from_request(file, name) for file, name in zip(files, names, strict=True)]


def upload_create(
    *, institution: Institution, actor: Any, files: Sequence[IncomingFile], options: UploadOptions = UploadOptions()
) -> tuple[Upload, bool]:
    """Take the files and queue their import. Returns the upload and whether it is new.

    The same files with the same options give the upload that is already there; if its import failed or was
    cancelled, it is tried again. ``Upload.known`` says at once what was here before.

    Raises:
        NothingToImport, EmptyFile, TooLarge: nothing was taken.
        UnknownTask, MappingRejected, EveryLabelOfSpine: the masks of pairs cannot be read like that.
        NoActiveModel: there is none for a task that was named.
        Forbidden, NotFound: ``actor`` may not upload there, or not masks, or not decide on data sets.
    """
    for capability in _needed(options):
        require(actor, institution.pk, capability)
    _check(files)
    if options.pairs is not None:
        _check_labels(options.pairs, institution)
    for task in options.tasks:
        version_active(institution.pk, task_get(institution.pk, task).slug)
    digest = _digest(files, options)
    known = Upload.objects.filter(institution=institution, digest=digest).select_related("run").first()
    if known is None:
        try:
            return _take(institution, actor, files, options, digest), True
        except IntegrityError:  # the same files arrived at the same moment
            known = Upload.objects.select_related("run").get(institution=institution, digest=digest)
    upload = _again(known, files, actor)
    upload.known = known_files.of_upload(upload)  # not kept: it is said of these files now
    return upload, False


def _needed(options: UploadOptions) -> list[Capability]:
    if options.pairs is None:
        return [Capability.UPLOAD_CT]
    masks = [Capability.UPLOAD_CT, Capability.UPLOAD_MASK]
    return [*masks, Capability.MANAGE_MODELS] if options.pairs.decides else masks


def _check_labels(pairs: PairOptions, institution: Institution) -> None:
    """Raise what is wrong with the task or the mapping before anything is read."""
    task = task_get(institution.pk, pairs.task or SPINE_CT).definition
    if pairs.every_label and (pairs.mapping or pairs.task not in ("", SPINE_CT)):
        raise EveryLabelOfSpine
    for label in pairs.mapping.values():
        if label is not None and label not in task.values:
            raise MappingRejected(message("{task} has no label with value {value}.", task=task.name, value=str(label)))


def _check(files: Sequence[IncomingFile]) -> None:
    if not files:
        raise NothingToImport
    if all(file.size == 0 for file in files):
        raise EmptyFile
    if len(files) > settings.DATA_UPLOAD_MAX_NUMBER_FILES:
        raise TooLarge(
            message(
                "At most {limit} files fit one upload. Send a zip instead.", limit=settings.DATA_UPLOAD_MAX_NUMBER_FILES
            )
        )
    if sum(file.size for file in files) > settings.UPLOAD_MAX_BYTES:
        raise TooLarge(
            message(
                "At most {limit} GB fit one upload. Send it in parts.",
                limit=f"{settings.UPLOAD_MAX_BYTES / 1024**3:.0f}",
            )
        )


def _digest(files: Sequence[IncomingFile], options: UploadOptions) -> str:
    """The same for the same content in the same order and folders: that is how pictures are stacked."""
    paths = sorted((PurePosixPath(file.name), file.sha256) for file in files)
    folders = {folder: rank for rank, folder in enumerate(dict.fromkeys(path.parent for path, _ in paths))}
    content = [(folders[path.parent], sha256) for path, sha256 in paths]
    return hashlib.sha256(json.dumps([content, options.as_json()]).encode()).hexdigest()


def _take(
    institution: Institution, actor: Any, files: Sequence[IncomingFile], options: UploadOptions, digest: str
) -> Upload:
    with storage.stored_or_removed() as stored, transaction.atomic():
        upload = Upload.objects.create(
            institution=institution,
            created_by=actor,
            title=options.title,
            options=options.as_json(),
            digest=digest,
            known=known_files.before(institution, {file.sha256: file.name for file in files}, options.as_json()),
            total_bytes=sum(file.size for file in files),
        )
        UploadFile.objects.bulk_create(_staged(upload, files, stored))
        run = ImportRun.objects.create(
            institution=institution, requested_by=actor, upload=upload, progress_message=message("Waiting for a worker")
        )
        audit.record(
            actor=actor, action="upload.created", object_id=upload.pk, institution_id=institution.pk, files=len(files)
        )
        run_enqueue(run)
    return upload


def _staged(upload: Upload, files: Sequence[IncomingFile], stored: list[str]) -> list[UploadFile]:
    rows = []
    for file in files:
        staged = _stage(upload, file, stored)
        rows.append(UploadFile(upload=upload, name=file.name[-500:], size=file.size, sha256=file.sha256, staged=staged))
    return rows


def _stage(upload: Upload, file: IncomingFile, stored: list[str]) -> str:
    name = storage.store(file.path, storage.unique_name(f"incoming/{upload.pk}", ""))
    stored.append(name)
    return name


def _again(upload: Upload, files: Sequence[IncomingFile], actor: Any) -> Upload:
    """The same files once more: retry an import that did not succeed, with what the storage has lost put back."""
    if not upload.run.can_retry:
        return upload
    by_hash: dict[str, list[IncomingFile]] = {}
    for file in files:
        by_hash.setdefault(file.sha256, []).append(file)
    with storage.stored_or_removed() as stored, transaction.atomic():
        for row in upload.files.all():
            if not default_storage.exists(row.staged):
                row.staged = _stage(upload, by_hash[row.sha256].pop(), stored)
                row.save(update_fields=["staged"])
        run_retry(run=upload.run, actor=actor)
    return upload
