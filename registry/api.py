"""REST: how every answer names a version, and the code of a label."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from registry.models import ModelVersion
from registry.selectors import name_for


class VersionName(serializers.ModelSerializer[ModelVersion]):
    """``owner`` is the institution whose version it is, null for the platform's."""

    name = serializers.SerializerMethodField()
    owner = serializers.UUIDField(source="owner_id", allow_null=True)

    class Meta:
        model = ModelVersion
        fields = ["id", "number", "name", "owner"]

    def get_name(self, version: ModelVersion) -> str:
        request = self.context.get("request")
        return name_for(request.user, version) if request else str(version)


class CodeOut(serializers.Serializer[Any]):
    """A coded meaning, such as SNOMED CT (``SCT``) 66794005 "L1 vertebra"."""

    value = serializers.CharField()
    scheme = serializers.CharField()
    meaning = serializers.CharField()
