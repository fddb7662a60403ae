"""What every REST answer shares: one error shape (RFC 9457), cursor pages, and the outline of a run."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, QueryDict
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from django.views import defaults
from rest_framework import exceptions, serializers
from rest_framework.generics import GenericAPIView
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.pagination import CursorPagination
from rest_framework.parsers import MultiPartParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView, exception_handler, set_rollback

from spineml.message import Message, message, shortened, verbatim
from spineml.metrics.bootstrap import few_patients_warning
from spineplatform.shared.answers import (
    API_PREFIX,
    FORM_BYTES,
    LONGEST,
    PROBLEM_JSON,
    error_answer,
    plain_problem,
    problem_body,
    spelled_out,
)
from spineplatform.shared.errors import UNEXPECTED, NotFound, TooLarge, UserError, describe
from spineplatform.shared.failures import as_user_error, retry_after
from spineplatform.shared.limits import UploadThrottle
from spineplatform.shared.messages import sentence

# Which pages send along in their forms.
CSRF_FIELD = "csrfmiddlewaretoken"
# Of the strange fields of one body.
MOST_NAMED = 20


# --- pages of a list --------------------------------------------------------------------------------------------------
class NewestFirstPagination(CursorPagination):
    ordering = ("-created_at", "-id")
    page_size = 25
    page_size_query_param = "page_size"
    max_page_size = 200
    # Rows that share the first key of the order are stepped over by their number, however many there are.
    offset_cutoff = 10_000_000

    def paginate_queryset(
        self, queryset: QuerySet[Any, Any] | Sequence[Any], request: Request, view: APIView | None = None
    ) -> list[Any] | None:
        """The rows of one page; a cursor of another list or order is answered as one that does not exist."""
        try:
            return super().paginate_queryset(queryset, request, view)
        except (ValidationError, ValueError):
            if self.cursor_query_param not in request.query_params:
                raise
            raise exceptions.NotFound(self.invalid_cursor_message) from None

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """As the OpenAPI document has it: the last page has no next one."""
        address = {"type": ["string", "null"], "format": "uri"}
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {
                "next": {**address, "description": "Address of the next page; null on the last one."},
                "previous": {**address, "description": "Address of the page before; null on the first one."},
                "results": schema,
            },
        }


class ListView(GenericAPIView[Any]):
    """A door to a list: ``get`` ends with ``return self.page(rows, Serializer)``."""

    pagination_class = NewestFirstPagination
    filter_backends = ()

    def page(
        self,
        rows: QuerySet[Any],
        serializer: type[serializers.BaseSerializer[Any]],
        order: Sequence[str] = (),
    ) -> Response:
        """One cursor page of ``rows``, in ``order`` where it is given."""
        if order:
            self.paginator.ordering = tuple(order)  # type: ignore[union-attr]
        found = self.paginate_queryset(rows)
        return self.get_paginated_response(serializer(found, many=True, context={"request": self.request}).data)


class ReceivingView(ListView):
    """A door to a list whose POST receives files."""

    parser_classes = (MultiPartParser,)

    @classmethod
    def max_bytes(cls) -> int:
        """What all its files may have together."""
        return int(settings.UPLOAD_MAX_BYTES)

    @classmethod
    def body_limit(cls) -> int:
        """What a request may have; taken from people who are logged in only (spineplatform.web.bodies)."""
        return cls.max_bytes() + FORM_BYTES

    def get_throttles(self) -> list[BaseThrottle]:
        return [UploadThrottle()] if self.request.method == "POST" else []

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Before authentication, whose CSRF check reads the body."""
        refuse_above(request, self.body_limit())
        super().initial(request, *args, **kwargs)


