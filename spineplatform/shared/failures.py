"""Failures that are no bugs of ours: what a person can mend, a database that is away, a disk that is full, a value that
cannot be stored. One place decides, for pages, REST and WebSockets alike."""

from __future__ import annotations

import errno
import logging

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation, TooManyFieldsSent, TooManyFilesSent
from django.db import DataError, InterfaceError, OperationalError
from django.http import UnreadablePostError
from psycopg2 import errors as postgres

from spineml.errors import SpineError
from spineml.message import message
from spineplatform.shared.errors import StorageUnavailable, TooLarge, Unavailable, UserError

log = logging.getLogger(__name__)
FULL = {errno.ENOSPC, errno.EDQUOT}
# What PostgreSQL says when its own disk or memory is at its end, not its connection.
DISK_FULL = (postgres.DiskFull, postgres.IoError)


class NotStorable(UserError):
    """A value is too large to be stored, or contains a character that is not allowed. Check what you sent."""

    code = "not-storable"


class NotUnderstood(UserError):
    """The request is malformed. Check its format."""


def as_user_error(error: BaseException) -> UserError | SpineError | None:
    """What to tell whoever sent the request, or None for a failure of ours."""
    if isinstance(error, UserError | SpineError):
        return error
    if isinstance(error, OperationalError | InterfaceError):
        return _of_the_database(error)
    if isinstance(error, OSError) and not isinstance(error, UnreadablePostError):
        log.error("storage_failed error=%s", type(error).__name__, exc_info=error)
        return StorageUnavailable()
    return _refused(error) or _not_storable(error)


def _of_the_database(error: Exception) -> UserError:
    log.error("database_failed error=%s", type(error.__cause__ or error).__name__, exc_info=error)
    if isinstance(error.__cause__, DISK_FULL):
        return StorageUnavailable()
    return Unavailable()


def _refused(error: BaseException) -> UserError | None:
    """What Django itself does not take in."""
    if isinstance(error, TooManyFilesSent | TooManyFieldsSent):
        return TooLarge(message("One request carries too many files. Send a zip instead, or several requests."))
    if isinstance(error, RequestDataTooBig):
        return TooLarge(message("The form fields sent with the files are too long. Shorten them."))
    if isinstance(error, SuspiciousOperation):
        return NotUnderstood()
    if isinstance(error, UnreadablePostError):
        return UserError(message("The connection broke before everything had arrived. Send it again."))
    return None


def _not_storable(error: BaseException) -> UserError | None:
    """The last line of defence: what comes in is checked before (spineplatform.shared.incoming)."""
    is_nul = isinstance(error, ValueError) and "NUL (0x00)" in str(error)
    if is_nul or isinstance(error, DataError | UnicodeEncodeError | OverflowError | RecursionError):
        log.warning("value_not_storable error=%s", type(error).__name__, exc_info=error)
        return NotStorable()
    return None


def retry_after(error: object) -> str:
    """The value of the Retry-After header; empty where trying again changes nothing."""
    return str(getattr(error, "retry_after", "") or "")
