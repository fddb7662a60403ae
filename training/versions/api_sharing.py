"""REST: offering a version to other institutions."""

from __future__ import annotations

import uuid
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from registry.access import version_get_kept
from registry.models import VersionShare
from spineplatform.shared.api import checked
from spineplatform.shared.api_schema import problems
from training.versions.sharing import shares_of, version_share, version_unshare


class ShareOut(serializers.ModelSerializer[VersionShare]):
    """An institution that may use the version; ``active`` where it segments there."""

    institution = serializers.UUIDField(source="institution_id")
    name = serializers.CharField(source="institution.name")
    active = serializers.BooleanField(source="is_active")
    shared_by = serializers.CharField(source="shared_by.display_name", default=None, allow_null=True)

    class Meta:
        model = VersionShare
        fields = ["institution", "name", "active", "shared_by", "shared_at"]


class ShareIn(serializers.Serializer[Any]):
    institution = serializers.CharField(max_length=120, help_text="The exact name of the institution.")


class SharesView(APIView):
    @extend_schema(operation_id="model_shares", responses=ShareOut(many=True))
    def get(self, request: Request, version_id: str) -> Response:
        """The institutions that your institution shares this version with."""
        return Response(ShareOut(shares_of(version_get_kept(request.user, version_id)), many=True).data)

    @extend_schema(
        operation_id="model_share",
        request=ShareIn,
        responses={200: ShareOut, **problems(s400="No such institution.", s409="It is retired, or theirs already.")},
    )
    def post(self, request: Request, version_id: str) -> Response:
        """Let another institution see the card and the figures of this version, evaluate it and make it active. Its
        file, notes, training and evaluations stay yours."""
        version = version_get_kept(request.user, version_id)
        name = checked(ShareIn, request.data)["institution"]
        share = version_share(version=version, name=name, actor=request.user)
        return Response(ShareOut(shares_of(version).get(pk=share.pk)).data)


class ShareView(APIView):
    @extend_schema(operation_id="model_unshare", responses={204: None})
    def delete(self, request: Request, version_id: str, institution_id: uuid.UUID) -> Response:
        """End the sharing. Where the version is active it goes on segmenting until another one is chosen there."""
        version = version_get_kept(request.user, version_id)
        version_unshare(version=version, institution_id=institution_id, actor=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)
