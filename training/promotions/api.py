"""REST: the gate, promotion through it or past it with a reason, roll-back, and the history."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access import Capability, require_anywhere
from spineml.message import message
from spineplatform.shared.api import ListView, NewestFirstPagination, checked
from spineplatform.shared.api_schema import problems
from spineplatform.shared.errors import NotFound
from training.access import version_get
from training.evaluations.api import DatasetName, VersionName
from training.models import Dataset, Promotion, PromotionKind
from training.promotions.selectors import (
    GateView,
    datasets_with_test_patients,
    gate_view,
    promotions_seen,
)
from training.promotions.services import refusal_of, version_promote, version_rollback


class GateIn(serializers.Serializer[Any]):
    dataset = serializers.UUIDField(
        required=False, allow_null=True, help_text="A frozen data set; else the newest with test patients."
    )


class PromoteIn(GateIn):
    reason = serializers.CharField(
        required=False, default="", allow_blank=True, max_length=2000, help_text="Overrides a gate that refuses."
    )


class RollbackIn(serializers.Serializer[Any]):
    reason = serializers.CharField(required=False, default="", allow_blank=True, max_length=2000)


class GateOut(serializers.Serializer[Any]):
    """``gate`` holds the figures, null while an evaluation is missing; ``refusal`` says what stands in the way."""

    version = VersionName()
    active = VersionName(allow_null=True)
    dataset = DatasetName(allow_null=True)
    passed = serializers.BooleanField()
    needs_gate = serializers.SerializerMethodField()
    missing = VersionName(many=True)
    gate = serializers.SerializerMethodField()
    refusal = serializers.SerializerMethodField()

    def get_needs_gate(self, view: GateView) -> bool:
        return not view.is_free

    @extend_schema_field(OpenApiTypes.OBJECT)
    def get_gate(self, view: GateView) -> Any:
        return view.as_json()

    def get_refusal(self, view: GateView) -> str:
        return "" if view.passed else refusal_of(view).message


class PromotionOut(serializers.ModelSerializer[Promotion]):
    """Who made which version the active one, and by which figures."""

    version = VersionName()
    previous = VersionName(allow_null=True)
    kind = serializers.ChoiceField(choices=PromotionKind.choices)
    decided_by = serializers.SerializerMethodField()

    class Meta:
        model = Promotion
        fields = ["id", "version", "previous", "kind", "gate", "reason", "decided_by", "decided_at"]

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_decided_by(self, promotion: Promotion) -> str | None:
        return str(promotion.decided_by.display_name()) if promotion.decided_by else None


def dataset_named(wanted: Any) -> Dataset | None:
    """The data set with test patients of this id, or None when none is named.

    Raises:
        NotFound: it has no test patients, or is not there.
    """
    if wanted is None:
        return None
    found = datasets_with_test_patients().filter(pk=wanted).first()
    if found is None:
        raise NotFound(message("There is no frozen data set with test patients of this id."))
    return found


class GateApiView(APIView):
    @extend_schema(operation_id="model_gate", parameters=[GateIn], responses=GateOut)
    def get(self, request: Request, version_id: str) -> Response:
        """What the gate says of this version, without promoting it."""
        version = version_get(request.user, version_id)
        given = checked(GateIn, request.query_params)
        return Response(GateOut(gate_view(version, dataset_named(given.get("dataset")))).data)


class PromoteView(APIView):
    @extend_schema(
        operation_id="model_promote",
        request=PromoteIn,
        responses={200: PromotionOut, 204: None, **problems(s409="The gate refuses: the figures are in `gate`.")},
    )
    def post(self, request: Request, version_id: str) -> Response:
        """Promote through the gate, or past it with a reason. 204: it is the active version already."""
        version = version_get(request.user, version_id, Capability.MANAGE_MODELS)
        given = checked(PromoteIn, request.data)
        dataset = dataset_named(given.get("dataset"))
        promotion = version_promote(version=version, actor=request.user, dataset=dataset, reason=given["reason"])
        return Response(PromotionOut(promotion).data) if promotion else Response(status=204)


class RollbackView(APIView):
    @extend_schema(
        operation_id="model_rollback",
        request=RollbackIn,
        responses={200: PromotionOut, 204: None, **problems(s409="There is no earlier version.")},
    )
    def post(self, request: Request) -> Response:
        """Make the version active again that was so before the present one was promoted."""
        require_anywhere(request.user, Capability.MANAGE_MODELS)
        given = checked(RollbackIn, request.data)
        promotion = version_rollback(actor=request.user, reason=given["reason"])
        return Response(PromotionOut(promotion).data) if promotion else Response(status=204)


class NewestDecisionFirst(NewestFirstPagination):
    ordering = ("-decided_at", "-id")


class PromotionListView(ListView):
    pagination_class = NewestDecisionFirst

    @extend_schema(operation_id="promotion_list", responses=PromotionOut(many=True))
    def get(self, request: Request) -> Response:
        """Every promotion, override and roll-back, newest first."""
        return self.page(promotions_seen(request.user), PromotionOut)
