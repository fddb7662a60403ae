"""REST: the gate, promotion through it or past it with a reason, roll-back, and the history."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access import Capability, require_anywhere, resolve_institution
from accounts.models import Institution
from registry.access import version_get
from registry.api import VersionName
from registry.models import ModelVersion, Promotion, PromotionKind
from spineml.message import message
from spineplatform.shared.api import (
    INTERVAL_WARNING,
    ListView,
    NewestFirstPagination,
    checked,
    checked_query,
    interval_warning,
)
from spineplatform.shared.api_schema import problems
from spineplatform.shared.errors import NotFound
from training.evaluations.api import DatasetName
from training.models import Dataset
from training.promotions.selectors import (
    GateView,
    datasets_with_test_patients,
    gate_view,
    promotions_seen,
)
from training.promotions.services import refusal_of, version_promote, version_rollback


class InstitutionIn(serializers.Serializer[Any]):
    institution = serializers.UUIDField(
        required=False, allow_null=True, help_text="Where; needed where you manage models at several institutions."
    )


class GateIn(InstitutionIn):
    dataset = serializers.UUIDField(
        required=False, allow_null=True, help_text="A frozen data set of it; else the newest with test patients."
    )


class PromoteIn(GateIn):
    reason = serializers.CharField(
        required=False, default="", allow_blank=True, max_length=2000, help_text="Overrides a gate that refuses."
    )


class RollbackIn(InstitutionIn):
    reason = serializers.CharField(required=False, default="", allow_blank=True, max_length=2000)


class GateOut(serializers.Serializer[Any]):
    """What the gate of one institution says: it compares with the version that is ``active`` there. ``gate`` holds the
    figures, null while an evaluation is missing; ``refusal`` says what stands in the way.
    """

    institution = serializers.UUIDField(source="institution.pk")
    version = VersionName()
    active = VersionName(allow_null=True)
    dataset = DatasetName(allow_null=True)
    passed = serializers.BooleanField()
    needs_gate = serializers.SerializerMethodField()
    missing = VersionName(many=True)
    gate = serializers.SerializerMethodField()
    interval_warning = serializers.SerializerMethodField(help_text=INTERVAL_WARNING)
    refusal = serializers.SerializerMethodField()

    def get_needs_gate(self, view: GateView) -> bool:
        return not view.is_free

    @extend_schema_field(serializers.DictField(allow_null=True))
    def get_gate(self, view: GateView) -> Any:
        return view.as_json()

    def get_interval_warning(self, view: GateView) -> str:
        return interval_warning(view.result.patients) if view.result else ""

    def get_refusal(self, view: GateView) -> str:
        return "" if view.passed else refusal_of(view).message


class PromotionOut(serializers.ModelSerializer[Promotion]):
    """Who made which version the active one at ``institution`` (null: the platform's default), and by which figures."""

    institution = serializers.UUIDField(source="institution_id", allow_null=True)
    version = VersionName()
    previous = VersionName(allow_null=True)
    kind = serializers.ChoiceField(choices=PromotionKind.choices)
    gate = serializers.DictField(allow_null=True)
    decided_by = serializers.SerializerMethodField()

    class Meta:
        model = Promotion
        fields = ["id", "institution", "version", "previous", "kind", "gate", "reason", "decided_by", "decided_at"]

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_decided_by(self, promotion: Promotion) -> str | None:
        return str(promotion.decided_by.display_name()) if promotion.decided_by else None


def institution_given(request: Request, capability: Capability = Capability.MANAGE_MODELS) -> Institution:
    """The institution that the body or the query names, or the only one where the user has the right.

    Raises:
        InstitutionNeeded, Forbidden, NotFound: there are several, or it is not theirs.
    """
    data = request.query_params if request.method == "GET" else request.data
    # Whoever calls has held the other fields against their own serializer.
    return resolve_institution(request.user, checked_query(InstitutionIn, data).get("institution"), capability)


def dataset_named(wanted: Any, institution: Institution, version: ModelVersion) -> Dataset | None:
    """The data set of the institution with test patients of this id, or None when none is named.

    Raises:
        NotFound: it has no test patients, or is not there.
    """
    if wanted is None:
        return None
    found = datasets_with_test_patients(institution, version.task_id).filter(pk=wanted).first()
    if found is None:
        raise NotFound(message("There is no frozen data set with test patients of this id."))
    return found


class GateApiView(APIView):
    @extend_schema(operation_id="model_gate", parameters=[GateIn], responses=GateOut)
    def get(self, request: Request, version_id: str) -> Response:
        """What the gate of your institution says of this version, without promoting it."""
        version = version_get(request.user, version_id)
        given = checked_query(GateIn, request.query_params)
        place = institution_given(request, Capability.VIEW_MODELS)
        view = gate_view(version, place, dataset_named(given.get("dataset"), place, version))
        return Response(GateOut(view, context={"request": request}).data)


class PromoteView(APIView):
    @extend_schema(
        operation_id="model_promote",
        request=PromoteIn,
        responses={200: PromotionOut, 204: None, **problems(s409="The gate refuses: the figures are in `gate`.")},
    )
    def post(self, request: Request, version_id: str) -> Response:
        """Promote at your institution through the gate, or past it with a reason. Other institutions keep theirs.
        204: it is the active version already."""
        version = version_get(request.user, version_id, Capability.MANAGE_MODELS)
        given = checked(PromoteIn, request.data)
        place = institution_given(request)
        promotion = version_promote(
            version=version,
            actor=request.user,
            institution=place,
            dataset=dataset_named(given.get("dataset"), place, version),
            reason=given["reason"],
        )
        return (
            Response(PromotionOut(promotion, context={"request": request}).data) if promotion else Response(status=204)
        )


class RollbackView(APIView):
    @extend_schema(
        operation_id="model_rollback",
        request=RollbackIn,
        responses={200: PromotionOut, 204: None, **problems(s409="There is no earlier version.")},
    )
    def post(self, request: Request) -> Response:
        """Make the version active again that was so at your institution before the present one was promoted."""
        require_anywhere(request.user, Capability.MANAGE_MODELS)
        given = checked(RollbackIn, request.data)
        place = institution_given(request)
        promotion = version_rollback(actor=request.user, institution=place, reason=given["reason"])
        return (
            Response(PromotionOut(promotion, context={"request": request}).data) if promotion else Response(status=204)
        )


class NewestDecisionFirst(NewestFirstPagination):
    ordering = ("-decided_at", "-id")


class PromotionListView(ListView):
    pagination_class = NewestDecisionFirst

    @extend_schema(operation_id="promotion_list", responses=PromotionOut(many=True))
    def get(self, request: Request) -> Response:
        """Every promotion, override and roll-back of your institutions and of the platform's default, newest first."""
        return self.page(promotions_seen(request.user), PromotionOut)
