"""Trainings by REST: the settings that suit a data set, starting one, following it, stopping it."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access import Capability, require_anywhere
from cases.exposures import exposures_record
from cases.models import Series
from registry.models import ModelVersion
from spineplatform.shared import storage
from spineplatform.shared.api import FileView, ListView, SentenceField, checked, checked_query
from spineplatform.shared.api_runs import RunOut
from spineplatform.shared.api_schema import problems
from spineplatform.shared.errors import NotFound
from training.access import dataset_get, training_get
from training.evaluations.services import DatasetNotFrozen
from training.models import Dataset, TrainingRun, TrainingSample
from training.trainings.selectors import settings_explained, settings_for, trainings_seen
from training.trainings.services import base_get, training_cancel, training_keep, training_start


class EpochOut(serializers.Serializer[Any]):
    """One epoch. Dice is 0..1: of the training crops, and the mean of the validation patients."""

    epoch = serializers.IntegerField()
    step = serializers.IntegerField()
    loss = serializers.FloatField()
    train_dice = serializers.FloatField(allow_null=True)
    validation_dice = serializers.FloatField(allow_null=True)
    learning_rate = serializers.FloatField()
    seconds = serializers.FloatField()
    batch_losses = serializers.ListField(child=serializers.FloatField())


class SampleOut(serializers.Serializer[Any]):
    epoch = serializers.IntegerField()
    slice = serializers.IntegerField(source="slice_index")
    dice = serializers.FloatField(allow_null=True)
    picture = serializers.SerializerMethodField(help_text="URL of a PNG.")

    def get_picture(self, sample: TrainingSample) -> str:
        return reverse("api:training-sample", args=[sample.run_id, sample.pk])


class TrainingOut(RunOut):
    dataset = serializers.UUIDField(source="dataset_id")
    base = serializers.UUIDField(
        source="seen_base.pk", default=None, allow_null=True, help_text="Null: from scratch, or another institution's."
    )
    version = serializers.UUIDField(source="version_id", allow_null=True, help_text="What it made.")
    notes = serializers.CharField()
    settings = serializers.JSONField()
    url = serializers.SerializerMethodField()

    def get_url(self, run: TrainingRun) -> str:
        return reverse("api:training", args=[run.pk])


class TrainingDetailOut(TrainingOut):
    live = serializers.JSONField(help_text="The epoch that is going.")
    epochs = EpochOut(many=True)
    samples = SampleOut(many=True)


class TrainingIn(serializers.Serializer[Any]):
    dataset = serializers.UUIDField(help_text="A frozen data set.")
    base = serializers.UUIDField(
        required=False,
        allow_null=True,
        help_text="A version of your institution or the platform; if omitted: from scratch.",
    )
    settings = serializers.JSONField(required=False, help_text="Omitted settings are chosen to suit the data set.")
    notes = serializers.CharField(required=False, allow_blank=True, max_length=2000, default="")

    def validate_settings(self, values: Any) -> dict[str, Any]:
        if not isinstance(values, dict):
            raise serializers.ValidationError(_("Give the settings by their names."))
        return values


class DefaultsIn(serializers.Serializer[Any]):
    dataset = serializers.UUIDField()
    base = serializers.UUIDField(required=False)


class SettingOut(serializers.Serializer[Any]):
    name = serializers.CharField()
    value = serializers.JSONField()
    explanation = SentenceField()
    choices = serializers.ListField()
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)


class TrainingListView(ListView):
    @extend_schema(operation_id="training_list", responses=TrainingOut(many=True))
    def get(self, request: Request) -> Response:
        """The trainings you may see, newest first."""
        require_anywhere(request.user, Capability.VIEW_MODELS)
        return self.page(trainings_seen(request.user), TrainingOut)

    @extend_schema(
        operation_id="training_start",
        request=TrainingIn,
        responses={
            202: TrainingOut,
            **problems(
                s400="A setting cannot work; “field” names it.",
                s409="The data set cannot teach, or the base is another institution's.",
            ),
        },
    )
    def post(self, request: Request) -> Response:
        """Train a new version on a frozen data set, from a version of your own or of the platform, or from scratch."""
        require_anywhere(request.user, Capability.MANAGE_MODELS)
        given = checked(TrainingIn, request.data)
        dataset, base = _chosen(request, given)
        usual = settings_for(dataset, base).as_json()
        run = training_start(
            dataset=dataset,
            base=base,
            actor=request.user,
            settings={**usual, **given.get("settings", {})},
            notes=given["notes"],
        )
        body = TrainingOut(run).data
        return Response(body, status=status.HTTP_202_ACCEPTED, headers={"Location": body["url"]})


def _chosen(request: Request, given: dict[str, Any]) -> tuple[Dataset, ModelVersion | None]:
    dataset = dataset_get(request.user, given["dataset"], Capability.MANAGE_MODELS)
    if not dataset.is_frozen:
        raise DatasetNotFrozen
    return dataset, base_get(request.user, given.get("base"))


class TrainingDefaultsView(APIView):
    @extend_schema(operation_id="training_defaults", parameters=[DefaultsIn], responses=SettingOut(many=True))
    def get(self, request: Request) -> Response:
        """The settings that suit a data set, each with a line of explanation and what it may be."""
        require_anywhere(request.user, Capability.MANAGE_MODELS)
        dataset, base = _chosen(request, checked_query(DefaultsIn, request.query_params))
        return Response(SettingOut(settings_explained(settings_for(dataset, base)), many=True).data)


class TrainingView(APIView):
    @extend_schema(operation_id="training_get", responses=TrainingDetailOut)
    def get(self, request: Request, run_id: str) -> Response:
        """One training with its whole curve and its sample pictures."""
        return Response(TrainingDetailOut(training_get(request.user, run_id)).data)


class CancelIn(serializers.Serializer[Any]):
    keep_best = serializers.BooleanField(default=False, help_text="Create a version from the best weights so far.")


class TrainingCancelView(APIView):
    @extend_schema(
        operation_id="training_cancel",
        request=CancelIn,
        responses={202: TrainingOut, **problems(s409="It has already ended.")},
    )
    def post(self, request: Request, run_id: str) -> Response:
        """Stop a training, with or without keeping what it has learned."""
        run = training_get(request.user, run_id, Capability.MANAGE_MODELS)
        training_cancel(run=run, actor=request.user, keep_best=checked(CancelIn, request.data)["keep_best"])
        return Response(TrainingOut(run).data, status=status.HTTP_202_ACCEPTED)


class TrainingKeepView(APIView):
    @extend_schema(
        operation_id="training_keep",
        request=None,
        responses={
            202: TrainingOut,
            **problems(s409="It is running, has created its version, or has no saved weights."),
        },
    )
    def post(self, request: Request, run_id: str) -> Response:
        """Make a version of the best that a failed or stopped training has kept."""
        run = training_get(request.user, run_id, Capability.MANAGE_MODELS)
        training_keep(run=run, actor=request.user)
        return Response(TrainingOut(run).data, status=status.HTTP_202_ACCEPTED)


class TrainingSampleView(FileView):
    @extend_schema(
        operation_id="training_sample",
        responses={(200, "image/png"): OpenApiResponse(OpenApiTypes.BINARY, "CT with both masks.")},
    )
    def get(self, request: Request, run_id: str, sample_id: str) -> HttpResponse:
        """What the network made of a validation slice: green both, vermillion too much, blue missed."""
        return sample_response(request.user, training_get(request.user, run_id), sample_id)


def sample_response(user: Any, run: TrainingRun, sample_id: str) -> HttpResponse:
    """The stored picture, which shows an approved mask: not to whoever reads its series blindly now.

    Raises:
        NotFound: the training has no such picture, or not for ``user``.
    """
    sample = run.samples.exclude(series__in=Series.objects.blind_to(user)).filter(pk=sample_id).first()
    if sample is None:
        raise NotFound
    exposures_record([sample.series_id], [user.pk])
    response = HttpResponse(storage.local_path(sample.picture).read_bytes(), content_type="image/png")
    response["Cache-Control"] = "private, max-age=31536000, immutable"
    return response
