"""What the REST API says of data sets, and what it reads of them."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from cases.models import Annotation, AnnotationSource
from spineplatform.shared.api_runs import RunOut
from training.datasets.findings import missing_words, untaught_words
from training.datasets.selectors import (
    dependants,
    findings_seen,
    held_by,
    labels_held_by,
    split_name,
    what_is_missing,
)
from training.models import Dataset, DatasetRun
from training.splits.selectors import SPLIT_OR_NONE

DECISIONS = ("accept", "leave-out", "take-back")


# --- one data set -----------------------------------------------------------------------------------------------------
class DatasetOut(serializers.ModelSerializer[Dataset]):
    """``counts``: by split the patients, series, images and images with any label; of a draft in its detail only."""

    url = serializers.SerializerMethodField()
    task = serializers.CharField(source="task_id")
    page = serializers.CharField(source="get_absolute_url")
    choice = serializers.DictField(source="filters")
    counts = serializers.DictField(child=serializers.DictField(child=serializers.IntegerField()))

    class Meta:
        model = Dataset
        fields = [
            "id",
            "name",
            "notes",
            "task",
            "institutions",
            "choice",
            "counts",
            "size",
            "sha256",
            "created_at",
            "checked_at",
            "frozen_at",
            "url",
            "page",
        ]

    def get_url(self, dataset: Dataset) -> str:
        return reverse("api:dataset", args=[dataset.pk])


class FindingOut(serializers.Serializer[Any]):
    """``message`` is a sentence in your language; ``page`` opens the mask. What is ``blocking`` cannot be accepted."""

    key = serializers.CharField()
    code = serializers.CharField()
    message = serializers.CharField()
    mask = serializers.UUIDField(source="annotation")
    split = serializers.ChoiceField(choices=SPLIT_OR_NONE)
    page = serializers.CharField(source="url")
    blocking = serializers.BooleanField()
    decision = serializers.ChoiceField(choices=["open", "accepted", "left-out"])
    note = serializers.CharField()
    decided_by = serializers.CharField()


class LabelCountOut(serializers.Serializer[Any]):
    patients = serializers.IntegerField()
    series = serializers.IntegerField()
    images = serializers.IntegerField()
    ml = serializers.FloatField(help_text="Of masks whose spacing is known.")


class LabelCountsOut(serializers.Serializer[Any]):
    value = serializers.IntegerField()
    name = serializers.CharField()
    splits = serializers.DictField(child=LabelCountOut())


class MissingOut(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField()


class DatasetRunOut(RunOut):
    freezes = serializers.BooleanField()
    url = serializers.SerializerMethodField()

    def get_url(self, run: DatasetRun) -> str:
        return reverse("api:run", args=[run.kind, run.pk])


class DatasetDetailOut(DatasetOut):
    """``missing``: what the set cannot be used for. ``used_by``: trainings, versions and evaluations on it."""

    counts = serializers.SerializerMethodField()  # type: ignore[assignment]  # also of a draft
    labels = serializers.SerializerMethodField(help_text="What each split has of each label; empty for one label.")
    missing = serializers.SerializerMethodField()
    without_split = serializers.SerializerMethodField(help_text="The patients of a draft who have no split yet.")
    findings = serializers.SerializerMethodField()
    used_by = serializers.SerializerMethodField()
    run = serializers.SerializerMethodField(help_text="The last check or freeze.")

    class Meta(DatasetOut.Meta):
        fields = [
            *DatasetOut.Meta.fields,
            "fingerprint",
            "labels",
            "missing",
            "without_split",
            "findings",
            "used_by",
            "run",
        ]

    def to_representation(self, instance: Dataset) -> Any:
        self._held, self._labels = held_by(instance), labels_held_by(instance)
        return super().to_representation(instance)

    @extend_schema_field(serializers.DictField(child=serializers.DictField(child=serializers.IntegerField())))
    def get_counts(self, dataset: Dataset) -> Any:
        return self._held.counts

    @extend_schema_field(LabelCountsOut(many=True))
    def get_labels(self, dataset: Dataset) -> Any:
        return LabelCountsOut(self._labels, many=True).data

    @extend_schema_field(MissingOut(many=True))
    def get_missing(self, dataset: Dataset) -> Any:
        codes = what_is_missing(self.get_counts(dataset))
        found = [{"code": code, "message": missing_words(code)} for code in codes]
        untaught = untaught_words(self._labels)
        return [*found, {"code": "labels-not-taught", "message": untaught}] if untaught else found

    @extend_schema_field(serializers.ListField(child=serializers.UUIDField()))
    def get_without_split(self, dataset: Dataset) -> list[str]:
        return [str(patient.pk) for patient in self._held.without_split]

    @extend_schema_field(FindingOut(many=True))
    def get_findings(self, dataset: Dataset) -> Any:
        return FindingOut(findings_seen(self.context["request"].user, dataset), many=True).data

    @extend_schema_field(serializers.DictField(child=serializers.IntegerField()))
    def get_used_by(self, dataset: Dataset) -> dict[str, int]:
        return dependants(dataset)

    @extend_schema_field(DatasetRunOut(allow_null=True))
    def get_run(self, dataset: Dataset) -> Any:
        run = dataset.runs.first()
        return DatasetRunOut(run).data if run else None


class DatasetMaskOut(serializers.Serializer[Annotation]):
    id = serializers.UUIDField()
    series = serializers.UUIDField(source="series_id")
    patient = serializers.UUIDField(source="series.case.patient_id")
    task = serializers.CharField(source="task_id", help_text="Of another task than the data set's: merged into it.")
    split = serializers.SerializerMethodField()
    source = serializers.ChoiceField(  # type: ignore[assignment]  # a field here, not the serializer's own
        choices=AnnotationSource.choices
    )
    created_at = serializers.DateTimeField()

    @extend_schema_field(serializers.ChoiceField(choices=SPLIT_OR_NONE))
    def get_split(self, mask: Annotation) -> str:
        return split_name(mask)