# --- files ------------------------------------------------------------------------------------------------------------
class AnyAccept(DefaultContentNegotiation):
    """Whatever the request says it accepts: only errors are rendered here, and they have one form."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        first = next(iter(renderers))
        return first, str(first.media_type)


class FileView(APIView):
    """A door to something that is not JSON, such as a picture."""

    content_negotiation_class = AnyAccept


# --- what comes in ----------------------------------------------------------------------------------------------------
def checked(serializer: type[serializers.Serializer[Any]], values: Any) -> dict[str, Any]:
    """The validated ``values`` of a body.

    Raises:
        ValidationError: names the fields, also those that the serializer does not have.
    """
    given = serializer(data=values)
    if unknown := _unknown(given, values):
        raise exceptions.ValidationError(unknown)
    given.is_valid(raise_exception=True)
    return dict(given.validated_data)


def checked_query(serializer: type[serializers.Serializer[Any]], values: Any) -> dict[str, Any]:
    """The same for what stands in an address, which may have more: where a list goes on, how it is shown."""
    given = serializer(data=values)
    given.is_valid(raise_exception=True)
    return dict(given.validated_data)


def _unknown(serializer: Any, values: Any) -> dict[str, Any]:
    """What ``values`` name that the serializer, and those in it, do not read: nothing is left out silently."""
    if isinstance(serializer, serializers.ListSerializer) and isinstance(values, list):
        each = ((str(at), _unknown(serializer.child, value)) for at, value in enumerate(values))
        return {at: found for at, found in each if found}
    if not isinstance(serializer, serializers.Serializer) or not isinstance(values, Mapping):
        return {}
    read = {name: field for name, field in serializer.fields.items() if not field.read_only}
    if isinstance(values, QueryDict):  # a form: “points[0]” is part of the list “points”
        names = {name: re.split(r"[\[.]", name, maxsplit=1)[0] for name in values if name != CSRF_FIELD}
    else:
        names = {str(name): str(name) for name in values}
    strange = [name for name, field in names.items() if field not in read]
    fields = ", ".join(read) or "-"
    said = _("There is no such field here. The fields are: %(fields)s.") % {"fields": fields}
    found: dict[str, Any] = {name: [said] for name in strange[:MOST_NAMED]}
    for name, field in read.items():
        if isinstance(field, serializers.BaseSerializer) and (inner := _unknown(field, values.get(name))):
            found[name] = inner
    return found


def refuse_above(request: Request, limit: int) -> None:
    """Refuse a body by its announced size, before any of it is read.

    Raises:
        TooLarge: more than ``limit`` bytes are on their way.
    """
    announced = request.META.get("CONTENT_LENGTH") or "0"
    if announced.isascii() and announced.isdigit() and int(announced) > limit:
        raise too_large(limit)


def too_large(limit: int) -> TooLarge:
    return TooLarge(message("At most {limit} GB fit one request. Send it in parts.", limit=f"{limit / 1024**3:.2g}"))


# --- what goes out ----------------------------------------------------------------------------------------------------
class SentenceField(serializers.CharField):
    """A message as a sentence, in the language the client asks for."""

    def to_representation(self, value: Any) -> str:
        return sentence(value)


INTERVAL_WARNING = "A sentence where the intervals rest on too few patients, else empty."


def interval_warning(patients: int) -> str:
    """What intervals from so many patients are worth, in the language the client asks for; empty with enough."""
    return sentence(few_patients_warning(patients) or "")


class ValuesField(serializers.DictField):
    """What fills the gaps of a message, by their names."""

    def to_representation(self, value: Any) -> dict[str, Any]:
        return dict(value.to_json()["values"]) if isinstance(value, Message) else {}


class MessageOut(serializers.Serializer[Any]):
    """``message`` is the sentence; ``text`` is its English with ``{gaps}``, and ``values`` are what stands in them."""

    message = serializers.CharField()
    text = serializers.CharField()
    values = serializers.DictField()

    def to_representation(self, told: Any) -> dict[str, Any]:
        return spelled_out(verbatim(told))


class ProblemSerializer(serializers.Serializer[dict[str, Any]]):
    """The one error shape, RFC 9457. ``code`` is stable; ``detail`` is for people; ``errors`` names fields.

    ``values`` fill the gaps of the detail; where it has several sentences, ``messages`` are these.
    """

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField()
    detail = serializers.CharField()
    values = serializers.DictField(required=False)
    messages = MessageOut(many=True, required=False)
    errors = serializers.DictField(  # type: ignore[assignment]  # the serializer's own ``errors`` are not shown
        child=serializers.ListField(child=serializers.CharField()), required=False
    )
    # What some codes add.
    annotation = serializers.UUIDField(required=False, help_text="The mask that is there already.")
    author = serializers.CharField(required=False, help_text="Who made that mask.")
    created_at = serializers.DateTimeField(required=False, help_text="When that mask was made.")
    revision = serializers.IntegerField(required=False, help_text="The revision of the draft that is saved.")
    patients = serializers.ListField(
        child=serializers.UUIDField(), required=False, help_text="Those who have no split yet."
    )
    depends = serializers.DictField(
        child=serializers.IntegerField(), required=False, help_text="How much of each kind depends on it."
    )
    gate = serializers.DictField(required=False, allow_null=True, help_text="The figures by which a gate refuses.")
    dataset = serializers.UUIDField(required=False, help_text="On which evaluations are missing.")
    missing = serializers.ListField(
        child=serializers.UUIDField(), required=False, help_text="The versions that are not evaluated on it."
    )
    flaw = serializers.CharField(required=False, help_text="What is wrong with the output of the version.")
    field = serializers.CharField(required=False, help_text="The setting that was refused.")
    pending = serializers.UUIDField(required=False, help_text="The label map that waits for its mapping.")
    found = serializers.ListField(
        child=serializers.DictField(), required=False, help_text="The values in it, as pending_mask_get has them."
    )
    changes = MessageOut(many=True, required=False, help_text="What others changed in the meantime.")


# --- errors -----------------------------------------------------------------------------------------------------------
def problem(*, status: int, code: str, detail: str, **extra: Any) -> Response:
    body = problem_body(status=status, code=code, detail=detail)
    return Response({**extra, **body}, status=status, content_type=PROBLEM_JSON)


def problem_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: the user's errors, DRF's own, refused bodies and a lost storage, in one shape."""
    known = as_user_error(error)
    if known is not None:
        set_rollback()
        code, message = describe(known)
        if not isinstance(known, UserError):
            return problem(status=400, code=code, detail=message)
        answer = problem(status=known.status, code=code, detail=message, **known.fields)
        if after := retry_after(known):
            answer["Retry-After"] = after
        return answer
    response = exception_handler(error, context)
    if response is None:
        return None
    answer = _from_drf(error, response)
    for header in ("WWW-Authenticate", "Retry-After"):
        if response.has_header(header):
            answer[header] = response[header]
    return answer


