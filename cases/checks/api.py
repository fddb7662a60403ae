"""REST: what is suspected of a mask, and the word that it is right."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access import Capability
from cases.access import mask_get
from cases.checks.selectors import check_of
from cases.checks.services import mask_confirm
from spineplatform.shared.api import SentenceField, ValuesField
from spineplatform.shared.api_schema import problems
from spineplatform.shared.runs import RunState


class SuspicionOut(serializers.Serializer[Any]):
    """One finding. It holds the mask back from its signature until somebody has confirmed that the mask is right."""

    code = serializers.CharField()
    message = SentenceField()
    values = ValuesField(source="message")
    slices = serializers.ListField(child=serializers.IntegerField(), help_text="To look at, from 0.")
    confirmed_by = serializers.CharField(
        source="confirmed_by.display_name", allow_null=True, default=None, help_text="Who said that the mask is right."
    )
    confirmed_at = serializers.DateTimeField(allow_null=True)


class MaskCheckOut(serializers.Serializer[Any]):
    """``state`` is null for the masks of models, and for those from before masks were checked."""

    state = serializers.ChoiceField(choices=RunState.choices, allow_null=True)
    held = serializers.BooleanField(help_text="The mask cannot be approved before somebody has confirmed it.")
    suspicions = SuspicionOut(many=True)


class MaskCheckView(APIView):
    @extend_schema(operation_id="mask_check_get", responses=MaskCheckOut)
    def get(self, request: Request, mask_id: str) -> Response:
        """What was found when the mask was compared with its images."""
        return Response(MaskCheckOut(check_of(mask_get(request.user, mask_id), request.user)).data)


class MaskConfirmView(APIView):
    @extend_schema(
        operation_id="mask_confirm",
        request=None,
        responses={200: MaskCheckOut, **problems(s409="Nothing is suspected of the mask.")},
    )
    def post(self, request: Request, mask_id: str) -> Response:
        """Say that the mask is right although something is suspected of it: it is recorded with your name."""
        mask = mask_get(request.user, mask_id, Capability.CORRECT_MASK)
        mask_confirm(mask=mask, actor=request.user)
        return Response(MaskCheckOut(check_of(mask, request.user)).data)
