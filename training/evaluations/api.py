"""REST: evaluations, their plots and files, and versions side by side."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access import Capability, require_anywhere
from registry.access import version_get
from registry.api import VersionName
from spineml.message import message
from spineplatform.shared.api import FileView, ListView, checked, checked_query, interval_warning
from spineplatform.shared.api_runs import RunOut
from spineplatform.shared.api_schema import problems
from spineplatform.shared.errors import NotFound
from spineplatform.shared.messages import sentence
from spineplatform.shared.runs import RunState
from training.access import evaluation_get
from training.evaluations.downloads import (
    SCOPES,
    compare_plot_response,
    csv_response,
    plot_response,
    report_response,
)
from training.evaluations.selectors import (
    datasets_to_judge_by,
    evaluated_rows,
    evaluations_compared,
    evaluations_seen,
    patient_names,
    runs_to_compare,
)
from training.evaluations.services import evaluation_start
from training.models import Dataset, EvaluationRun, Split

RUNS = OpenApiParameter("run", OpenApiTypes.UUID, many=True, required=True, description="Two or more evaluations.")


class DatasetName(serializers.ModelSerializer[Dataset]):
    class Meta:
        model = Dataset
        fields = ["id", "name", "sha256"]


class EvaluationOut(RunOut):
    """An evaluation of a version on one split of a frozen data set."""

    version = VersionName()
    dataset = DatasetName()
    task = serializers.SlugField(source="task_id", help_text="In whose labels the masks are compared: the data set's.")
    split = serializers.ChoiceField(choices=Split.choices)
    url = serializers.SerializerMethodField()

    def get_url(self, run: EvaluationRun) -> str:
        return reverse("api:evaluation", args=[run.pk])


class PlotOut(serializers.Serializer[Any]):
    name = serializers.CharField()
    title = serializers.CharField()
    svg = serializers.CharField(help_text="Address of the SVG.")
    png = serializers.CharField(help_text="Address of the PNG.")


class EvaluatedOut(serializers.Serializer[Any]):
    """One series. ``seen``: the version, or one it descends from, was trained on these images or this patient."""

    series = serializers.UUIDField(source="series_id")
    mask = serializers.UUIDField(source="annotation_id")
    patient = serializers.SerializerMethodField()
    groups = serializers.JSONField()
    seen = serializers.BooleanField()
    dice = serializers.FloatField(source="figures.dice")

    def get_patient(self, row: Any) -> str:
        return str(self.context["names"][str(row.patient_id)])


class EvaluationDetailOut(EvaluationOut):
    """``all`` and ``unseen`` hold the figures per image, per patient and pooled; ``unseen`` leaves out the patients on
    whom the version was trained, and is null when there are no others. Both are null until the run has succeeded.
    ``interval_warning`` in them is a sentence where intervals rest on too few patients, else empty; ``few_patients``
    beside an interval says so of that one.
    """

    all = serializers.SerializerMethodField()
    unseen = serializers.SerializerMethodField()
    seen_patients = serializers.SerializerMethodField()
    plots = serializers.SerializerMethodField()
    series = serializers.SerializerMethodField()

    @extend_schema_field(serializers.DictField(allow_null=True))
    def get_all(self, run: EvaluationRun) -> Any:
        return _with_warning(run.result.get("all"))

    @extend_schema_field(serializers.DictField(allow_null=True))
    def get_unseen(self, run: EvaluationRun) -> Any:
        return _with_warning(run.result.get("unseen"))

    @extend_schema_field(serializers.IntegerField(allow_null=True))
    def get_seen_patients(self, run: EvaluationRun) -> int | None:
        return run.result.get("seen_patients")

    @extend_schema_field(PlotOut(many=True))
    def get_plots(self, run: EvaluationRun) -> list[dict[str, str]]:
        def address(name: str, kind: str) -> str:
            return reverse("api:evaluation-plot", args=[run.pk, name, kind])

        return [
            {
                "name": one["name"],
                "title": sentence(one["title"]),
                **{kind: address(one["name"], kind) for kind in ("svg", "png")},
            }
            for one in run.result.get("plots", ())
        ]

    @extend_schema_field(EvaluatedOut(many=True))
    def get_series(self, run: EvaluationRun) -> Any:
        rows = list(evaluated_rows(run).defer("images"))
        names = patient_names(self.context["request"].user, rows)
        return EvaluatedOut(rows, many=True, context={"names": names}).data


def _with_warning(found: dict[str, Any] | None) -> dict[str, Any] | None:
    return found and {**found, "interval_warning": interval_warning(found["patients"])}


class EvaluationFilterIn(serializers.Serializer[Any]):
    version = serializers.UUIDField(required=False)
    dataset = serializers.UUIDField(required=False)
    split = serializers.ChoiceField(choices=Split.choices, required=False)
    state = serializers.ChoiceField(choices=RunState.choices, required=False)


class EvaluationIn(serializers.Serializer[Any]):
    version = serializers.UUIDField()
    dataset = serializers.UUIDField(help_text="A frozen data set.")
    split = serializers.ChoiceField(choices=Split.choices, default=Split.TEST)


class EvaluationListView(ListView):
    @extend_schema(operation_id="evaluation_list", parameters=[EvaluationFilterIn], responses=EvaluationOut(many=True))
    def get(self, request: Request) -> Response:
        """The evaluations you may see, newest first."""
        require_anywhere(request.user, Capability.VIEW_MODELS)
        given = checked_query(EvaluationFilterIn, request.query_params)
        return self.page(evaluations_seen(request.user).filter(**given).defer("result"), EvaluationOut)

    @extend_schema(
        operation_id="evaluation_start",
        request=EvaluationIn,
        responses={
            200: EvaluationOut,
            202: EvaluationOut,
            **problems(s404="No such version or data set.", s409="The data set is a draft, or has no such patient."),
        },
    )
    def post(self, request: Request) -> Response:
        """Evaluate a version; 200 with the evaluation that is there already."""
        require_anywhere(request.user, Capability.MANAGE_MODELS)
        given = checked(EvaluationIn, request.data)
        version = version_get(request.user, given["version"], Capability.MANAGE_MODELS)
        dataset = datasets_to_judge_by(request.user).filter(pk=given["dataset"]).first()
        if dataset is None:
            raise NotFound(message("Your institutions have no frozen data set with this id."))
        known = set(EvaluationRun.objects.filter(version=version, dataset=dataset).values_list("pk", flat=True))
        run = evaluation_start(version=version, dataset=dataset, split=given["split"], actor=request.user)
        body = EvaluationOut(run, context={"request": request}).data
        answer = status.HTTP_200_OK if run.pk in known else status.HTTP_202_ACCEPTED
        return Response(body, status=answer, headers={"Location": body["url"]})


class EvaluationView(APIView):
    @extend_schema(operation_id="evaluation_get", responses=EvaluationDetailOut)
    def get(self, request: Request, run_id: str) -> Response:
        """One evaluation with all its figures."""
        run = evaluation_get(request.user, run_id)
        return Response(EvaluationDetailOut(run, context={"request": request}).data)


class EvaluationPlotView(FileView):
    @extend_schema(
        operation_id="evaluation_plot",
        parameters=[OpenApiParameter("kind", str, "path", enum=["svg", "png"])],
        responses={
            (200, "image/svg+xml"): OpenApiResponse(OpenApiTypes.BINARY, "The plot."),
            (200, "image/png"): OpenApiResponse(OpenApiTypes.BINARY, "The plot."),
        },
    )
    def get(self, request: Request, run_id: str, name: str, kind: str) -> HttpResponse:
        """One plot, such as ``bland-altman-patient-volume-ml``."""
        return plot_response(evaluation_get(request.user, run_id), name, kind)


class EvaluationCsvView(FileView):
    @extend_schema(
        operation_id="evaluation_csv",
        parameters=[OpenApiParameter("scope", str, "path", enum=list(SCOPES))],
        responses={
            (200, "text/csv"): OpenApiResponse(OpenApiTypes.STR, "One row per image, patient, or figure."),
            **problems(s409="The evaluation is not ready."),
        },
    )
    def get(self, request: Request, run_id: str, scope: str) -> HttpResponse:
        """The figures as CSV: per image, per patient, or the summary."""
        return csv_response(request._request, evaluation_get(request.user, run_id), scope)


class EvaluationReportView(FileView):
    @extend_schema(
        operation_id="evaluation_report",
        responses={
            (200, "application/pdf"): OpenApiResponse(OpenApiTypes.BINARY, "The report."),
            **problems(s409="The evaluation is not ready."),
        },
    )
    def get(self, request: Request, run_id: str) -> HttpResponseBase:
        """Everything as a printable PDF, in the language asked for."""
        return report_response(request._request, evaluation_get(request.user, run_id))


class EvaluationCompareView(APIView):
    @extend_schema(
        operation_id="evaluation_compare",
        parameters=[RUNS],
        responses={200: OpenApiTypes.OBJECT, **problems(s400="Not two finished evaluations of one split.")},
    )
    def get(self, request: Request) -> Response:
        """Versions side by side on the patients that none of them was trained on, with paired differences."""
        runs = runs_to_compare(request.user, request.query_params.getlist("run"))
        comparison, names = evaluations_compared(request.user, runs)
        body = comparison.as_json() | {"interval_warning": interval_warning(len(comparison.patients))}
        for line in body["patients"]:
            line["patient"] = names[line["patient"]]
        return Response(body)


class EvaluationComparePlotView(FileView):
    @extend_schema(
        operation_id="evaluation_compare_plot",
        parameters=[RUNS, OpenApiParameter("kind", str, "path", enum=["svg", "png"])],
        responses={(200, "image/svg+xml"): OpenApiResponse(OpenApiTypes.BINARY, "Box plots per version.")},
    )
    def get(self, request: Request, kind: str) -> HttpResponse:
        """Box plots of the patients' Dice, one for each version."""
        return compare_plot_response(request.user, kind, request.query_params.getlist("run"))
