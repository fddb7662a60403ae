"""The user's errors. Ours are anything else: logged whole, shown as "An unexpected error occurred"."""

from __future__ import annotations

from typing import Any

from spineml.errors import SpineError
from spineml.message import Message, message, message_of, verbatim

NOTHING = Message("")


class UserError(Exception):
    """The request could not be processed."""

    status = 400
    code = "invalid"

    def __init__(self, message: Message = NOTHING, **fields: Any) -> None:
        super().__init__(message or message_of(type(self)))
        self.fields = fields

    @property
    def message(self) -> Message:
        return verbatim(self.args[0])


class NotFound(UserError):
    """Not found, or you do not have access."""

    status = 404
    code = "not-found"


class Forbidden(UserError):
    """Your role does not allow this. Ask an administrator of your institution for the role you need."""

    status = 403
    code = "forbidden"


class Conflict(UserError):
    """Changed by someone else in the meantime. Reload the page and try again."""

    status = 409
    code = "conflict"


class TooLarge(UserError):
    """The upload is larger than this server accepts. Send it in smaller parts."""

    status = 413
    code = "too-large"


class StorageUnavailable(UserError):
    """The storage is full or not available. Nothing was lost: free space or restore it, then retry."""

    status = 507
    code = "storage-unavailable"


class Unavailable(UserError):
    """The database cannot be reached at the moment. Nothing was lost: try again in a few seconds."""

    status = 503
    code = "unavailable"
    retry_after = 5  # seconds


class Busy(Unavailable):
    """The server is overloaded. Try again in a few seconds."""

    code = "busy"


class TooMany(UserError):
    """Too many attempts in a short time. Wait a little and try again."""

    status = 429
    code = "throttled"
    retry_after = 60  # seconds


UNEXPECTED = message(
    "An unexpected error occurred and was logged. Retry, or give the run's number to your administrator."
)


def describe(error: BaseException) -> tuple[str, Message]:
    """The code and the sentence a person may see for ``error``; raw text of unknown errors may hold patient data."""
    if isinstance(error, UserError):
        return error.code, error.message
    if isinstance(error, SpineError):
        return error.code, verbatim(error.message)
    if isinstance(error, OSError):
        return StorageUnavailable.code, StorageUnavailable().message
    return "unexpected", UNEXPECTED
