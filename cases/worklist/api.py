"""REST: the work list and a case."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access import Capability, require_anywhere
from accounts.api import InstitutionOut
from cases.access import case_get
from cases.access_log import log_case_view
from cases.models import Case, CaseState, Series
from cases.worklist.filters import DUE, ORDERS, SORTS, STATES, CaseFilter
from cases.worklist.presence import names, others_at
from cases.worklist.selectors import case_counts, cases_listed
from cases.worklist.sent_back import senders
from spineplatform.shared.api import ListView, MessageOut, SentenceField, checked_query


class CaseFilterIn(serializers.Serializer[Any]):
    q = serializers.CharField(
        required=False, default="", allow_blank=True, help_text="Part of a title, pseudonym or series."
    )
    state = serializers.ChoiceField(choices=STATES, required=False, default="", allow_blank=True)
    institution = serializers.UUIDField(required=False)
    date_from = serializers.DateField(required=False, help_text="Received on this day or later.")
    date_to = serializers.DateField(required=False, help_text="Received on this day or earlier.")
    assigned = serializers.CharField(
        required=False,
        default="",
        allow_blank=True,
        help_text="“me” (also by a group), “nobody”, the number of a person or the id of a group.",
    )
    due = serializers.ChoiceField(choices=DUE, required=False, default="", allow_blank=True)
    sort = serializers.ChoiceField(choices=SORTS, required=False, default="", allow_blank=True)


class AssignmentOut(serializers.Serializer[Any]):
    assignee = serializers.IntegerField(source="assignee_id", allow_null=True)
    group = serializers.UUIDField(source="group_id", allow_null=True)
    name = serializers.CharField(source="to")
    due_on = serializers.DateField(allow_null=True)


class CaseOut(serializers.ModelSerializer[Case]):
    institution = InstitutionOut()
    patient = serializers.CharField(source="patient.pseudonym", help_text="Pseudonym.")
    series_count = serializers.IntegerField(required=False)
    assignment = AssignmentOut(default=None, allow_null=True)
    open_at = serializers.SerializerMethodField(help_text="Who else has the case open.")
    sent_back_by = serializers.SerializerMethodField(help_text="Who sent series back that wait for their correction.")
    url = serializers.SerializerMethodField()
    page = serializers.CharField(source="get_absolute_url")

    class Meta:
        model = Case
        fields = [
            *["id", "title", "patient", "state", "institution", "series_count", "assignment", "open_at"],
            *["sent_back_by", "created_at", "url", "page"],
        ]

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_open_at(self, case: Case) -> list[str]:
        here = getattr(case, "here", None)
        return others_at(case, self.context["request"].user) if here is None else names(here)

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_sent_back_by(self, case: Case) -> list[str]:
        return senders(case, self.context["request"].user)

    def get_url(self, case: Case) -> str:
        return reverse("api:case", args=[case.pk])


class GeometryOut(serializers.Serializer[Any]):
    """Of a grid; ``source_axes`` and ``source_flips`` say how the file laid it out."""

    shape = serializers.ListField(child=serializers.IntegerField(), help_text="Slices, rows, columns.")
    spacing = serializers.ListField(child=serializers.FloatField(), help_text="mm, in the same order.")
    direction = serializers.ListField(child=serializers.FloatField(), help_text="LPS, nine numbers, row by row.")
    origin = serializers.ListField(child=serializers.FloatField(), help_text="LPS mm.")
    spacing_known = serializers.BooleanField(help_text="False where the file did not say it.")
    source_axes = serializers.ListField(child=serializers.IntegerField())
    source_flips = serializers.ListField(child=serializers.BooleanField())


class SeriesOut(serializers.ModelSerializer[Series]):
    """``geometry``: shape and spacing (mm) are in the order z, y, x; origin and direction are LPS."""

    geometry = GeometryOut(source="geometry_json")
    warnings = serializers.ListField(child=SentenceField())
    notices = MessageOut(source="warnings", many=True)
    meta = serializers.DictField()
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
            "notices",
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
        """The cases you may see, newest first where you do not ask for another order."""
        require_anywhere(request.user, Capability.VIEW_CASES)
        narrowed = _narrowed(request)
        return self.page(cases_listed(request.user, narrowed), CaseOut, order=ORDERS[narrowed.sort])


class CaseCountsOut(serializers.Serializer[Any]):
    total = serializers.IntegerField()
    states = serializers.DictField(child=serializers.IntegerField(), help_text="Every state with its number.")


class CaseCountsView(APIView):
    @extend_schema(operation_id="case_counts", parameters=[CaseFilterIn], responses=CaseCountsOut)
    def get(self, request: Request) -> Response:
        """How many cases fit the filter, of each state; a state in the filter does not count."""
        require_anywhere(request.user, Capability.VIEW_CASES)
        counts = case_counts(request.user, _narrowed(request))
        states = {state.value: counts.get(state, 0) for state in CaseState}
        return Response(CaseCountsOut({"total": sum(states.values()), "states": states}).data)


def _narrowed(request: Request) -> CaseFilter:
    given = checked_query(CaseFilterIn, request.query_params)
    institution = given.pop("institution", "")
    return CaseFilter(query=given.pop("q"), institution=str(institution), **given)


class CaseView(APIView):
    @extend_schema(operation_id="case_get", responses=CaseDetailOut)
    def get(self, request: Request, case_id: str) -> Response:
        """One case with its series."""
        case = case_get(request.user, case_id)
        log_case_view(case, request.user)
        return Response(CaseDetailOut(case, context={"request": request}).data)
