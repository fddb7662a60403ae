"""REST: taking versions out of use and back, and which versions know a patient."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access import Capability
from cases.access import case_get
from spineplatform.shared.api_schema import problems
from training.access import version_get
from training.api import ModelDetailOut
from training.api_evaluations import VersionName
from training.selectors_versions import Sight, versions_that_saw
from training.services_versions import version_restore, version_retire


class ModelRetireView(APIView):
    @extend_schema(
        operation_id="model_retire",
        request=None,
        responses={200: ModelDetailOut, **problems(s409="It is the version that segments.")},
    )
    def post(self, request: Request, version_id: str) -> Response:
        """Take a version out of use. Its masks, figures and file stay."""
        version = version_get(request.user, version_id, Capability.MANAGE_MODELS)
        return Response(ModelDetailOut(version_retire(version=version, actor=request.user)).data)


class ModelRestoreView(APIView):
    @extend_schema(operation_id="model_restore", request=None, responses=ModelDetailOut)
    def post(self, request: Request, version_id: str) -> Response:
        """Make a retired version a candidate again."""
        version = version_get(request.user, version_id, Capability.MANAGE_MODELS)
        return Response(ModelDetailOut(version_restore(version=version, actor=request.user)).data)


class SightOut(serializers.Serializer[Any]):
    """``trained``: on the patient's images. ``tuned``: they decided when the training was best. ``judged``: evaluated
    on them. ``through``: the version it descends from that was trained on the patient."""

    version = VersionName()
    trained = serializers.BooleanField()
    tuned = serializers.BooleanField()
    judged = serializers.BooleanField()
    through = serializers.SerializerMethodField()

    @extend_schema_field(VersionName(allow_null=True))
    def get_through(self, sight: Sight) -> Any:
        return VersionName(sight.through).data if sight.through else None


class CaseVersionsView(APIView):
    @extend_schema(operation_id="case_versions", responses=SightOut(many=True))
    def get(self, request: Request, case_id: str) -> Response:
        """Which versions know the patient of this case, newest first: by training data, pixel hashes and lineage."""
        case = case_get(request.user, case_id)
        return Response(SightOut(versions_that_saw(case.patient), many=True).data)
