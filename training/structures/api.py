"""REST: the tasks, and what they are made of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access import Capability, resolve_institution
from accounts.models import Institution
from registry.access import may_keep_task, platform_required, task_kept_by, task_view, tasks_viewed
from registry.api import CodeOut
from registry.models import Task
from spineml.tasks import task as definitions
from spineplatform.shared.api import ListView, ReceivingView, checked
from spineplatform.shared.api_schema import problems
from training.structures.api_rules import RelationOut, relations_shown
from training.structures.imports import MAX_BYTES, labels_of_upload
from training.structures.labels import label_given
from training.structures.selectors import SHIPPED_SLUGS, LabelUse, labels_used
from training.structures.services import task_change, task_create, task_delete

IF_MATCH = OpenApiParameter(
    "If-Match", OpenApiTypes.STR, OpenApiParameter.HEADER, description="The ETag of the task, instead of `revision`."
)
LONGEST = 500


# --- what goes out ----------------------------------------------------------------------------------------------------
class TaskLabelOut(serializers.Serializer[Any]):
    """``short`` stands in the picture, ``colour`` is #rrggbb; the codes are those of a DICOM segmentation."""

    value = serializers.IntegerField()
    name = serializers.CharField()
    short = serializers.CharField()
    colour = serializers.CharField()
    category = CodeOut(allow_null=True)
    type = CodeOut(allow_null=True)
    modifier = CodeOut(allow_null=True)


class UsedLabelOut(TaskLabelOut):
    """``in_use``: its value stays, and it cannot be removed. ``masks`` and ``versions`` count what uses it."""

    in_use = serializers.BooleanField()
    masks = serializers.IntegerField()
    versions = serializers.IntegerField()


class TaskOwnerOut(serializers.ModelSerializer[Institution]):
    class Meta:
        model = Institution
        fields = ["id", "name"]


class TaskOut(serializers.ModelSerializer[Task]):
    """What is segmented: ``labels`` in the order in which people read them. ``owner`` is the institution that made the
    task, null for the platform's, which every institution may use.
    """

    owner = TaskOwnerOut(allow_null=True)
    shipped = serializers.SerializerMethodField(help_text="It comes with the platform and cannot be deleted.")
    labels = serializers.SerializerMethodField()
    relations = serializers.SerializerMethodField(help_text="The rules by which masks of it become those of others.")
    url = serializers.SerializerMethodField()
    page = serializers.CharField(source="get_absolute_url")

    class Meta:
        model = Task
        fields = [
            "slug",
            "name",
            "modality",
            "owner",
            "shipped",
            "revision",
            "labels",
            "relations",
            "created_at",
            "changed_at",
            "url",
            "page",
        ]

    def get_shipped(self, task: Task) -> bool:
        return task.pk in SHIPPED_SLUGS

    @extend_schema_field(TaskLabelOut(many=True))
    def get_labels(self, task: Task) -> Any:
        return [label.to_json() for label in task.definition.labels]

    @extend_schema_field(RelationOut(many=True))
    def get_relations(self, task: Task) -> Any:
        return [RelationOut(one).data for one in relations_shown(task, self.context["request"].user)]

    def get_url(self, task: Task) -> str:
        return reverse("api:task", args=[task.pk])


class TaskDetailOut(TaskOut):
    """``may_change``: whether you may change and delete it. A change names the ``revision`` that it is made to."""

    labels = serializers.SerializerMethodField()
    may_change = serializers.SerializerMethodField()

    class Meta(TaskOut.Meta):
        fields = [*TaskOut.Meta.fields, "may_change"]

    @extend_schema_field(UsedLabelOut(many=True))
    def get_labels(self, task: Task) -> Any:
        used = labels_used(task, self.context["request"].user)
        rows = [(label, used.get(label.value, LabelUse())) for label in task.definition.labels]
        return [
            {**label.to_json(), "in_use": use.fixed, "masks": use.masks, "versions": use.versions}
            for label, use in rows
        ]

    def get_may_change(self, task: Task) -> bool:
        return may_keep_task(self.context["request"].user, task)


