"""REST: the splits of patients, and images that are there under several names."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access import Capability, require_anywhere, resolve_institution
from cases.models import Patient
from spineml.learning.stratified_split import Shares
from spineplatform.shared.api import ListView, checked, checked_query
from spineplatform.shared.api_schema import problems
from training.access import patient_get
from training.models import PatientSplit, Split
from training.splits.selectors import (
    NO_SPLIT,
    SPLIT_OR_NONE,
    DuplicateImage,
    PatientFilter,
    duplicate_images,
    patients_seen,
)
from training.splits.services import patient_split_set, splits_draw

LARGEST_SEED = 2**31 - 1


class SplitOut(serializers.ModelSerializer[PatientSplit]):
    """A patient's split. ``stratum`` and ``seed`` tell how it was drawn, ``reason`` why it was set by hand."""

    patient = serializers.UUIDField(source="patient_id")
    decided_by = serializers.CharField(source="decided_by.display_name", default="")

    class Meta:
        model = PatientSplit
        fields = ["patient", "split", "origin", "stratum", "seed", "reason", "decided_by", "decided_at"]


class PatientOut(serializers.ModelSerializer[Patient]):
    """``split`` is null while the patient has none; ``fixed``: a version knows the patient, so it cannot change."""

    split = serializers.SerializerMethodField()
    series_count = serializers.IntegerField()
    fixed = serializers.BooleanField()
    url = serializers.SerializerMethodField()

    class Meta:
        model = Patient
        fields = ["id", "pseudonym", "institution", "series_count", "split", "fixed", "url"]

    @extend_schema_field(SplitOut(allow_null=True))
    def get_split(self, patient: Patient) -> Any:
        row = getattr(patient, "split", None)
        return SplitOut(row).data if row else None

    def get_url(self, patient: Patient) -> str:
        return reverse("api:split", args=[patient.pk])


class SplitFilterIn(serializers.Serializer[Any]):
    institution = serializers.UUIDField(required=False)
    split = serializers.ChoiceField(
        choices=SPLIT_OR_NONE, required=False, help_text="“none” finds those who wait for one."
    )
    q = serializers.CharField(required=False, help_text="A part of the pseudonym.")


class DrawIn(serializers.Serializer[Any]):
    """Shares of training, validation and test; together 1."""

    institution = serializers.UUIDField(required=False, help_text="Needed when you manage models at several.")
    seed = serializers.IntegerField(
        required=False, min_value=0, max_value=LARGEST_SEED, help_text="The same seed repeats a draw."
    )
    train = serializers.FloatField(default=Shares().train, min_value=0, max_value=1)
    validation = serializers.FloatField(default=Shares().validation, min_value=0, max_value=1)
    test = serializers.FloatField(default=Shares().test, min_value=0, max_value=1)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        try:
            shares = Shares(attrs.pop("train"), attrs.pop("validation"), attrs.pop("test"))
        except ValueError:
            raise serializers.ValidationError(_("The three shares must add up to 1.")) from None
        return {**attrs, "shares": shares}


class SplitIn(serializers.Serializer[Any]):
    split = serializers.ChoiceField(choices=Split.choices)
    reason = serializers.CharField(max_length=2000, help_text="Reason for this split; stored.")


class SplitListView(ListView):
    @extend_schema(operation_id="split_list", parameters=[SplitFilterIn], responses=PatientOut(many=True))
    def get(self, request: Request) -> Response:
        """The patients with images of the institutions where you manage models, newest first."""
        require_anywhere(request.user, Capability.MANAGE_MODELS)
        given = checked_query(SplitFilterIn, request.query_params)
        narrowed = PatientFilter(
            institution=str(given.get("institution", "")), split=given.get("split", ""), query=given.get("q", "")
        )
        return self.page(patients_seen(request.user, narrowed), PatientOut)


class SplitDrawView(APIView):
    @extend_schema(operation_id="split_draw", request=DrawIn, responses=SplitOut(many=True))
    def post(self, request: Request) -> Response:
        """Draw splits for the patients of an institution who have images and no split yet; answers with these."""
        require_anywhere(request.user, Capability.MANAGE_MODELS)
        given = checked(DrawIn, request.data)
        place = resolve_institution(request.user, given.get("institution"), Capability.MANAGE_MODELS)
        rows = splits_draw(institution=place, actor=request.user, seed=given.get("seed"), shares=given["shares"])
        return Response(SplitOut(rows, many=True).data)


class SplitView(APIView):
    @extend_schema(
        operation_id="split_set",
        request=SplitIn,
        responses={200: SplitOut, **problems(s409="A version was already trained or evaluated with the patient.")},
    )
    def put(self, request: Request, patient_id: str) -> Response:
        """Set a patient's split by hand, with the reason."""
        patient = patient_get(request.user, patient_id)
        given = checked(SplitIn, request.data)
        row = patient_split_set(patient=patient, split=given["split"], reason=given["reason"], actor=request.user)
        return Response(SplitOut(row).data)


class NamedSeriesOut(serializers.Serializer[Any]):
    series = serializers.UUIDField(source="pk")
    case = serializers.UUIDField(source="case_id")
    patient = serializers.UUIDField(source="case.patient_id")
    institution = serializers.UUIDField(source="institution_id")
    split = serializers.SerializerMethodField()
    page = serializers.CharField(source="get_absolute_url")

    @extend_schema_field(serializers.ChoiceField(choices=SPLIT_OR_NONE))
    def get_split(self, series: Any) -> str:
        row = getattr(series.case.patient, "split", None)
        return row.split if row else NO_SPLIT


class DuplicateOut(serializers.Serializer[DuplicateImage]):
    """One image under several names: where you see it, and ``hidden``, at how many places you do not."""

    pixel_hash = serializers.CharField()
    series = NamedSeriesOut(many=True)
    hidden = serializers.IntegerField()


class DuplicateListView(APIView):
    @extend_schema(operation_id="duplicate_list", responses=DuplicateOut(many=True))
    def get(self, request: Request) -> Response:
        """Images that are there under several names. The check of a data set also finds single slices."""
        require_anywhere(request.user, Capability.MANAGE_MODELS)
        found: Any = duplicate_images(request.user)
        return Response(DuplicateOut(found, many=True).data)
