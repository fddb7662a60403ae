"""REST: start a segmentation, and watch, cancel or retry a run of any kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access import Capability, require_anywhere
from cases.access import import_run_get, series_get
from cases.projects.access import agreement_run_get
from inference.access import comparison_get, inference_run_get, report_get
from inference.models import InferenceRun
from inference.selectors import runs_seen
from inference.services import inference_start
from registry.access import version_get
from spineml.message import message
from spineplatform.shared.api import ListView, RunOut, checked, checked_query
from spineplatform.shared.api_schema import problems
from spineplatform.shared.errors import NotFound
from spineplatform.shared.runs import Run, RunState, run_cancel, run_retry
from training.access import dataset_run_get, evaluation_get, training_get
from training.evaluations.api import VersionName


@dataclass(frozen=True)
class RunRoutes:
    """Through which door a kind of run is reached, and the right that starting one takes."""

    get: Callable[..., Run]
    starts: Capability


DOORS = {
    "import": RunRoutes(import_run_get, Capability.UPLOAD_CT),
    "agreement": RunRoutes(agreement_run_get, Capability.CORRECT_MASK),
    "inference": RunRoutes(inference_run_get, Capability.SEGMENT),
    "comparison": RunRoutes(comparison_get, Capability.VIEW_CASES),
    "report": RunRoutes(report_get, Capability.VIEW_CASES),
    "dataset": RunRoutes(dataset_run_get, Capability.MANAGE_MODELS),
    "evaluation": RunRoutes(evaluation_get, Capability.MANAGE_MODELS),
    "training": RunRoutes(training_get, Capability.MANAGE_MODELS),
}
KIND = OpenApiParameter("kind", str, "path", enum=list(DOORS))


def _door(kind: str) -> RunRoutes:
    try:
        return DOORS[kind]
    except KeyError:
        raise NotFound(
            message("There are no runs of the kind “{kind}”. Known: {known}.", kind=kind, known=", ".join(DOORS))
        ) from None


# --- any run ----------------------------------------------------------------------------------------------------------
class RunDetailOut(RunOut):
    """``result_url`` is the page that shows what the run made, empty until it has succeeded."""

    result_url = serializers.SerializerMethodField()
    url = serializers.SerializerMethodField()

    def get_result_url(self, run: Run) -> str:
        return run.result_url() if run.state == RunState.SUCCEEDED else ""

    def get_url(self, run: Run) -> str:
        return reverse("api:run", args=[run.kind, run.pk])


class InferenceRunOut(RunDetailOut):
    """``mask`` is the mask that the run made, null until it has succeeded."""

    series = serializers.UUIDField(source="series_id")
    model_version = VersionName()
    mask = serializers.SerializerMethodField()

    @extend_schema_field(serializers.UUIDField(allow_null=True))
    def get_mask(self, run: InferenceRun) -> str | None:
        prediction = getattr(run, "prediction", None)
        return str(prediction.annotation_id) if prediction else None


class AnyRunOut(RunDetailOut):
    """As the document has a run of any kind: ``series``, ``model_version`` and ``mask`` are those of a segmentation."""

    series = serializers.UUIDField(required=False)
    model_version = VersionName(required=False)
    mask = serializers.UUIDField(required=False, allow_null=True)


def run_answer(run: Run, request: Request) -> dict[str, Any]:
    answer = InferenceRunOut if isinstance(run, InferenceRun) else RunDetailOut
    return dict(answer(run, context={"request": request}).data)


class RunView(APIView):
    @extend_schema(operation_id="run_get", parameters=[KIND], responses=AnyRunOut)
    def get(self, request: Request, kind: str, run_id: str) -> Response:
        """One run. A segmentation also tells its series, model version and mask."""
        return Response(run_answer(_door(kind).get(request.user, run_id), request))


class RunCancelView(APIView):
    @extend_schema(
        operation_id="run_cancel",
        parameters=[KIND],
        request=None,
        responses={200: AnyRunOut, **problems(s409="The run has already ended.")},
    )
    def post(self, request: Request, kind: str, run_id: str) -> Response:
        """Stop a run: at once when it waits, else as soon as its worker notices."""
        door = _door(kind)
        run = door.get(request.user, run_id, door.starts)
        run_cancel(run=run, actor=request.user)
        return Response(run_answer(run, request))


class RunRetryView(APIView):
    @extend_schema(
        operation_id="run_retry",
        parameters=[KIND],
        request=None,
        responses={200: AnyRunOut, **problems(s409="The run is going, or has succeeded.")},
    )
    def post(self, request: Request, kind: str, run_id: str) -> Response:
        """Queue a failed or cancelled run again."""
        door = _door(kind)
        run = door.get(request.user, run_id, door.starts)
        run_retry(run=run, actor=request.user)
        return Response(run_answer(run, request))


# --- segmentations ----------------------------------------------------------------------------------------------------
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


class SegmentView(APIView):
    @extend_schema(
        operation_id="series_segment",
        request=SegmentIn,
        responses={
            200: InferenceRunOut,
            202: InferenceRunOut,
            **problems(s409="No version is active, or the named one is retired."),
        },
    )
    def post(self, request: Request, series_id: str) -> Response:
        """Start a segmentation; 200 with the run that is already going with this version, if there is one."""
        series = series_get(request.user, series_id, Capability.SEGMENT)
        wanted = checked(SegmentIn, request.data).get("model_version")
        version = version_get(request.user, wanted) if wanted else None
        going = set(series.inference_runs.unfinished().values_list("pk", flat=True))
        run = inference_start(series=series, actor=request.user, model_version=version)
        body = run_answer(run, request)
        answer = status.HTTP_200_OK if run.pk in going else status.HTTP_202_ACCEPTED
        return Response(body, status=answer, headers={"Location": body["url"]})
