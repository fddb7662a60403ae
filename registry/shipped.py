"""The tasks that come with the platform are in every database, as Django's permissions are: after each migration."""

from __future__ import annotations

from typing import Any

from django.apps.registry import Apps
from django.apps.registry import apps as installed
from django.db import DEFAULT_DB_ALIAS, transaction

from registry.models.structures import label_fields
from spineml.tasks.shipped import SHIPPED, SPINE_OF_VERTEBRAE


def shipped_tasks_ensure(*, apps: Apps = installed, using: str = DEFAULT_DB_ALIAS, **_signal: Any) -> None:
    """Add shipped tasks, and the relation between them, where they are missing. What was renamed stays as it is."""
    try:
        tasks, labels, relations = (apps.get_model("registry", name) for name in ("Task", "TaskLabel", "TaskRelation"))
    except LookupError:  # migrated back to before there were tasks
        return
    with transaction.atomic(using=using):
        for shipped in SHIPPED:
            task, _ = tasks.objects.using(using).get_or_create(
                slug=shipped.slug, defaults={"name": shipped.name, "modality": shipped.modality}
            )
            if not task.labels.exists():
                labels.objects.using(using).bulk_create(
                    labels(task=task, position=position, **label_fields(label))
                    for position, label in enumerate(shipped.labels)
                )
        relations.objects.using(using).get_or_create(
            source_id=SPINE_OF_VERTEBRAE.source,
            target_id=SPINE_OF_VERTEBRAE.target,
            defaults={
                "values": {str(value): becomes for value, becomes in SPINE_OF_VERTEBRAE.values.items()},
                "rule": "All vertebrae, without sacrum and coccyx",
            },
        )
