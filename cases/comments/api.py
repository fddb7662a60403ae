"""REST: comments on a series, and what a person is told."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access import Capability, require_anywhere
from cases.access import series_get
from cases.comments.selectors import comments_of, notices_of, people_to_mention
from cases.comments.services import comment_write, notices_read
from cases.models import Comment, Notice
from cases.viewer_api import ViewerAPIView
from spineplatform.shared.api import ListView, checked, checked_query
from spineplatform.shared.api_schema import problems

MOST_PEOPLE = 8
HIDDEN = "Null where the project keeps its readers' names from you."


class CommentIn(serializers.Serializer[Any]):
    text = serializers.CharField(max_length=2000, help_text="@username tells that member of the institution.")
    z = serializers.IntegerField(required=False, allow_null=True, default=None, min_value=0, max_value=100_000)


class CommentOut(serializers.ModelSerializer[Comment]):
    author = serializers.CharField(source="author.display_name")
    author_id = serializers.IntegerField(source="author.pk", allow_null=True, help_text=HIDDEN)
    read = serializers.CharField(source="read_address", help_text="The reading room at that slice.")

    class Meta:
        model = Comment
        fields = ["id", "series", "z", "text", "author", "author_id", "read", "created_at"]


class CommentListView(ViewerAPIView, ListView):
    @extend_schema(operation_id="comment_list", responses=CommentOut(many=True))
    def get(self, request: Request, series_id: str) -> Response:
        """The comments on a series, newest first."""
        return self.page(comments_of(series_get(request.user, series_id), request.user), CommentOut)

    @extend_schema(
        operation_id="comment_write",
        request=CommentIn,
        responses={201: CommentOut, **problems(s400="No text, or no such slice.")},
    )
    def post(self, request: Request, series_id: str) -> Response:
        """Say something about a series or one of its slices."""
        series = series_get(request.user, series_id)
        comment = comment_write(series=series, actor=request.user, **checked(CommentIn, request.data))
        return Response(CommentOut(comment).data, status=status.HTTP_201_CREATED)


class PeopleIn(serializers.Serializer[Any]):
    q = serializers.CharField(
        required=False, default="", allow_blank=True, max_length=150, help_text="A part of the user name or name."
    )


class PersonOut(serializers.Serializer[Any]):
    username = serializers.CharField(help_text="What follows the @ in a comment.")
    name = serializers.CharField(source="display_name")


class PeopleView(APIView):
    @extend_schema(operation_id="comment_people", parameters=[PeopleIn], responses=PersonOut(many=True))
    def get(self, request: Request, series_id: str) -> Response:
        """Whom you can mention in a comment on a series: the first few by user name."""
        series = series_get(request.user, series_id)
        words = checked_query(PeopleIn, request.query_params)["q"]
        people = people_to_mention(series, request.user, words)[:MOST_PEOPLE]
        return Response(PersonOut(people, many=True).data)


class NoticeOut(serializers.ModelSerializer[Notice]):
    actor = serializers.CharField(source="actor.display_name", default="")
    case = serializers.UUIDField(
        source="case_id", allow_null=True, help_text="Null where it is about a project or a model."
    )
    case_title = serializers.CharField(
        source="case.title", read_only=True, default="", help_text="Empty where it is about something else."
    )
    project = serializers.UUIDField(
        source="project_id", allow_null=True, help_text="Null where it is about a case or a model."
    )
    title = serializers.CharField(help_text="The case, the project or the model that it is about.")
    number = serializers.IntegerField(
        allow_null=True, help_text="Number of series of the project to read or adjudicate."
    )
    address = serializers.CharField(help_text="The page it is about.")

    class Meta:
        model = Notice
        fields = [
            "id",
            "kind",
            "case",
            "case_title",
            "project",
            "title",
            "number",
            "actor",
            "text",
            "address",
            "created_at",
            "read_at",
        ]


class NoticeListView(ListView):
    @extend_schema(operation_id="notice_list", responses=NoticeOut(many=True))
    def get(self, request: Request) -> Response:
        """What you are told, newest first; ``read_at`` is null for what is new."""
        require_anywhere(request.user, Capability.VIEW_CASES)
        return self.page(notices_of(request.user), NoticeOut)


class ReadIn(serializers.Serializer[Any]):
    ids = serializers.ListField(child=serializers.UUIDField(), required=False, default=list, help_text="None: all.")


class ReadOut(serializers.Serializer[Any]):
    marked = serializers.IntegerField()


class NoticeReadView(APIView):
    @extend_schema(operation_id="notices_read", request=ReadIn, responses=ReadOut)
    def post(self, request: Request) -> Response:
        """Mark your notices as read."""
        marked = notices_read(actor=request.user, ids=checked(ReadIn, request.data)["ids"])
        return Response(ReadOut({"marked": marked}).data)
