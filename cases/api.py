"""REST: the work list, a case, and the slices of a series."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access import Capability, require_anywhere
from accounts.api import InstitutionOut
from cases.access import case_get, series_get
from cases.models import Case, CaseState, Series
from cases.selectors import CaseFilter, cases_listed
from cases.slices import slice_response
from spineplatform.shared.api import FileView, ListView, checked
from spineplatform.shared.api_schema import problems

SLICE_BODY = OpenApiTypes.BINARY
SLICE_ANSWERS: dict[Any, Any] = {
    (200, "application/octet-stream"): OpenApiResponse(
        SLICE_BODY,
        "The pixels row by row, little-endian; X-Slice-Shape is “rows,columns”, X-Slice-Type int16 (HU) or uint8 "
        "(labels). Deflated where Accept-Encoding allows it.",
    ),
    304: OpenApiResponse(None, "You have it: If-None-Match names its ETag."),
    **problems(s404="No such slice."),
}


# --- cases ------------------------------------------------------------------------------------------------------------
class CaseFilterIn(serializers.Serializer[Any]):
    q = serializers.CharField(
        required=False, default="", allow_blank=True, help_text="Part of a title, pseudonym or series."
    )
    state = serializers.ChoiceField(choices=CaseState.choices, required=False, default="", allow_blank=True)
    institution = serializers.UUIDField(required=False)
    date_from = serializers.DateField(required=False, help_text="Received on this day or later.")
    date_to = serializers.DateField(required=False, help_text="Received on this day or earlier.")


class CaseOut(serializers.ModelSerializer[Case]):
    institution = InstitutionOut()
    patient = serializers.CharField(source="patient.pseudonym", help_text="Pseudonym.")
    series_count = serializers.IntegerField(required=False)
    url = serializers.SerializerMethodField()
    page = serializers.CharField(source="get_absolute_url")

    class Meta:
        model = Case
        fields = ["id", "title", "patient", "state", "institution", "series_count", "created_at", "url", "page"]

    def get_url(self, case: Case) -> str:
        return reverse("api:case", args=[case.pk])


class SeriesOut(serializers.ModelSerializer[Series]):
    """``geometry``: shape and spacing (mm) are in the order z, y, x; origin and direction are LPS."""

    geometry = serializers.JSONField(source="geometry_json")
    warnings = serializers.ListField(child=serializers.CharField())
    url = serializers.SerializerMethodField()
    page = serializers.CharField(source="get_absolute_url")

    class Meta:
        model = Series
        fields = [
            "id",
            "case",
            "number",
            "description",
            "modality",
            "source_kind",
            "geometry",
            "warnings",
            "meta",
            "pixel_hash",
            "created_at",
            "url",
            "page",
        ]

    def get_url(self, series: Series) -> str:
        return reverse("api:series", args=[series.pk])


class CaseDetailOut(CaseOut):
    series = serializers.SerializerMethodField()

    class Meta(CaseOut.Meta):
        fields = [*CaseOut.Meta.fields, "series"]

    @extend_schema_field(SeriesOut(many=True))
    def get_series(self, case: Case) -> Any:
        return SeriesOut(case.series.order_by("number"), many=True).data


class CaseListView(ListView):
    @extend_schema(operation_id="case_list", parameters=[CaseFilterIn], responses=CaseOut(many=True))
    def get(self, request: Request) -> Response:
        """The cases you may see, newest first."""
        require_anywhere(request.user, Capability.VIEW_CASES)
        given = checked(CaseFilterIn, request.query_params)
        institution = given.pop("institution", "")
        narrowed = CaseFilter(query=given.pop("q"), institution=str(institution), **given)
        return self.page(cases_listed(request.user, narrowed), CaseOut)


class CaseView(APIView):
    @extend_schema(operation_id="case_get", responses=CaseDetailOut)
    def get(self, request: Request, case_id: str) -> Response:
        """One case with its series."""
        return Response(CaseDetailOut(case_get(request.user, case_id)).data)


# --- slices -----------------------------------------------------------------------------------------------------------
class SeriesSliceView(FileView):
    @extend_schema(
        operation_id="series_slice",
        parameters=[OpenApiParameter("If-None-Match", location="header")],
        responses=SLICE_ANSWERS,
    )
    def get(self, request: Request, series_id: str, z: int) -> HttpResponse:
        """One slice of the CT in HU; z counts from 0 at the feet's end."""
        series = series_get(request.user, series_id)
        return slice_response(request._request, series.volume, series.pixel_hash, z)
