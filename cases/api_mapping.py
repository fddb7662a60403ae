"""REST: which label of a task each value of a label map is."""

from __future__ import annotations

import json
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from spineml.masks.label_map import MOST_VALUES
from spineml.tasks.task import MAX_VALUE


class MappingField(serializers.JSONField):
    """``{"20": 1, "255": null}``: the label of the task for each value of the file; null is background."""

    default_error_messages = {
        "shape": _("Give the label of the task, or null for background, for each value of the file."),
    }

    def to_internal_value(self, data: Any) -> Any:
        given: Any = super().to_internal_value(data)
        if isinstance(given, str):  # a form has nothing but text
            try:
                given = json.loads(given)
            except ValueError:
                self.fail("invalid")
        if not isinstance(given, dict) or len(given) > MOST_VALUES or not all(map(_is_pair, given.items())):
            self.fail("shape")
        return {int(value): label for value, label in given.items()}


def _is_pair(pair: tuple[Any, Any]) -> bool:
    value, label = pair
    plain = str(value).removeprefix("-")
    is_value = plain.isascii() and plain.isdigit() and len(plain) < 10
    return is_value and (label is None or (type(label) is int and 0 <= label <= MAX_VALUE))
