"""REST: a slice, or several in one answer for a viewer that reads ahead."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from cases.access import mask_get, series_get
from cases.imaging.slices import MOST_AT_ONCE, slice_response, slices_response
from spineplatform.shared.api import FileView, checked_query
from spineplatform.shared.api_schema import problems

SLICE_ANSWERS: dict[Any, Any] = {
    (200, "application/octet-stream"): OpenApiResponse(
        OpenApiTypes.BINARY,
        "The pixels row by row, little-endian; X-Slice-Shape is “rows,columns”, X-Slice-Type int16 (HU) or uint8 "
        "(labels). Deflated where Accept-Encoding allows it.",
    ),
    304: OpenApiResponse(None, "You have it: If-None-Match names its ETag."),
    **problems(s404="No such slice."),
}
SLICES_ANSWERS: dict[Any, Any] = {
    (200, "application/octet-stream"): OpenApiResponse(
        OpenApiTypes.BINARY,
        "For each slice four bytes (little-endian) that give the length of what follows, then a zlib stream of its "
        "pixels row by row, little-endian; X-Slice-Shape is “rows,columns”, X-Slice-Type int16 (HU) or uint8 (labels).",
    ),
    304: OpenApiResponse(None, "You have it: If-None-Match names its ETag."),
    **problems(s400="first or count are not understood.", s404="No such slice."),
}


class RangeIn(serializers.Serializer[Any]):
    first = serializers.IntegerField(min_value=0, help_text="The first slice, counted from 0 at the feet's end.")
    count = serializers.IntegerField(min_value=1, max_value=MOST_AT_ONCE, default=1, help_text="How many slices.")


PARAMETERS: list[Any] = [RangeIn, OpenApiParameter("If-None-Match", location="header")]


class SeriesSliceView(FileView):
    @extend_schema(
        operation_id="series_slice",
        parameters=[OpenApiParameter("If-None-Match", location="header")],
        responses=SLICE_ANSWERS,
    )
    def get(self, request: Request, series_id: str, z: int) -> HttpResponse:
        """One slice of the CT in HU; z counts from 0 at the feet's end."""
        series = series_get(request.user, series_id)
        return slice_response(request._request, series.volume, series.pixel_hash, z)


class SeriesSlicesView(FileView):
    @extend_schema(operation_id="series_slices", parameters=PARAMETERS, responses=SLICES_ANSWERS)
    def get(self, request: Request, series_id: str) -> HttpResponse:
        """Several slices of the CT in one answer."""
        series = series_get(request.user, series_id)
        wanted = checked_query(RangeIn, request.query_params)
        return slices_response(request._request, series.volume, series.pixel_hash, **wanted)


class MaskSlicesView(FileView):
    @extend_schema(operation_id="mask_slices", parameters=PARAMETERS, responses=SLICES_ANSWERS)
    def get(self, request: Request, mask_id: str) -> HttpResponse:
        """Several slices of a mask in one answer."""
        mask = mask_get(request.user, mask_id)
        wanted = checked_query(RangeIn, request.query_params)
        return slices_response(request._request, mask.mask, mask.pixel_hash, **wanted)
