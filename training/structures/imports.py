"""Labels out of files of other programs, read by a confined child process (ADR 13)."""

from __future__ import annotations

from pathlib import Path

from django.core.files.uploadedfile import TemporaryUploadedFile, UploadedFile

from spineml.message import message
from spineml.tasks.files import MAX_CHARACTERS
from spineml.tasks.task import Label, TaskRejected
from spineplatform.shared import isolated

# Of UTF-8.
MAX_BYTES = 4 * MAX_CHARACTERS


def labels_of_upload(file: UploadedFile) -> tuple[Label, ...]:
    """The labels that a sent file lists.

    Raises:
        TaskRejected: it is none of the known lists, or a label in it cannot be used.
        Busy: too many files are being read.
    """
    if not isinstance(file, TemporaryUploadedFile):
        raise TypeError("an upload must be on disk before it is read")
    if (file.size or 0) > MAX_BYTES:
        raise TaskRejected(message("The list of labels is too long. It may have a million characters."))
    with isolated.request_job() as job:
        arguments = {"path": job.folder.add(Path(file.temporary_file_path()))}
        found = isolated.read_refusing(job, "labels", arguments, TaskRejected)
    return tuple(Label.from_json(one) for one in found["labels"])