def task_answer(request: Request, slug: str, **answer: Any) -> Response:
    """The task as whoever asks sees it now, with its revision as ETag."""
    task = task_view(request.user, slug)
    response = Response(TaskDetailOut(task, context={"request": request}).data, **answer)
    response["ETag"] = f'"{task.revision}"'
    return response


# --- what comes in ----------------------------------------------------------------------------------------------------
class CodeIn(serializers.Serializer[Any]):
    value = serializers.CharField(max_length=definitions.MAX_CODE)
    scheme = serializers.CharField(max_length=definitions.MAX_CODE, default="SCT")
    meaning = serializers.CharField(max_length=definitions.MAX_NAME)


class TaskLabelIn(serializers.Serializer[Any]):
    """Codes that are left out stay as they are; null takes them away."""

    value = serializers.IntegerField(help_text="1 to 255, what masks store.")
    name = serializers.CharField(max_length=LONGEST, help_text="At most 64 characters.")
    short = serializers.CharField(required=False, allow_blank=True, max_length=LONGEST, help_text="At most 8.")
    colour = serializers.CharField(required=False, allow_blank=True, max_length=LONGEST, help_text="#rrggbb")
    category = CodeIn(required=False, allow_null=True)
    type = CodeIn(required=False, allow_null=True)
    modifier = CodeIn(required=False, allow_null=True)


class NewTaskIn(serializers.Serializer[Any]):
    slug = serializers.CharField(max_length=LONGEST, help_text="Lower-case letters, digits and hyphens; never changes.")
    name = serializers.CharField(max_length=LONGEST)
    institution = serializers.UUIDField(
        required=False, allow_null=True, help_text="Whose task it is; needed where you manage models at several."
    )
    platform = serializers.BooleanField(default=False, help_text="The platform's, for every institution.")


