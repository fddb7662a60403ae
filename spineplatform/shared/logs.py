"""What never stands in a log: links that open an account, tokens, e-mail addresses, and what files and people wrote.

Every line of every process goes through ``LogFormatter``. Addresses of pages are written as their route
(``accounts/password/reset/<uidb64>/<token>/``), exceptions as kind and place: their text may hold values of files.
"""

from __future__ import annotations

import copy
import logging
import os
import re
import traceback
from types import TracebackType
from typing import Any

from django.conf import settings

REMOVED = "[removed]"
UNKNOWN_ADDRESS = "[unknown address]"
# Their text comes from the platform, the system or a service, and is needed to find out what is wrong.
TEXT_IS_OURS = ("ImportError", "ModuleNotFoundError", "ImproperlyConfigured", "OperationalError", "InterfaceError")
LONGEST = 20_000

# Each repeats a bounded number of times or has nothing to go back to: a line is read once.
SECRETS = (
    (re.compile(r"(/password/reset/)[^\s\"'<>]{1,300}"), rf"\1{REMOVED}"),
    (re.compile(r"\b(Token|Bearer|Basic)[ +]{1,3}[\w+/=.~-]{8,2000}"), rf"\1 {REMOVED}"),
    (re.compile(r"\b[0-9a-fA-F]{64}\b"), REMOVED),
    (re.compile(r"[\w.+-]{1,64}(?:@|%40)[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"), REMOVED),
    # The rest of the line behind the "?" of an address: what somebody searched for.
    (re.compile(r"(/[\w./~%-]{0,300})\?[^\s\"']{1,4000}"), rf"\1?{REMOVED}"),
    # PostgreSQL repeats the row that it refuses, the system the name of the file.
    (re.compile(r"\b(DETAIL|CONTEXT):[^\n]{0,4000}"), rf"\1: {REMOVED}"),
    (re.compile(r"(\[Errno -?\d{1,4}\][^:\n]{0,200}):[^\n]{0,2000}"), rf"\1: {REMOVED}"),
)


def without_secrets(text: str) -> str:
    """The text without links, tokens, addresses, searches and names of files; at most LONGEST characters."""
    for pattern, instead in SECRETS:
        text = pattern.sub(instead, text[:LONGEST])
    return text


class LogFormatter(logging.Formatter):
    """Formats a record as one line, with the places of an exception below it."""

    def format(self, record: logging.LogRecord) -> str:
        record = copy.copy(record)  # other handlers get it as it is
        record.exc_text = None  # another formatter may have kept the whole text there
        _without_what_was_given(record)
        return without_secrets(super().format(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802 - the name is logging's
        _, error, where = ei
        return "\n".join(_told(error, where)) if error is not None else ""


def _told(error: BaseException, where: TracebackType | None) -> list[str]:
    """The causes first, as Python tells them."""
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    lines = [*_told(cause, cause.__traceback__), "  then:"] if cause is not None and cause is not error else []
    lines += [line.rstrip() for line in traceback.format_tb(where, limit=-30)]
    return [*lines, f"{type(error).__name__}{_text(error)}"]


def _text(error: BaseException) -> str:
    if settings.configured and settings.DEBUG:
        return f": {error}"
    known = any(kind.__name__ in TEXT_IS_OURS for kind in type(error).__mro__)
    if known:
        return f": {str(error).splitlines()[0] if str(error) else ''}"
    return f": [Errno {error.errno}] {os.strerror(error.errno)}" if isinstance(error, OSError) and error.errno else ""


# --- what libraries write ---------------------------------------------------------------------------------------------
def _without_what_was_given(record: logging.LogRecord) -> None:
    """Take from the records of libraries what they were given: a pattern cannot tell it from their own words."""
    given = record.args if isinstance(record.args, tuple) else ()
    if record.name in ("django.request", "django.security.csrf"):
        _by_route(record, given)
    elif record.name.startswith("axes"):
        record.args = tuple(one if isinstance(one, int) else REMOVED for one in given)
    elif record.name == "celery.app.trace" and isinstance(record.args, dict):
        kind = str(record.args.get("exc", "")).partition("(")[0]
        record.args = {**record.args, "exc": kind, "args": REMOVED, "kwargs": REMOVED, "return_value": REMOVED}
    elif record.name == "py.warnings":
        record.msg, record.args = _place_of_a_warning(str(given[0] if given else record.msg)), ()


def _by_route(record: logging.LogRecord, given: tuple[Any, ...]) -> None:
    """“Not Found: /accounts/password/reset/MQ/secret/” becomes “Not Found: GET accounts/password/reset/<uidb64>/…”."""
    request = getattr(record, "request", None)
    match = getattr(request, "resolver_match", None)
    what = str(record.msg).partition(":")[0]
    words = (what % given[: what.count("%s")]) if "%" in what else what
    route = str(match.route) if match is not None else UNKNOWN_ADDRESS
    record.msg, record.args = f"{words}: {getattr(request, 'method', '')} {route}", ()


def _place_of_a_warning(text: str) -> str:
    """“…/pydicom/valuerep.py:440: UserWarning: The value 'Kim' is …” ends behind the kind."""
    found = re.match(r"[^\n:]{1,400}:\d{1,7}: \w{1,60}", text)
    return found.group(0) if found else "A warning"
