"""REST: the sign-off of masks, and the queue of series that wait for it."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access import Capability, require_anywhere
from cases.access import case_get, mask_get, series_get
from cases.models import CaseState, Review, ReviewVerdict, Series
from cases.models.comments import read_address
from cases.review.services import case_start_review, review_sign
from cases.signatures import NewReview
from cases.viewer.selectors import first_slice, reading_of
from cases.viewer_api import ViewerAPIView
from cases.worklist.queue import series_next, series_waiting
from spineplatform.shared.api import ListView, checked, checked_query
from spineplatform.shared.api_schema import problems


class ReviewIn(serializers.Serializer[Any]):
    verdict = serializers.ChoiceField(choices=ReviewVerdict.choices)
    annotation = serializers.UUIDField(required=False, allow_null=True, default=None, help_text="The mask it is about.")
    task = serializers.SlugField(
        required=False, default="", allow_blank=True, max_length=32, help_text="Of a word without a mask."
    )
    reason = serializers.CharField(required=False, allow_blank=True, default="", max_length=2000)
    for_training = serializers.BooleanField(default=True, help_text="Only of an approval: may models learn from it?")


class ReviewOut(serializers.ModelSerializer[Review]):
    """One signature; the newest of a series and task counts."""

    task = serializers.CharField(source="task_id")
    reader = serializers.CharField(source="reader.display_name")
    reader_id = serializers.IntegerField()
    case_state = serializers.ChoiceField(source="series.case.state", choices=CaseState.choices)

    class Meta:
        model = Review
        fields = [
            *["id", "series", "task", "annotation", "verdict", "reason", "for_training"],
            *["reader", "reader_id", "case_state", "created_at"],
        ]


class ReviewListView(ViewerAPIView, ListView):
    @extend_schema(operation_id="review_list", responses=ReviewOut(many=True))
    def get(self, request: Request, series_id: str) -> Response:
        """Every review of a series, newest first: the first one of each task counts."""
        rows = series_get(request.user, series_id).reviews.seen_by(request.user)
        return self.page(rows.select_related("reader", "series__case"), ReviewOut)

    @extend_schema(
        operation_id="review_sign",
        request=ReviewIn,
        responses={
            200: ReviewOut,
            201: ReviewOut,
            **problems(
                s400="An approval needs a mask, a refusal a reason.",
                s409="The mask is suspected (“annotation” is its id), or the series is signed off in a project.",
            ),
        },
    )
    def post(self, request: Request, series_id: str) -> Response:
        """Approve a mask, reject it or send it back. The same word sent again answers 200 with the one that is kept."""
        series = series_get(request.user, series_id, Capability.REVIEW)
        given = checked(ReviewIn, request.data)
        mask = mask_get(request.user, given["annotation"]) if given["annotation"] else None
        given |= {"annotation": mask, "verdict": ReviewVerdict(given["verdict"])}
        review, is_new = review_sign(series=series, actor=request.user, review=NewReview(**given))
        review.series.case.refresh_from_db()
        answer = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
        return Response(ReviewOut(review).data, status=answer)


class CaseOpenView(APIView):
    @extend_schema(operation_id="case_open", request=None, responses={204: None})
    def post(self, request: Request, case_id: str) -> Response:
        """Say that you look at a case to sign it: one that was only segmented is in review from now on."""
        case_start_review(case=case_get(request.user, case_id, Capability.REVIEW), actor=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)


class QueueIn(serializers.Serializer[Any]):
    after = serializers.UUIDField(required=False, default=None, help_text="The series you are at.")


class QueueNextOut(serializers.Serializer[Any]):
    """``series`` is null when nothing waits; ``waiting`` counts the series that do."""

    waiting = serializers.IntegerField()
    series = serializers.UUIDField(allow_null=True)
    case = serializers.UUIDField(allow_null=True)
    title = serializers.CharField()
    read = serializers.CharField(help_text="Address of the reading room, empty when nothing waits.")
    first_slice = serializers.CharField(help_text="URL of the slice that it shows first, for prefetching.")


class QueueNextView(APIView):
    @extend_schema(operation_id="queue_next", parameters=[QueueIn], responses=QueueNextOut)
    def get(self, request: Request) -> Response:
        """The series that waits longest for your signature, or the one behind ``after``."""
        require_anywhere(request.user, Capability.REVIEW)
        asked = checked_query(QueueIn, request.query_params)["after"]
        found = series_next(request.user, series_get(request.user, asked) if asked else None)
        return Response(
            QueueNextOut({"waiting": series_waiting(request.user).count(), **_outline(found, request.user)}).data
        )


def _outline(series: Series | None, user: Any) -> dict[str, Any]:
    if series is None:
        return {"series": None, "case": None, "title": "", "read": "", "first_slice": ""}
    reading = reading_of(series, user)
    return {
        "series": series.pk,
        "case": series.case_id,
        "title": series.case.title,
        "read": read_address(series.pk),
        "first_slice": f"{reading['addresses']['slices']}/?first={first_slice(reading)}&count=1",
    }