class TaskIn(NewTaskIn):
    """Labels come from ``labels`` or ``copy_of``; without either, the task has one label of its name."""

    labels = TaskLabelIn(many=True, required=False)
    copy_of = serializers.CharField(required=False, max_length=LONGEST, help_text="The slug of a task.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("labels") and attrs.get("copy_of"):
            raise serializers.ValidationError({"copy_of": _("Give labels, or a task to copy: one of them.")})
        return attrs


class TaskFileIn(NewTaskIn):
    file = serializers.FileField(
        allow_empty_file=True,
        help_text="Labels of nnU-Net or TotalSegmentator (dataset.json), 3D Slicer (.ctbl) or ITK-SNAP.",
    )


class TaskChangeIn(serializers.Serializer[Any]):
    """``labels`` are all labels of the task, in their order; those that it has are known by their value."""

    revision = serializers.IntegerField(required=False, help_text="The one that the change is made to.")
    name = serializers.CharField(required=False, max_length=LONGEST)
    labels = TaskLabelIn(many=True, required=False)


def labels_given(given: list[Mapping[str, Any]], known: Task | None = None) -> tuple[definitions.Label, ...]:
    """The labels of a request."""
    before = {label.value: label for label in known.definition.labels} if known else {}
    return tuple(label_given(one, before.get(one["value"])) for one in given)


def _revision(request: Request, given: Mapping[str, Any]) -> int | None:
    """By the body or by If-Match, where ``*`` is any.

    Raises:
        ValidationError: by neither, or by no revision.
    """
    if "revision" in given:
        return int(given["revision"])
    stated = request.headers.get("If-Match", "").strip()
    if stated == "*":
        return None
    found = re.fullmatch(r'(?:W/)?"?(\d{1,9})"?', stated)
    if found is None:
        raise serializers.ValidationError(
            {"revision": _("Give the revision that you change, or its ETag as If-Match.")}
        )
    return int(found[1])


# --- doors ------------------------------------------------------------------------------------------------------------
class TaskListView(ListView):
    @extend_schema(operation_id="task_list", responses=TaskOut(many=True))
    def get(self, request: Request) -> Response:
        """The tasks of the platform and of your institutions, the oldest first."""
        rows = tasks_viewed(request.user).prefetch_related("relations", "made_of")
        return self.page(rows, TaskOut, order=("created_at", "slug"))

    @extend_schema(
        operation_id="task_create",
        request=TaskIn,
        responses={
            201: TaskDetailOut,
            **problems(s400="The labels do not make a task; the reason is given.", s409="The slug is taken."),
        },
    )
    def post(self, request: Request) -> Response:
        """Make a task of your institution: from labels, or as a copy."""
        given = checked(TaskIn, request.data)
        return _made(request, given, _owner(request, given), *_source(request, given))


class TaskFileView(ReceivingView):
    @classmethod
    def max_bytes(cls) -> int:
        return MAX_BYTES

    @extend_schema(
        operation_id="task_import",
        request={"multipart/form-data": TaskFileIn},
        responses={
            201: TaskDetailOut,
            **problems(s400="The labels do not make a task; the reason is given.", s409="The slug is taken."),
        },
    )
    def post(self, request: Request) -> Response:
        """Make a task of your institution from the labels in a file of another program."""
        given = checked(TaskFileIn, request.data)
        owner = _owner(request, given)
        return _made(request, given, owner, "CT", labels_of_upload(given["file"]))


def _owner(request: Request, given: Mapping[str, Any]) -> Any:
    """The institution of a new task; None: the platform."""
    if given["platform"]:
        platform_required(request.user)
        return None
    return resolve_institution(request.user, given.get("institution"), Capability.MANAGE_MODELS)


def _made(
    request: Request, given: Mapping[str, Any], owner: Any, modality: str, labels: tuple[definitions.Label, ...]
) -> Response:
    task = definitions.Task(given["slug"], definitions.clean(given["name"]), labels, modality)
    made = task_create(owner=owner, actor=request.user, task=task)
    place = {"Location": reverse("api:task", args=[made.pk])}
    return task_answer(request, made.pk, status=status.HTTP_201_CREATED, headers=place)


def _source(request: Request, given: Mapping[str, Any]) -> tuple[str, tuple[definitions.Label, ...]]:
    """Modality and labels of a new task."""
    if given.get("copy_of"):
        copied = task_view(request.user, given["copy_of"]).definition
        return copied.modality, copied.labels
    return "CT", labels_given(given.get("labels") or [{"value": 1, "name": given["name"]}])


class TaskView(APIView):
    @extend_schema(operation_id="task_get", responses=TaskDetailOut)
    def get(self, request: Request, slug: str) -> Response:
        """One task, with what uses its labels."""
        return task_answer(request, slug)

    @extend_schema(
        operation_id="task_change",
        request=TaskChangeIn,
        parameters=[IF_MATCH],
        responses={
            200: TaskDetailOut,
            **problems(
                s400="The labels do not make a task; the reason is given.",
                s409="It has another revision: `changes` says what others changed; or a label in use would be lost.",
            ),
        },
    )
    def patch(self, request: Request, slug: str) -> Response:
        """Rename a task, or give it other labels: rename, recolour, add, reorder. Values in use stay."""
        task = task_view(request.user, slug)
        task_kept_by(request.user, task)
        given = checked(TaskChangeIn, request.data)
        labels = labels_given(given["labels"], task) if "labels" in given else None
        revision = _revision(request, given)
        task_change(task=task, actor=request.user, revision=revision, name=given.get("name"), labels=labels)
        return task_answer(request, slug)

    @extend_schema(
        operation_id="task_delete",
        responses={204: None, **problems(s409="It is in use: counted in `depends`; or it comes with the platform.")},
    )
    def delete(self, request: Request, slug: str) -> Response:
        """Delete a task that nothing uses."""
        task_delete(task=task_view(request.user, slug), actor=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)
