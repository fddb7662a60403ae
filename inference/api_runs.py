"""REST: start a segmentation, and list those that were."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access import Capability, require_anywhere
from cases.access import series_get
from inference.models import InferenceRun
from inference.selectors import runs_seen
from inference.services import inference_start
from registry.access import version_get
from registry.api import VersionName
from spineml.tasks.task import MAX_SLUG
from spineplatform.shared.api import ListView, checked, checked_query
from spineplatform.shared.api_runs import RunDetailOut
from spineplatform.shared.api_schema import problems
from spineplatform.shared.runs import RunState


class InferenceRunOut(RunDetailOut):
    """``mask`` is the mask that the run made, null until it has succeeded."""

    series = serializers.UUIDField(source="series_id")
    task = serializers.CharField(source="model_version.task_id", help_text="The slug of the task.")
    model_version = VersionName()
    mask = serializers.SerializerMethodField()

    @extend_schema_field(serializers.UUIDField(allow_null=True))
    def get_mask(self, run: InferenceRun) -> str | None:
        prediction = getattr(run, "prediction", None)
        return str(prediction.annotation_id) if prediction else None


class InferenceRunFilterIn(serializers.Serializer[Any]):
    state = serializers.ChoiceField(choices=RunState.choices, required=False)
    series = serializers.UUIDField(required=False)


class InferenceRunListView(ListView):
    @extend_schema(
        operation_id="inference_run_list", parameters=[InferenceRunFilterIn], responses=InferenceRunOut(many=True)
    )
    def get(self, request: Request) -> Response:
        """The segmentations you may see, newest first."""
        require_anywhere(request.user, Capability.VIEW_CASES)
        given = checked_query(InferenceRunFilterIn, request.query_params)
        return self.page(runs_seen(request.user).filter(**given).select_related("prediction"), InferenceRunOut)


class SegmentIn(serializers.Serializer[Any]):
    model_version = serializers.UUIDField(required=False, allow_null=True, help_text="Else the active version.")
    task = serializers.SlugField(
        required=False, default="", allow_blank=True, max_length=MAX_SLUG, help_text="What to segment; else spine-ct."
    )


class SegmentView(APIView):
    @extend_schema(
        operation_id="series_segment",
        request=SegmentIn,
        responses={
            200: InferenceRunOut,
            202: InferenceRunOut,
            **problems(s400="The task is not known.", s409="No version is active, or the named one is retired."),
        },
    )
    def post(self, request: Request, series_id: str) -> Response:
        """Start a segmentation; 200 with the run that is already going with this version, if there is one."""
        series = series_get(request.user, series_id, Capability.SEGMENT)
        given = checked(SegmentIn, request.data)
        wanted = given.get("model_version")
        version = version_get(request.user, wanted) if wanted else None
        going = set(series.inference_runs.unfinished().values_list("pk", flat=True))
        run = inference_start(series=series, actor=request.user, model_version=version, task=given["task"])
        body = InferenceRunOut(run, context={"request": request}).data
        answer = status.HTTP_200_OK if run.pk in going else status.HTTP_202_ACCEPTED
        return Response(body, status=answer, headers={"Location": body["url"]})
