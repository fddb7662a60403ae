"""REST: who is to read which case."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access import Capability
from cases.access import case_get
from cases.assigning import cases_assign
from cases.selectors_worklist import readers_of
from spineplatform.shared.api import checked
from spineplatform.shared.api_schema import problems


class AssignIn(serializers.Serializer[Any]):
    cases = serializers.ListField(child=serializers.UUIDField(), min_length=1, max_length=200)
    assignee = serializers.IntegerField(allow_null=True, help_text="Null: nobody.")
    due_on = serializers.DateField(required=False, allow_null=True, default=None)


class AssigneeOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField(source="display_name")


class AssignmentListView(APIView):
    @extend_schema(
        operation_id="cases_assign",
        request=AssignIn,
        responses={204: None, **problems(s404="A case or the person is not to be found.")},
    )
    def put(self, request: Request) -> Response:
        """Give up to 200 cases to one person with a due date, or to nobody: all of them or none."""
        given = checked(AssignIn, request.data)
        cases = [case_get(request.user, pk, Capability.ASSIGN) for pk in dict.fromkeys(given["cases"])]
        cases_assign(cases=cases, actor=request.user, assignee_id=given["assignee"], due_on=given["due_on"])
        return Response(status=status.HTTP_204_NO_CONTENT)


class AssigneeListView(APIView):
    @extend_schema(operation_id="case_assignees", responses=AssigneeOut(many=True))
    def get(self, request: Request, case_id: str) -> Response:
        """Whom a case can be assigned to."""
        return Response(AssigneeOut(readers_of(case_get(request.user, case_id, Capability.ASSIGN)), many=True).data)
