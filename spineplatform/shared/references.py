"""Which rows refer to a row, whichever app they are in."""

from __future__ import annotations

from typing import Any

from django.db.models import Model, Q


def references_to(row: Model) -> dict[str, int]:
    """How many rows of each kind refer to ``row``, by the name of their model; kinds without any are left out."""
    referring: dict[Any, Q] = {}
    for relation in row._meta.get_fields(include_hidden=True):
        if relation.auto_created and not relation.concrete:
            field: str = relation.field.name  # type: ignore[union-attr]
            referring[relation.related_model] = referring.get(relation.related_model, Q()) | Q(**{field: row})
    counts = {model._meta.model_name: model._base_manager.filter(rows).count() for model, rows in referring.items()}
    return {name: count for name, count in counts.items() if count}
