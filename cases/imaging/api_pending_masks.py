"""REST: label maps that were sent and wait until somebody says what their values are."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access import Capability
from cases.access import pending_mask_get, series_get
from cases.api_mapping import MappingField
from cases.imaging.api_masks import MaskDetailOut, MaskFilesIn, mask_created, sent_mask
from cases.imaging.value_pictures import value_picture
from cases.label_maps import found_facts, label_map_read, pending_mask_complete, pending_mask_discard
from cases.models import PendingMask
from registry.api import CodeOut
from registry.models import SPINE_CT
from registry.structures import task_get
from spineml.tasks.task import MAX_SLUG
from spineplatform.shared.api import FileView, ReceivingView, checked
from spineplatform.shared.api_schema import problems


class PendingMaskIn(serializers.Serializer[Any]):
    mapping = MappingField()
    task = serializers.SlugField(
        required=False, max_length=MAX_SLUG, help_text="Another one than was asked for before."
    )


class FoundValueOut(serializers.Serializer[Any]):
    """A value of the file, what the file says of it, and the label that it probably is."""

    value = serializers.IntegerField()
    voxels = serializers.IntegerField()
    name = serializers.CharField(allow_blank=True)
    code = CodeOut(allow_null=True)
    colour = serializers.CharField(allow_blank=True)
    label = serializers.IntegerField(  # type: ignore[assignment]  # not the serializer's own label
        allow_null=True,
        help_text="The proposed label of the task; null: unknown, or background where it is remembered.",
    )
    by = serializers.CharField(
        allow_blank=True, help_text="What speaks for it: code, name, value, verse, totalsegmentator, remembered, ..."
    )
    picture = serializers.CharField(help_text="Address of a small picture of where it is.")


class PendingMaskOut(serializers.ModelSerializer[PendingMask]):
    """A label map that was read and waits for its mapping; it is kept for a day."""

    found = serializers.SerializerMethodField()
    url = serializers.SerializerMethodField()

    class Meta:
        model = PendingMask
        fields = ["id", "series", "task", "label", "found", "created_at", "url"]

    @extend_schema_field(FoundValueOut(many=True))
    def get_found(self, pending: PendingMask) -> list[dict[str, Any]]:
        return [{**one, "picture": picture_address(pending, one["value"])} for one in found_facts(pending)]

    def get_url(self, pending: PendingMask) -> str:
        return reverse("api:pending-mask", args=[pending.pk])


def picture_address(pending: PendingMask, value: int) -> str:
    return reverse("api:pending-mask-picture", args=[pending.pk, value])


class PendingMaskListView(ReceivingView):
    @classmethod
    def max_bytes(cls) -> int:
        return int(settings.MASK_MAX_BYTES)

    @extend_schema(
        operation_id="pending_mask_create",
        request={"multipart/form-data": MaskFilesIn},
        responses={201: PendingMaskOut, **problems(s400="The mask does not fit; see the code.")},
    )
    def post(self, request: Request, series_id: str) -> Response:
        """Look what is in a label map, before it becomes a mask: its values with the labels that are proposed."""
        series = series_get(request.user, series_id, Capability.UPLOAD_MASK)
        given = checked(MaskFilesIn, request.data)
        task = task_get(series.institution_id, given.get("task", SPINE_CT))
        pending = label_map_read(series=series, actor=request.user, task=task, sent=sent_mask(given))
        body = PendingMaskOut(pending).data
        return Response(body, status=status.HTTP_201_CREATED, headers={"Location": body["url"]})


class PendingMaskView(APIView):
    @extend_schema(operation_id="pending_mask_get", responses=PendingMaskOut)
    def get(self, request: Request, pending_id: str) -> Response:
        """Your label map that waits for its mapping."""
        return Response(PendingMaskOut(pending_mask_get(request.user, pending_id)).data)

    @extend_schema(
        operation_id="pending_mask_complete",
        request=PendingMaskIn,
        responses={
            201: MaskDetailOut,
            **problems(s400="The mapping does not fit; see the code.", s409="The series already has this mask."),
        },
    )
    def post(self, request: Request, pending_id: str) -> Response:
        """Say which label each value is: the label map becomes a mask. The institution's next proposals follow it."""
        pending = pending_mask_get(request.user, pending_id)
        given = checked(PendingMaskIn, request.data)
        task = task_get(pending.institution_id, given["task"]) if "task" in given else None
        mask = pending_mask_complete(pending=pending, actor=request.user, mapping=given["mapping"], task=task)
        return mask_created(mask, request)

    @extend_schema(operation_id="pending_mask_discard", responses={204: None})
    def delete(self, request: Request, pending_id: str) -> Response:
        """Forget the label map."""
        pending_mask_discard(pending_mask_get(request.user, pending_id))
        return Response(status=status.HTTP_204_NO_CONTENT)


class PendingMaskPictureView(FileView):
    @extend_schema(
        operation_id="pending_mask_picture",
        responses={
            (200, "image/png"): OpenApiResponse(OpenApiTypes.BINARY, "The picture."),
            **problems(s404="No such value."),
        },
    )
    def get(self, request: Request, pending_id: str, value: int) -> HttpResponse:
        """Where a value is: a part of the slice on which it is largest."""
        picture = value_picture(pending_mask_get(request.user, pending_id), value)
        return HttpResponse(picture, content_type="image/png", headers={"Cache-Control": "private, max-age=86400"})
