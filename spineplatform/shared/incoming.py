"""What may come in at all: text that can be stored, numbers that are numbers, days that a calendar has.

One place for each way in: `StrictJSONParser` for JSON, `StorableTextMiddleware` for addresses, cookies and forms,
`DayField` for days. Each answers 400 with a sentence.
"""

from __future__ import annotations

import codecs
import json
import math
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any, NoReturn

from django.core.exceptions import ValidationError
from django.forms import DateField as FormDateField
from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _
from knox.auth import TokenAuthentication as KnoxTokenAuthentication
from rest_framework import exceptions, serializers
from rest_framework.metadata import SimpleMetadata
from rest_framework.parsers import JSONParser

from spineml.message import message
from spineplatform.shared.answers import error_answer
from spineplatform.shared.errors import UserError
from spineplatform.shared.failures import NotStorable
from spineplatform.shared.messages import sentence

# Django's and PostgreSQL's calendars go further, but not with every time zone, and no CT is from there.
FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2999, 12, 31)
# Numbers that a 64 bit column holds.
LARGEST = 2**63
DEEPEST = 32
NUL = "\0"


# --- JSON -------------------------------------------------------------------------------------------------------------
class StrictJSONParser(JSONParser):
    """JSON as RFC 8259 has it: UTF-8, no NaN, and nothing that cannot be stored.

    Raises:
        ParseError: names what was wrong.
    """

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        try:
            text = stream.read().decode("utf-8")
        except UnicodeDecodeError:
            raise exceptions.ParseError(sentence(message("The JSON is not UTF-8."))) from None
        try:
            value = json.loads(text, parse_constant=_no_number, parse_float=_number)
        except RecursionError:
            raise exceptions.ParseError(sentence(message("The JSON is nested too deep."))) from None
        except ValueError as error:
            raise exceptions.ParseError(sentence(message("JSON parse error: {what}", what=str(error)))) from None
        refuse_unstorable(value)
        return value


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON")


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:40]} is too large a number")
    return number


def refuse_unstorable(value: Any) -> None:
    """Refuse text with NUL or half a surrogate pair, numbers beyond 64 bit, and deep nesting, anywhere in ``value``.

    Raises:
        ParseError: there is one.
    """
    for one, depth in _walk(value):
        if depth > DEEPEST:
            raise exceptions.ParseError(sentence(message("The JSON is nested too deep.")))
        if isinstance(one, str) and not is_storable(one):
            raise exceptions.ParseError(
                sentence(message("A text contains a character that cannot be stored (NUL or a surrogate)."))
            )
        if isinstance(one, int) and not -LARGEST <= one < LARGEST:
            raise exceptions.ParseError(sentence(message("A number is too large: at most 64 bit are stored.")))


def _walk(value: Any) -> Iterator[tuple[Any, int]]:
    """Every key and value with its depth, without recursion."""
    waiting = [(value, 0)]
    while waiting:
        one, depth = waiting.pop()
        yield one, depth
        if depth > DEEPEST:
            continue
        if isinstance(one, dict):
            waiting += [(key, depth + 1) for key in one]
            waiting += [(inner, depth + 1) for inner in one.values()]
        elif isinstance(one, list):
            waiting += [(inner, depth + 1) for inner in one]


def is_storable(text: str) -> bool:
    """Whether PostgreSQL holds it as text: no NUL, and nothing that UTF-8 lacks."""
    if text.isascii():
        return NUL not in text
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return NUL not in text


class WrongEncoding(UserError):
    """The request uses an unsupported text encoding. Send it as UTF-8."""

    status = 415
    code = "unsupported-media-type"


# --- addresses, cookies and forms -------------------------------------------------------------------------------------
class StorableTextMiddleware:
    """Refuses a request whose address, cookies or form hold text that cannot be stored, wherever it would end up."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.encoding and not is_text_codec(request.encoding):
            return error_answer(request, WrongEncoding())
        texts = [request.path_info, *request.COOKIES.values(), *_texts(request.GET)]
        if not all(map(is_storable, texts)):
            return error_answer(request, NotStorable())
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponseBase | None:
        """Forms of pages only: REST reads its bodies by its own parsers, after it knows who sends them."""
        if hasattr(view, "cls") or request.method in ("GET", "HEAD"):
            return None
        names = [file.name or "" for _, files in request.FILES.lists() for file in files]
        return None if all(map(is_storable, [*_texts(request.POST), *names])) else error_answer(request, NotStorable())


def _texts(given: Any) -> Iterator[str]:
    for name, values in given.lists():
        yield name
        yield from (value for value in values if isinstance(value, str))


def is_text_codec(name: str) -> bool:
    """Whether ``name`` is an encoding of text that JSON and forms may come in; Python's codecs include zip and hex."""
    try:
        return codecs.lookup(name).name in {"utf-8", "ascii", "iso8859-1"}
    except (LookupError, ValueError):
        return False


# --- fields -----------------------------------------------------------------------------------------------------------
class DayField(serializers.DateField):
    """A day between `FIRST_DAY` and `LAST_DAY`, with which days before and after, and every time zone, exist."""

    def to_internal_value(self, value: Any) -> date:
        day: date = super().to_internal_value(value)
        if not FIRST_DAY <= day <= LAST_DAY:
            raise serializers.ValidationError(
                sentence(message("Use a date from {first} to {last}.", first=str(FIRST_DAY), last=str(LAST_DAY)))
            )
        return day


class DayFormField(FormDateField):
    """The same in a form."""

    def to_python(self, value: Any) -> date | None:
        day = super().to_python(value)
        if day is not None and not FIRST_DAY <= day <= LAST_DAY:
            raise ValidationError(_("Use a date in the years 1900 to 2999."))
        return day


# --- who comes --------------------------------------------------------------------------------------------------------
class TokenAuthentication(KnoxTokenAuthentication):  # type: ignore[misc]  # knox ships no types
    """A token of bytes that no token has is a wrong one."""

    def authenticate_credentials(self, token: bytes) -> Any:
        if not token.isalnum() or len(token) > 200:
            raise exceptions.AuthenticationFailed(_("Invalid token."))
        return super().authenticate_credentials(token)


class PlainMetadata(SimpleMetadata):
    """What OPTIONS answers: what the door is and what it reads; its fields are in the OpenAPI document."""

    def determine_metadata(self, request: Any, view: Any) -> dict[str, Any]:
        return {
            "name": view.get_view_name(),
            "description": view.get_view_description(),
            "renders": [renderer.media_type for renderer in view.renderer_classes],
            "parses": [parser.media_type for parser in view.parser_classes],
        }
