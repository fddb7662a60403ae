"""``{{ version|named_for:user }}`` and ``{{ version|named_at:institution_id }}``: what a version is called there."""

from __future__ import annotations

import uuid
from typing import Any

from django import template

from registry.models import ModelVersion
from registry.selectors import name_for

register = template.Library()


@register.filter
def named_for(version: ModelVersion, user: Any) -> str:
    return name_for(user, version)


@register.filter
def named_at(version: ModelVersion | None, institution_id: uuid.UUID | None) -> str:
    return version.name_at(institution_id) if version else ""
