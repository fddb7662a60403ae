"""REST: the masks that a version made."""

from __future__ import annotations

from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from inference.models import Prediction
from inference.selectors import masks_of_version
from registry.access import version_get
from spineplatform.shared.api import ListView


class VersionMaskOut(serializers.ModelSerializer[Prediction]):
    """A mask with the series and the case it is of."""

    id = serializers.UUIDField(source="annotation_id")
    series = serializers.UUIDField(source="annotation.series_id")
    case = serializers.UUIDField(source="annotation.series.case_id")
    patient = serializers.CharField(source="annotation.series.case.patient.pseudonym")
    slices_with_mask = serializers.IntegerField(source="annotation.slices_with_mask")
    url = serializers.SerializerMethodField()

    class Meta:
        model = Prediction
        fields = ["id", "run", "series", "case", "patient", "slices_with_mask", "seconds", "created_at", "url"]

    def get_url(self, prediction: Prediction) -> str:
        return reverse("api:mask", args=[prediction.annotation_id])


class VersionMasksView(ListView):
    @extend_schema(operation_id="model_masks", responses=VersionMaskOut(many=True))
    def get(self, request: Request, version_id: str) -> Response:
        """Which masks came from this version, newest first; only of cases you may see."""
        version = version_get(request.user, version_id)
        return self.page(masks_of_version(request.user, version), VersionMaskOut)
