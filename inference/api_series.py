"""REST: a series with everything about it, as its page of results shows it."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cases.access import series_get
from cases.access_log import log_series_view
from cases.imaging.api_masks import MaskDetailOut
from cases.worklist.api import SeriesOut
from inference.api_comparisons import ComparisonOut
from inference.api_runs import InferenceRunOut
from inference.selectors import SeriesResults, series_results


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
