"""The overview by REST: the figures as JSON and as CSV."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access import Capability, institution_get, require_anywhere
from cases.models import CaseState
from inference.overview.selectors import (
    GROUPS,
    Scope,
    accepted_by,
    accepted_by_month,
    open_work,
    scope_for,
    throughput,
    waiting_times,
)
from spineml.csv_text import csv_text
from spineplatform.shared.api import FileView, checked_query
from spineplatform.shared.incoming import DayField

LONGEST_DAYS = 3653
COLUMNS = ("group", "name", "month", "approvals", "unchanged_share", "mean_dice", "lowest_dice")


class OverviewIn(serializers.Serializer[Any]):
    """Without dates the last twelve weeks; without an institution all of yours."""

    first = DayField(required=False)
    last = DayField(required=False)
    institution = serializers.UUIDField(required=False)

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        last = given.get("last") or timezone.localdate()
        first = given.get("first") or last
        if first > last:
            raise serializers.ValidationError(_("The first day is after the last day. Swap them."))
        if (last - first).days > LONGEST_DAYS:
            raise serializers.ValidationError(_("At most ten years are shown at once. Choose a shorter period."))
        return given


def scope_of(user: Any, given: dict[str, Any]) -> Scope:
    """The scope that the checked parameters name.

    Raises:
        NotFound: an institution of which the user is no member.
    """
    require_anywhere(user, Capability.VIEW_CASES)
    wanted = given.get("institution")
    place = institution_get(user, wanted, Capability.VIEW_CASES) if wanted else None
    return scope_for(user, first=given.get("first"), last=given.get("last"), institution=place)


class WeekOut(serializers.Serializer[Any]):
    week = serializers.DateField(help_text="Its Monday.")
    imported = serializers.IntegerField()
    segmented = serializers.IntegerField()
    signed = serializers.IntegerField()


class WaitedOut(serializers.Serializer[Any]):
    median_hours = serializers.FloatField(allow_null=True)
    p90_hours = serializers.FloatField(allow_null=True)
    series = serializers.IntegerField()


class WaitingOut(serializers.Serializer[Any]):
    segmented = WaitedOut(help_text="From the import to the first mask.")
    signed = WaitedOut(help_text="From the first mask to the first signature.")


class OpenWorkOut(serializers.Serializer[Any]):
    state = serializers.ChoiceField(choices=CaseState.choices)
    day = serializers.IntegerField(help_text="Less than a day old.")
    week = serializers.IntegerField(help_text="Less than a week old.")
    older = serializers.IntegerField()


class AcceptedOut(serializers.Serializer[Any]):
    """``unchanged_share`` and Dice are 0..1; Dice of the model's mask with the accepted one, 1 without change."""

    name = serializers.CharField()
    month = serializers.DateTimeField(required=False)
    approvals = serializers.IntegerField()
    unchanged_share = serializers.FloatField()
    mean_dice = serializers.FloatField(allow_null=True)
    lowest_dice = serializers.FloatField(allow_null=True)


class OverviewOut(serializers.Serializer[Any]):
    first = serializers.DateField()
    last = serializers.DateField()
    throughput = WeekOut(many=True)
    waiting = WaitingOut()
    open_work = OpenWorkOut(many=True)
    by_version = AcceptedOut(many=True)
    by_version_and_month = AcceptedOut(many=True)
    by_institution = AcceptedOut(many=True)
    by_scanner = AcceptedOut(many=True)
    by_reader = AcceptedOut(many=True, help_text="Everybody for who leads, else only you.")


class OverviewView(APIView):
    @extend_schema(operation_id="overview", parameters=[OverviewIn], responses=OverviewOut)
    def get(self, request: Request) -> Response:
        """Throughput, waiting times, open work, and what readers made of the model's masks."""
        scope = scope_of(request.user, checked_query(OverviewIn, request.query_params))
        return Response(
            OverviewOut(
                {
                    "first": scope.first,
                    "last": scope.last,
                    "throughput": throughput(scope),
                    "waiting": waiting_times(scope),
                    "open_work": open_work(scope),
                    "by_version_and_month": accepted_by_month(scope),
                    **{f"by_{group}": accepted_by(scope, group) for group in GROUPS},
                }
            ).data
        )


class OverviewCsvView(FileView):
    @extend_schema(
        operation_id="overview_csv",
        parameters=[OverviewIn],
        responses={(200, "text/csv"): OpenApiResponse(OpenApiTypes.STR, "One row per group, and version and month.")},
    )
    def get(self, request: Request) -> HttpResponse:
        """What readers made of the model's masks, as CSV."""
        return csv_response(scope_of(request.user, checked_query(OverviewIn, request.query_params)))


def csv_response(scope: Scope) -> HttpResponse:
    rows = [{"group": group, **row} for group in GROUPS for row in accepted_by(scope, group)]
    rows += [{"group": "version and month", **row} for row in accepted_by_month(scope)]
    lines = [[_cell(row, name) for name in COLUMNS] for row in rows]
    response = HttpResponse(csv_text(COLUMNS, lines), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="overview.csv"'
    return response


def _cell(row: dict[str, Any], name: str) -> Any:
    return f"{row['month']:%Y-%m}" if name == "month" and row.get("month") else row.get(name)
