"""REST: what happened to a series."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cases.access import series_get
from cases.imaging.api_masks import MaskChangeOut
from cases.viewer.history import Event, history_of


class EventOut(serializers.Serializer[Any]):
    """A mask that was made (``verdict`` is empty), or a word about one."""

    at = serializers.DateTimeField()
    who = serializers.CharField(help_text="A person, or “Model”.")
    mask = serializers.UUIDField(source="mask.pk", default=None, allow_null=True)
    made_from = serializers.UUIDField(source="parent.pk", default=None, allow_null=True)
    change = serializers.SerializerMethodField(help_text="What the mask changed in its parent.")
    verdict = serializers.CharField(source="review.verdict", default="")
    reason = serializers.CharField(source="review.reason", default="")
    difference = serializers.CharField(help_text="The reading room with the difference to the parent; else empty.")

    @extend_schema_field(MaskChangeOut(allow_null=True))
    def get_change(self, event: Event) -> Any:
        return event.mask.change if event.parent and event.mask else None


class HistoryView(APIView):
    @extend_schema(operation_id="series_history", responses=EventOut(many=True))
    def get(self, request: Request, series_id: str) -> Response:
        """Every mask of the series with its parent and what it changed, and every review, newest first."""
        return Response(EventOut(history_of(series_get(request.user, series_id), request.user), many=True).data)
