"""REST: the platform's default, for whoever runs the platform."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access import Capability, require_anywhere
from registry.access import platform_required, version_get
from registry.api import VersionName
from registry.selectors import version_active_or_none
from spineplatform.shared.api import checked
from spineplatform.shared.api_schema import problems
from training.promotions.api import PromotionOut
from training.promotions.services import default_choose


class DefaultIn(serializers.Serializer[Any]):
    version = serializers.UUIDField(help_text="One of the platform's.")
    reason = serializers.CharField(max_length=2000, help_text="Stored permanently with your name.")


class DefaultOut(serializers.Serializer[Any]):
    """The version that segments at every institution that has not chosen one; null while there is none."""

    version = VersionName(allow_null=True)


class DefaultView(APIView):
    @extend_schema(operation_id="model_default", responses=DefaultOut)
    def get(self, request: Request) -> Response:
        """The platform's default."""
        if not request.user.is_superuser:
            require_anywhere(request.user, Capability.VIEW_MODELS)
        answer = DefaultOut({"version": version_active_or_none(None)}, context={"request": request})
        return Response(answer.data)

    @extend_schema(
        operation_id="model_default_choose",
        request=DefaultIn,
        responses={200: PromotionOut, 204: None, **problems(s409="Not the platform's version, or retired.")},
    )
    def post(self, request: Request) -> Response:
        """Choose the default, if you run the platform. 204: it is the default already."""
        platform_required(request.user)
        given = checked(DefaultIn, request.data)
        version = version_get(request.user, given["version"])
        promotion = default_choose(version=version, actor=request.user, reason=given["reason"])
        if promotion is None:
            return Response(status=204)
        return Response(PromotionOut(promotion, context={"request": request}).data)
