"""REST: who is to read which case."""

from __future__ import annotations

from typing import Any

from django.db.models import prefetch_related_objects
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access import Capability
from cases.access import case_get
from cases.models import ReaderGroup
from cases.worklist.assignments import MOST_AT_ONCE, To, cases_assign
from cases.worklist.queue import readers_at
from spineplatform.shared.api import checked
from spineplatform.shared.api_schema import problems
from spineplatform.shared.incoming import DayField


class AssignIn(serializers.Serializer[Any]):
    cases = serializers.ListField(child=serializers.UUIDField(), min_length=1, max_length=MOST_AT_ONCE)
    assignee = serializers.IntegerField(
        required=False, allow_null=True, default=None, help_text="A person; null, and no group: nobody."
    )
    group = serializers.UUIDField(required=False, allow_null=True, default=None, help_text="Or a group.")
    due_on = DayField(required=False, allow_null=True, default=None)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["assignee"] is not None and attrs["group"] is not None:
            raise serializers.ValidationError({"group": _("Give a person or a group, not both.")})
        return attrs


class ReaderOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField(source="display_name")


class GroupOut(serializers.ModelSerializer[ReaderGroup]):
    members = ReaderOut(many=True)

    class Meta:
        model = ReaderGroup
        fields = ["id", "institution", "name", "members"]


class ReadersOut(serializers.Serializer[Any]):
    people = ReaderOut(many=True)
    groups = GroupOut(many=True)


class AssignmentListView(APIView):
    @extend_schema(
        operation_id="cases_assign",
        request=AssignIn,
        responses={
            204: None,
            **problems(s400="Not valid, or the date has passed.", s404="A case or the person is not to be found."),
        },
    )
    def put(self, request: Request) -> Response:
        """Give up to 200 cases to one person or group with a due date, or to nobody: all of them or none."""
        given = checked(AssignIn, request.data)
        cases = [case_get(request.user, pk, Capability.ASSIGN) for pk in dict.fromkeys(given["cases"])]
        to = To(person=given["assignee"], group=given["group"])
        cases_assign(cases=cases, actor=request.user, to=to, due_on=given["due_on"])
        return Response(status=status.HTTP_204_NO_CONTENT)


class AssigneeListView(APIView):
    @extend_schema(operation_id="case_assignees", responses=ReadersOut)
    def get(self, request: Request, case_id: str) -> Response:
        """Whom a case can be assigned to."""
        case = case_get(request.user, case_id, Capability.ASSIGN)
        readers = readers_at([case.institution_id])
        prefetch_related_objects(readers.groups, "members")
        return Response(ReadersOut(readers).data)
