"""REST: a series with everything about it, and its masks with what made them."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access import Capability
from cases.access import mask_get, series_get
from cases.access_log import log_series_view
from cases.exposures import masks_shown
from cases.imaging.api_masks import MaskOut
from cases.intake.uploads import received
from cases.models import Annotation
from cases.services import annotation_upload
from cases.worklist.api import SeriesOut
from inference.api_comparisons import ComparisonOut
from inference.api_runs import InferenceRunOut
from inference.models import Prediction
from inference.selectors import SeriesResults, series_results
from spineplatform.shared.api import ReceivingView, SentenceField, ValuesField, checked
from spineplatform.shared.api_schema import problems
from training.evaluations.api import VersionName

MADE_BY = ("author", "model_version__owner", "prediction")


class DeviationOut(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = SentenceField()
    values = ValuesField(source="message")


class PredictionOut(serializers.ModelSerializer[Prediction]):
    """``deviations``: in what the series is far outside of the images that the version learned from."""

    model_version = VersionName(source="annotation.model_version")
    timings = serializers.DictField(child=serializers.FloatField(), help_text="Seconds by step, and how many slices.")
    deviations = DeviationOut(source="annotation.deviations", many=True)

    class Meta:
        model = Prediction
        fields = ["run", "model_version", "seconds", "timings", "deviations"]


class MaskDetailOut(MaskOut):
    """``prediction`` tells which model version made the mask; null when a person did."""

    prediction = serializers.SerializerMethodField()

    class Meta(MaskOut.Meta):
        fields = [*MaskOut.Meta.fields, "prediction"]

    @extend_schema_field(PredictionOut(allow_null=True))
    def get_prediction(self, mask: Annotation) -> Any:
        prediction = getattr(mask, "prediction", None)
        return PredictionOut(prediction, context=self.context).data if prediction else None


class SeriesDetailOut(serializers.Serializer[SeriesResults]):
    """A series with its masks, its latest segmentations, and its comparisons (without their results)."""

    series = SeriesOut()
    masks = MaskDetailOut(many=True)
    runs = InferenceRunOut(many=True)
    comparisons = ComparisonOut(many=True)


class SeriesView(APIView):
    @extend_schema(operation_id="series_get", responses=SeriesDetailOut)
    def get(self, request: Request, series_id: str) -> Response:
        """Geometry and warnings of a series, its masks, runs and comparisons."""
        series = series_get(request.user, series_id)
        log_series_view(series, request.user)
        return Response(SeriesDetailOut(series_results(series, request.user), context={"request": request}).data)


# --- masks ------------------------------------------------------------------------------------------------------------
class MaskIn(serializers.Serializer[Any]):
    files = serializers.ListField(
        child=serializers.FileField(allow_empty_file=True),
        allow_empty=False,
        help_text="One NIfTI, NRRD, MHA or NPY, or one PNG for each slice, repeating the field; or a zip of these.",
    )
    label = serializers.CharField(  # type: ignore[assignment]  # not the serializer's own label
        required=False, default="", allow_blank=True, max_length=120
    )
    every_label = serializers.BooleanField(default=False, help_text="Every value above 0 is spine (label maps).")
    order = serializers.ChoiceField(
        choices=[("from-feet", "from-feet"), ("from-head", "from-head")],
        required=False,
        default="",
        allow_blank=True,
        help_text="Of PNGs: whether the first by number is the lowest slice or the highest. PNGs that are named like "
        "the DICOM files need none; others begin at the lowest, unless the DICOM files begin at the highest.",
    )


class MaskListView(ReceivingView):
    @classmethod
    def max_bytes(cls) -> int:
        return int(settings.MASK_MAX_BYTES)

    @extend_schema(operation_id="mask_list", responses=MaskDetailOut(many=True))
    def get(self, request: Request, series_id: str) -> Response:
        """The masks of a series, newest first."""
        masks: QuerySet[Annotation] = series_get(request.user, series_id).annotations.seen_by(request.user)
        masks_shown(masks, request.user)
        return self.page(masks.select_related(*MADE_BY), MaskDetailOut)

    @extend_schema(
        operation_id="mask_upload",
        request={"multipart/form-data": MaskIn},
        responses={
            201: MaskDetailOut,
            **problems(s400="The mask does not fit; see the code.", s409="The series already has this mask."),
        },
    )
    def post(self, request: Request, series_id: str) -> Response:
        """Upload a mask on the grid of the series."""
        series = series_get(request.user, series_id, Capability.UPLOAD_MASK)
        given = checked(MaskIn, request.data)
        files = received(given.pop("files"))
        mask = annotation_upload(series=series, actor=request.user, files=files, **given)
        body = MaskDetailOut(mask, context={"request": request}).data
        return Response(body, status=status.HTTP_201_CREATED, headers={"Location": body["url"]})


class MaskView(APIView):
    @extend_schema(operation_id="mask_get", responses=MaskDetailOut)
    def get(self, request: Request, mask_id: str) -> Response:
        """One mask: how large it is, and who or what made it."""
        return Response(MaskDetailOut(mask_get(request.user, mask_id), context={"request": request}).data)
