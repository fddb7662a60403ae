"""REST: rules by which masks of one task become masks of another."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from registry.access import task_view
from registry.models import Task, TaskRelation
from registry.structures import tasks_seen
from spineplatform.shared.api import checked
from spineplatform.shared.api_schema import problems
from training.structures.rules import rule_create, rule_delete, rule_get

LONGEST = 500


class RelationOut(serializers.Serializer[TaskRelation]):
    """Masks of ``target`` are made of those of ``source``: ``values`` gives the value of the target for each value of
    the source, others become background. ``rule`` says it in words.
    """

    source = serializers.CharField(source="source_id")  # type: ignore[assignment]  # a field here
    target = serializers.CharField(source="target_id")
    values = serializers.DictField(child=serializers.IntegerField())
    rule = serializers.CharField(allow_blank=True)


class RelationIn(serializers.Serializer[Any]):
    target = serializers.CharField(max_length=LONGEST, help_text="The slug of the task that masks become.")
    values = serializers.DictField(
        child=serializers.IntegerField(), help_text="The target's value for each value of this task that is kept."
    )
    rule = serializers.CharField(required=False, default="", allow_blank=True, max_length=200)


def relations_shown(task: Task, user: Any) -> list[TaskRelation]:
    """The rules of a task, with tasks that the user sees."""
    seen = set(tasks_seen(user).values_list("pk", flat=True))
    every = [*task.relations.all(), *task.made_of.all()]
    return [one for one in every if one.source_id in seen and one.target_id in seen]


class RelationListView(APIView):
    @extend_schema(
        operation_id="task_rule_create",
        request=RelationIn,
        responses={
            201: RelationOut,
            **problems(
                s400="A value that one of the tasks does not have; or the rule contradicts others.",
                s409="There is a rule between the two tasks already.",
            ),
        },
    )
    def post(self, request: Request, slug: str) -> Response:
        """Say how masks of this task become masks of another."""
        source = task_view(request.user, slug)
        given = checked(RelationIn, request.data)
        target = task_view(request.user, given["target"])
        made = rule_create(source=source, target=target, actor=request.user, values=given["values"], rule=given["rule"])
        return Response(RelationOut(made).data, status=status.HTTP_201_CREATED)


class RelationView(APIView):
    @extend_schema(operation_id="task_rule_delete", responses={204: None})
    def delete(self, request: Request, slug: str, target: str) -> Response:
        """Delete the rule by which masks of this task become those of ``target``. Masks stay."""
        rule_delete(relation=rule_get(request.user, slug, target), actor=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)
