"""Errors that are the user's to mend: each has a stable code and a message written for a person."""

from __future__ import annotations

from typing import ClassVar

from spineml.message import Message, message, message_of

NOTHING = Message("")


class SpineError(Exception):
    """The request could not be processed. Check what was sent and try again."""

    code: ClassVar[str] = "spine-error"

    def __init__(self, message: Message = NOTHING) -> None:
        super().__init__(message)
        self.message = message or message_of(type(self))

    def __str__(self) -> str:
        return self.message


class UnreadableFile(SpineError):
    """A file could not be read. Export it again and resend it."""

    code = "unreadable-file"

    def __init__(self, name: str, reason: Message) -> None:
        super().__init__(message("{name}: {reason}", name=name, reason=reason))
        self.args = (name, reason)
        self.name = name
        self.reason = reason


class ArchiveRejected(SpineError):
    """The zip archive cannot be opened safely. Pack the files again, without folders above the archive, and resend."""

    code = "archive-rejected"


class ArchiveTooLarge(ArchiveRejected):
    """The zip archive is too large when unpacked. Send it in parts."""

    code = "archive-too-large"


class MaskRejected(SpineError):
    """The mask does not fit the series. Export it on the grid of the series and upload it again."""

    code = "mask-rejected"


class ModelFileRejected(SpineError):
    """The model file cannot be used. Upload an HDF5 file that this platform or its training script wrote."""

    code = "model-file-rejected"
