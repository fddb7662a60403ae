"""REST: groups that cases are assigned to, and the filters that a person keeps."""

from __future__ import annotations

from typing import Any

from django.http import QueryDict
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access import Capability, institution_get, institutions_with, require_anywhere
from cases.access import filter_get, group_get
from cases.models import ReaderGroup, SavedFilter
from cases.models.worklist import LONGEST_QUERY
from cases.worklist.api_assignments import GroupOut
from cases.worklist.forms import WorkListForm
from cases.worklist.groups import filter_remove, filter_save, group_change, group_create, group_delete
from cases.worklist.queue import readers_at
from cases.worklist.selectors import institutions_seen
from spineplatform.shared.api import ListView, checked
from spineplatform.shared.api_schema import problems


# --- groups -----------------------------------------------------------------------------------------------------------
class GroupChangeIn(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=80)
    members = serializers.ListField(child=serializers.IntegerField(), max_length=500, help_text="Ids of people.")


class GroupIn(GroupChangeIn):
    institution = serializers.UUIDField()


class GroupListView(ListView):
    @extend_schema(operation_id="group_list", responses=GroupOut(many=True))
    def get(self, request: Request) -> Response:
        """The groups of the institutions where you may assign cases, newest first."""
        require_anywhere(request.user, Capability.ASSIGN)
        homes = list(institutions_with(request.user, Capability.ASSIGN))
        return self.page(ReaderGroup.objects.filter(institution__in=homes).prefetch_related("members"), GroupOut)

    @extend_schema(
        operation_id="group_create",
        request=GroupIn,
        responses={201: GroupOut, **problems(s400="A person may not read there.", s409="The name is in use.")},
    )
    def post(self, request: Request) -> Response:
        """Make a group of people who may sign or correct at one institution."""
        require_anywhere(request.user, Capability.ASSIGN)
        given = checked(GroupIn, request.data)
        home = institution_get(request.user, given.pop("institution"), Capability.ASSIGN)
        group = group_create(institution=home, actor=request.user, **given)
        return Response(GroupOut(group).data, status=status.HTTP_201_CREATED)


class GroupView(APIView):
    @extend_schema(
        operation_id="group_change",
        request=GroupChangeIn,
        responses={200: GroupOut, **problems(s400="A person may not read there.", s409="The name is in use.")},
    )
    def put(self, request: Request, group_id: str) -> Response:
        """Give the group another name and other members; its cases stay with it."""
        group = group_get(request.user, group_id)
        group_change(group=group, actor=request.user, **checked(GroupChangeIn, request.data))
        return Response(GroupOut(group).data)

    @extend_schema(operation_id="group_delete", request=None, responses={204: None})
    def delete(self, request: Request, group_id: str) -> Response:
        """Remove the group; cases that it was to read are open to all again."""
        group_delete(group=group_get(request.user, group_id), actor=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)


# --- saved filters ----------------------------------------------------------------------------------------------------
class FilterIn(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=60)
    query = serializers.CharField(
        max_length=LONGEST_QUERY, help_text="As in the list's address: state=segmented&due=soon"
    )


class FilterOut(serializers.ModelSerializer[SavedFilter]):
    class Meta:
        model = SavedFilter
        fields = ["id", "name", "query", "created_at"]


class FilterListView(ListView):
    @extend_schema(operation_id="filter_list", responses=FilterOut(many=True))
    def get(self, request: Request) -> Response:
        """The filters of the work list that you keep, newest first."""
        require_anywhere(request.user, Capability.VIEW_CASES)
        return self.page(SavedFilter.objects.filter(user=request.user.pk), FilterOut)

    @extend_schema(
        operation_id="filter_save",
        request=FilterIn,
        responses={201: FilterOut, **problems(s400="Nothing of the query narrows the list, or it is too long.")},
    )
    def post(self, request: Request) -> Response:
        """Keep a filter under a name; one of that name is replaced. What the list does not know is left out."""
        require_anywhere(request.user, Capability.VIEW_CASES)
        given = checked(FilterIn, request.data)
        seen = institutions_seen(request.user)
        form = WorkListForm(QueryDict(given["query"]), institutions=seen, readers=readers_at(list(seen)))
        saved = filter_save(actor=request.user, name=given["name"], query=form.query())
        return Response(FilterOut(saved).data, status=status.HTTP_201_CREATED)


class FilterView(APIView):
    @extend_schema(operation_id="filter_remove", request=None, responses={204: None})
    def delete(self, request: Request, filter_id: str) -> Response:
        """Forget one of your filters."""
        filter_remove(saved=filter_get(request.user, filter_id))
        return Response(status=status.HTTP_204_NO_CONTENT)