def _from_drf(error: Exception, response: Response) -> Response:
    if isinstance(error, exceptions.ValidationError):
        errors = _by_field(error.detail)
        name, messages = next(iter(errors.items()))
        return problem(status=response.status_code, code="invalid", detail=f"{name}: {messages[0]}", errors=errors)
    detail = response.data.get("detail", "") if isinstance(response.data, dict) else ""
    code = getattr(detail, "code", "error").replace("_", "-")
    return problem(status=response.status_code, code=code, detail=str(detail))


def _by_field(detail: Any, name: str = "request") -> dict[str, list[str]]:
    """DRF's nested errors as one flat dict: ``{"files.2": ["..."]}``."""
    if isinstance(detail, dict):
        found: dict[str, list[str]] = {}
        for key, value in detail.items():
            inner = "request" if key == "non_field_errors" else shortened(str(key))
            found |= _by_field(value, inner if name == "request" else f"{name}.{inner}")
        return found
    return {name: [shortened(str(one), LONGEST) for one in (detail if isinstance(detail, list) else [detail])]}


# --- Django's own error pages, which also answer addresses under /api/ that do not exist ------------------------------
def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    if request.path.startswith(API_PREFIX):
        return plain_problem(
            NotFound.status, NotFound.code, message("There is nothing at this address. See /api/docs/.")
        )
    return defaults.page_not_found(request, exception)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    if request.path.startswith(API_PREFIX):
        return plain_problem(400, "invalid", message("The request is malformed. Check its format."))
    return defaults.bad_request(request, exception)


def server_error(request: HttpRequest) -> HttpResponseBase:
    """Django calls it while it handles the failure, also one of a middleware: the database may be away."""
    known = as_user_error(sys.exc_info()[1] or Exception())
    if known is not None:
        return error_answer(request, known)
    if request.path.startswith(API_PREFIX):
        return plain_problem(500, "unexpected", UNEXPECTED)
    return defaults.server_error(request)
