"""REST: the pixels and the files of a mask. What a mask is, and uploading one, is told in inference.api_series."""

from __future__ import annotations

from typing import Any, cast

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from cases.access import mask_get
from cases.approved import approved_masks
from cases.imaging.api_slices import SLICE_ANSWERS
from cases.imaging.downloads import FILES, KINDS, PICTURES, download
from cases.imaging.slices import slice_response
from cases.models import Annotation
from spineml.volumes.render import WINDOWS
from spineplatform.shared.api import FileView
from spineplatform.shared.api_schema import problems

CONTENT_TYPES = sorted({kind[0] for kind in (*PICTURES.values(), *FILES.values())})


class MaskChangeOut(serializers.Serializer[Any]):
    added = serializers.IntegerField(help_text="Voxels marked now and not in the parent.")
    removed = serializers.IntegerField(help_text="Voxels marked in the parent and no longer.")
    slices = serializers.ListField(child=serializers.IntegerField(), help_text="Where it differs, from 0.")


class MaskOut(serializers.ModelSerializer[Annotation]):
    """A mask; ``areas_px[z]`` is the number of marked pixels of slice z. Never changed: a correction is new."""

    author = serializers.CharField(source="author.username", default=None, allow_null=True)
    approved = serializers.SerializerMethodField(help_text="The latest review of its series approves this mask.")
    url = serializers.SerializerMethodField()

    class Meta:
        model = Annotation
        fields = [
            "id",
            "series",
            "source",
            "label",
            "author",
            "approved",
            "parent",
            "change",
            "voxels",
            "volume_ml",
            "areas_px",
            "slices_with_mask",
            "pixel_hash",
            "created_at",
            "url",
        ]

    change = MaskChangeOut(allow_null=True, help_text="What the correction did to its parent; null without one.")
    areas_px = serializers.ListField(child=serializers.IntegerField())
    slices_with_mask = serializers.IntegerField()

    def get_approved(self, mask: Annotation) -> bool:
        """Asked once for each series of a list."""
        context = cast("dict[str, Any]", self.context)
        known = context.setdefault("approved", {})
        if mask.series_id not in known:
            known[mask.series_id] = approved_masks([mask.series_id], self.context["request"].user).get(mask.series_id)
        return bool(known[mask.series_id] == mask.pk)

    def get_url(self, mask: Annotation) -> str:
        return reverse("api:mask", args=[mask.pk])


class MaskSliceView(FileView):
    @extend_schema(
        operation_id="mask_slice",
        parameters=[OpenApiParameter("If-None-Match", location="header")],
        responses=SLICE_ANSWERS,
    )
    def get(self, request: Request, mask_id: str, z: int) -> HttpResponse:
        """One slice of the mask as labels; z counts from 0 at the feet's end."""
        mask = mask_get(request.user, mask_id)
        return slice_response(request._request, mask.mask, mask.pixel_hash, z)


class PictureIn(serializers.Serializer[Any]):
    z = serializers.IntegerField(required=False, min_value=0, help_text="Slice; else the one with the largest area.")
    window = serializers.ChoiceField(choices=sorted(WINDOWS), required=False)
    opacity = serializers.FloatField(required=False, min_value=0, max_value=1)


class MaskDownloadView(FileView):
    @extend_schema(
        operation_id="mask_download",
        parameters=[OpenApiParameter("kind", str, "path", enum=KINDS), PictureIn],
        responses={
            **{
                (200, content_type): OpenApiResponse(OpenApiTypes.BINARY, "The file.") for content_type in CONTENT_TYPES
            },
            **problems(s400="z, window or opacity are not understood.", s404="No such mask, kind or slice."),
        },
    )
    def get(self, request: Request, mask_id: str, kind: str) -> HttpResponseBase:
        """The mask to take away: overlay and mask pictures (PNG 0/255), a zip of PNG, NIfTI or NPY on the CT's grid."""
        return download(request._request, mask_get(request.user, mask_id), kind)
