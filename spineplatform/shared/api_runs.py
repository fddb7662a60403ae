"""REST: the outline of a run of any kind."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from rest_framework import serializers

from spineplatform.shared.api import SentenceField, ValuesField
from spineplatform.shared.runs import Run, RunState


class RunOut(serializers.Serializer[Any]):
    """The outline of a run of any kind. ``done`` of ``total`` steps; ``error`` is a sentence for a person.

    ``message_values`` and ``error_values`` are what stands in the gaps of the two sentences.
    """

    id = serializers.UUIDField()
    kind = serializers.CharField()
    state = serializers.ChoiceField(choices=RunState.choices)
    done = serializers.IntegerField(source="progress_done")
    total = serializers.IntegerField(source="progress_total")
    message = SentenceField(source="progress_message")
    message_values = ValuesField(source="progress_message")
    error = SentenceField(source="error_message")
    error_code = serializers.CharField()
    error_values = ValuesField(source="error_message")
    attempt = serializers.IntegerField()
    cancel_requested = serializers.BooleanField()
    seconds = serializers.FloatField(allow_null=True)
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)


class RunDetailOut(RunOut):
    """``result_url`` is the page that shows what the run made, empty until it has succeeded."""

    result_url = serializers.SerializerMethodField()
    url = serializers.SerializerMethodField()

    def get_result_url(self, run: Run) -> str:
        return run.result_url() if run.state == RunState.SUCCEEDED else ""

    def get_url(self, run: Run) -> str:
        return reverse("api:run", args=[run.kind, run.pk])
