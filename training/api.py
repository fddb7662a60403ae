"""REST: the model versions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.http.response import HttpResponseBase
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access import Capability, require_anywhere
from spineml.model_file import MAX_FILE_BYTES
from spineplatform.shared.api import FileView, ReceivingView, checked
from spineplatform.shared.api_schema import problems
from training.access import version_get
from training.models import ModelVersion
from training.pages import HDF5, version_file
from training.selectors import versions_seen
from training.services import version_register
from training.services_promotions import version_promote


class ModelOut(serializers.ModelSerializer[ModelVersion]):
    """A version of the network; ``name`` is how pages call it. At most one version of a task is active."""

    name = serializers.CharField(source="__str__")
    url = serializers.SerializerMethodField()

    class Meta:
        model = ModelVersion
        fields = ["id", "task", "number", "name", "status", "size", "sha256", "parent", "notes", "created_at", "url"]

    def get_url(self, version: ModelVersion) -> str:
        return reverse("api:model", args=[version.pk])


class ModelDetailOut(ModelOut):
    spec = serializers.JSONField(help_text="What the file says of itself: architecture, preprocessing, data, metrics.")

    class Meta(ModelOut.Meta):
        fields = [*ModelOut.Meta.fields, "spec"]


class ModelIn(serializers.Serializer[Any]):
    file = serializers.FileField(help_text="HDF5 with its spec. Nothing in it is executed.")
    notes = serializers.CharField(required=False, default="", allow_blank=True, max_length=2000)


class ModelListView(ReceivingView):
    @property
    def max_bytes(self) -> int:
        return MAX_FILE_BYTES

    @extend_schema(operation_id="model_list", responses=ModelOut(many=True))
    def get(self, request: Request) -> Response:
        """All versions, newest first."""
        return self.page(versions_seen(request.user), ModelOut)

    @extend_schema(
        operation_id="model_register",
        request={"multipart/form-data": ModelIn},
        responses={200: ModelDetailOut, 201: ModelDetailOut, **problems(s400="The file cannot be used; it says why.")},
    )
    def post(self, request: Request) -> Response:
        """Register a model file as a candidate. The same file again answers 200 with its version."""
        require_anywhere(request.user, Capability.MANAGE_MODELS)
        given = checked(ModelIn, request.data)
        known = set(versions_seen(request.user).values_list("pk", flat=True))
        path = Path(given["file"].temporary_file_path())
        version = version_register(path=path, actor=request.user, notes=given["notes"])
        answer = status.HTTP_200_OK if version.pk in known else status.HTTP_201_CREATED
        body = ModelDetailOut(version).data
        return Response(body, status=answer, headers={"Location": body["url"]})


class ModelView(APIView):
    @extend_schema(operation_id="model_get", responses=ModelDetailOut)
    def get(self, request: Request, version_id: str) -> Response:
        """One version with its spec."""
        return Response(ModelDetailOut(version_get(request.user, version_id)).data)


class ModelDownloadView(FileView):
    @extend_schema(
        operation_id="model_download",
        responses={(200, HDF5): OpenApiResponse(OpenApiTypes.BINARY, "The HDF5 file.")},
    )
    def get(self, request: Request, version_id: str) -> HttpResponseBase:
        """The file of a version."""
        version = version_get(request.user, version_id, Capability.MANAGE_MODELS)
        return version_file(request._request, version)


class ModelActivateView(APIView):
    @extend_schema(
        operation_id="model_activate",
        request=None,
        responses={200: ModelDetailOut, **problems(s409="The version is retired, or the gate refuses it.")},
    )
    def post(self, request: Request, version_id: str) -> Response:
        """Make this the version that segments, through the gate; one that was active before passes (a roll-back)."""
        version = version_get(request.user, version_id, Capability.MANAGE_MODELS)
        version_promote(version=version, actor=request.user)
        return Response(ModelDetailOut(version).data)
