"""REST: the tasks that an institution segments new series with."""

from __future__ import annotations

import uuid
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access import Capability, institution_get
from registry.selectors import default_tasks
from registry.services import default_tasks_set
from spineml.tasks.task import MAX_SLUG
from spineplatform.shared.api import checked
from spineplatform.shared.api_schema import problems

MOST_TASKS = 20


class DefaultTasksOut(serializers.Serializer[Any]):
    tasks = serializers.ListField(child=serializers.CharField(), help_text="Slugs; spine-ct where nobody has chosen.")


class DefaultTasksIn(serializers.Serializer[Any]):
    tasks = serializers.ListField(
        child=serializers.SlugField(max_length=MAX_SLUG), max_length=MOST_TASKS, help_text="Slugs; none: spine-ct."
    )


class DefaultTasksView(APIView):
    @extend_schema(operation_id="default_tasks_get", responses=DefaultTasksOut)
    def get(self, request: Request, institution_id: uuid.UUID) -> Response:
        """What new series of the institution are segmented with unless their sender names other tasks."""
        institution = institution_get(request.user, institution_id, Capability.VIEW_CASES)
        return Response({"tasks": default_tasks(institution.pk)})

    @extend_schema(
        operation_id="default_tasks_set",
        request=DefaultTasksIn,
        responses={200: DefaultTasksOut, **problems(s400="A task is not known there.")},
    )
    def put(self, request: Request, institution_id: uuid.UUID) -> Response:
        """Choose them. For model admins."""
        institution = institution_get(request.user, institution_id, Capability.MANAGE_MODELS)
        given = checked(DefaultTasksIn, request.data)
        chosen = default_tasks_set(institution=institution, actor=request.user, tasks=given["tasks"])
        return Response({"tasks": chosen})
