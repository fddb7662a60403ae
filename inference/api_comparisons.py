"""REST: compare a predicted mask with a reference mask."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cases.access import mask_get, series_get
from inference.access import comparison_get
from inference.downloads import csv_response, difference_response
from inference.models import ComparisonRun
from inference.selectors import trained_on
from inference.services import MasksNotComparable, comparison_start
from spineplatform.shared.api import FileView, checked
from spineplatform.shared.api_runs import RunDetailOut
from spineplatform.shared.api_schema import problems


class RatesOut(serializers.Serializer[Any]):
    """Undefined values are null; distances are in ``unit``."""

    dice = serializers.FloatField(allow_null=True)
    sensitivity = serializers.FloatField(allow_null=True, help_text="Also called recall.")
    precision = serializers.FloatField(allow_null=True)
    specificity = serializers.FloatField(allow_null=True)
    f1 = serializers.FloatField(allow_null=True)
    iou = serializers.FloatField(allow_null=True)
    hd95 = serializers.FloatField(allow_null=True, help_text="95th percentile of the Hausdorff distance.")
    mean_surface_distance = serializers.FloatField(allow_null=True)


class PooledOut(RatesOut):
    """The counts of all slices added up first."""

    tp = serializers.IntegerField()
    fp = serializers.IntegerField()
    fn = serializers.IntegerField()
    tn = serializers.IntegerField()


class ImageOut(PooledOut):
    """One slice."""

    z = serializers.IntegerField(help_text="From 0.")


class LabelAgreementOut(PooledOut):
    """One label against everything else, over all slices; all rates are null where neither mask has it."""

    value = serializers.IntegerField(help_text="Of the label, see the task.")


class MeanOfImagesOut(RatesOut):
    """The average over the images in which either mask marks anything."""

    f1_of_means = serializers.FloatField(allow_null=True, help_text="From mean precision and mean recall.")


class ResultOut(serializers.Serializer[Any]):
    unit = serializers.ChoiceField(choices=["mm", "px"])
    pooled = PooledOut()
    mean_of_images = MeanOfImagesOut()
    images = ImageOut(many=True)
    labels = LabelAgreementOut(many=True, required=False, help_text="Each label of a task that has several.")
    mean_of_labels = RatesOut(
        required=False, help_text="The average over the labels that either mask has; of a task that has several labels."
    )


class ComparisonOut(RunDetailOut):
    reference = serializers.UUIDField(source="reference_id")
    predicted = serializers.UUIDField(source="predicted_id")
    task = serializers.SlugField(
        source="task_id",
        help_text="In whose labels they were compared: the task of both, or what a relation makes of the other.",
    )

    def get_url(self, run: ComparisonRun) -> str:  # type: ignore[override]
        return reverse("api:comparison", args=[run.pk])


class ComparisonDetailOut(ComparisonOut):
    """``trained_on_these_images``: the model learned from these very images, so its Dice on them proves little."""

    series = serializers.UUIDField(source="reference.series_id")
    trained_on_these_images = serializers.SerializerMethodField()
    result = ResultOut(allow_null=True)

    def get_trained_on_these_images(self, run: ComparisonRun) -> bool:
        return trained_on(run)


class ComparisonIn(serializers.Serializer[Any]):
    reference = serializers.UUIDField(help_text="The mask taken for the truth.")
    predicted = serializers.UUIDField(help_text="The mask to evaluate.")


class ComparisonListView(APIView):
    @extend_schema(
        operation_id="comparison_start",
        request=ComparisonIn,
        responses={
            200: ComparisonDetailOut,
            202: ComparisonDetailOut,
            **problems(
                s400="The masks are not two masks of this series, or of tasks without a relation.",
                s404="No such series or mask.",
            ),
        },
    )
    def post(self, request: Request, series_id: str) -> Response:
        """Compare two masks of a series; 200 with the comparison that is already there."""
        series = series_get(request.user, series_id)
        given = checked(ComparisonIn, request.data)
        reference = mask_get(request.user, given["reference"])
        predicted = mask_get(request.user, given["predicted"])
        if reference.series_id != series.pk:
            raise MasksNotComparable
        run = comparison_start(reference=reference, predicted=predicted, actor=request.user)
        body = ComparisonDetailOut(run).data
        answer = status.HTTP_200_OK if run.is_finished else status.HTTP_202_ACCEPTED
        return Response(body, status=answer, headers={"Location": body["url"]})


class ComparisonView(APIView):
    @extend_schema(operation_id="comparison_get", responses=ComparisonDetailOut)
    def get(self, request: Request, run_id: str) -> Response:
        """How two masks agree: per image, as the mean of the images, and pooled."""
        return Response(ComparisonDetailOut(comparison_get(request.user, run_id)).data)


class ComparisonCsvView(FileView):
    @extend_schema(
        operation_id="comparison_csv",
        responses={
            (200, "text/csv"): OpenApiResponse(OpenApiTypes.STR, "One row per image, then mean and pooled."),
            **problems(s409="The comparison is not ready."),
        },
    )
    def get(self, request: Request, run_id: str) -> HttpResponse:
        """The same figures as CSV."""
        return csv_response(request._request, comparison_get(request.user, run_id))


class ComparisonSliceView(FileView):
    @extend_schema(
        operation_id="comparison_slice",
        responses={(200, "image/png"): OpenApiResponse(OpenApiTypes.BINARY, "The picture.")},
    )
    def get(self, request: Request, run_id: str, z: int) -> HttpResponse:
        """One slice: true positives green, false positives vermillion, false negatives blue, other labels yellow."""
        return difference_response(comparison_get(request.user, run_id), z)
