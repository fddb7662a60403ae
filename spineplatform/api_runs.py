"""REST: watch, cancel or retry a run of any kind, whichever app it belongs to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access import Capability
from cases.access import import_run_get
from cases.projects.access import agreement_run_get
from inference.access import comparison_get, inference_run_get, report_get
from inference.api_runs import InferenceRunOut
from inference.models import InferenceRun
from registry.api import VersionName
from spineml.message import message
from spineplatform.shared.api_runs import RunDetailOut
from spineplatform.shared.api_schema import problems
from spineplatform.shared.errors import NotFound
from spineplatform.shared.runs import Run, run_cancel, run_retry
from training.access import dataset_run_get, evaluation_get, training_get


@dataclass(frozen=True)
class RunRoutes:
    """How a run of a kind is fetched for a person, and the right that starting one takes."""

    get: Callable[..., Run]
    starts: Capability


ROUTES = {
    "import": RunRoutes(import_run_get, Capability.UPLOAD_CT),
    "agreement": RunRoutes(agreement_run_get, Capability.CORRECT_MASK),
    "inference": RunRoutes(inference_run_get, Capability.SEGMENT),
    "comparison": RunRoutes(comparison_get, Capability.VIEW_CASES),
    "report": RunRoutes(report_get, Capability.VIEW_CASES),
    "dataset": RunRoutes(dataset_run_get, Capability.MANAGE_MODELS),
    "evaluation": RunRoutes(evaluation_get, Capability.MANAGE_MODELS),
    "training": RunRoutes(training_get, Capability.MANAGE_MODELS),
}
KIND = OpenApiParameter("kind", str, "path", enum=list(ROUTES))


def _routes(kind: str) -> RunRoutes:
    try:
        return ROUTES[kind]
    except KeyError:
        raise NotFound(
            message("There are no runs of the kind “{kind}”. Known: {known}.", kind=kind, known=", ".join(ROUTES))
        ) from None


class AnyRunOut(RunDetailOut):
    """As the document has a run of any kind: ``series``, ``model_version`` and ``mask`` are of a segmentation."""

    series = serializers.UUIDField(required=False)
    task = serializers.CharField(required=False)
    model_version = VersionName(required=False)
    mask = serializers.UUIDField(required=False, allow_null=True)


def run_answer(run: Run, request: Request) -> dict[str, Any]:
    answer = InferenceRunOut if isinstance(run, InferenceRun) else RunDetailOut
    return dict(answer(run, context={"request": request}).data)


class RunView(APIView):
    @extend_schema(operation_id="run_get", parameters=[KIND], responses=AnyRunOut)
    def get(self, request: Request, kind: str, run_id: str) -> Response:
        """One run. A segmentation also tells its series, model version and mask."""
        return Response(run_answer(_routes(kind).get(request.user, run_id), request))


class RunCancelView(APIView):
    @extend_schema(
        operation_id="run_cancel",
        parameters=[KIND],
        request=None,
        responses={200: AnyRunOut, **problems(s409="The run has already ended.")},
    )
    def post(self, request: Request, kind: str, run_id: str) -> Response:
        """Stop a run: at once when it waits, else as soon as its worker notices."""
        routes = _routes(kind)
        run = routes.get(request.user, run_id, routes.starts)
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
        routes = _routes(kind)
        run = routes.get(request.user, run_id, routes.starts)
        run_retry(run=run, actor=request.user)
        return Response(run_answer(run, request))
