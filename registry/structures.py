"""Reads of tasks: which a user may use, and how one is made of another."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet

from accounts.access import Capability, institutions_with
from registry.models import Task, TaskRelation
from spineml.message import message
from spineml.tasks import task as definitions
from spineplatform.shared.errors import UserError


class UnknownTask(UserError):
    """There is no such task here."""

    code = "unknown-task"


def tasks_usable(*institutions: uuid.UUID) -> QuerySet[Task]:
    """The platform's tasks and the own ones of these institutions, the platform's first."""
    return Task.objects.filter(Q(owner__in=institutions) | Q(owner__isnull=True)).prefetch_related("labels")


def task_get(institution_id: uuid.UUID, slug: str) -> Task:
    """The task that somebody asked for at an institution.

    Raises:
        UnknownTask: there is none, or it is another institution's.
    """
    task = tasks_usable(institution_id).filter(pk=slug).first()
    if task is None:
        raise UnknownTask(message("There is no task “{task}” here.", task=slug))
    return task


def tasks_seen(user: Any) -> QuerySet[Task]:
    """The platform's tasks and those of the user's institutions, the platform's first."""
    places = institutions_with(user, Capability.VIEW_CASES)
    return Task.objects.filter(Q(owner__in=places.values("pk")) | Q(owner__isnull=True)).prefetch_related("labels")


def task_facts(tasks: Iterable[Task]) -> dict[str, dict[str, Any]]:
    """What a viewer needs of tasks, by slug: the labels in their order, with value, names and colour."""
    return {
        task.slug: {
            "slug": task.slug,
            "name": task.name,
            "labels": [
                {"value": label.value, "name": label.name, "short": label.short, "colour": label.colour}
                for label in task.definition.labels
            ],
        }
        for task in tasks
    }


def task_of(slug: str) -> definitions.Task:
    """The task of a mask, as `spineml` knows it."""
    return Task.objects.prefetch_related("labels").get(pk=slug).definition


def common_task(first: str, second: str) -> str | None:
    """The task (slug) in which masks of two tasks can be compared: the same one, or the one that a relation makes of
    the other.
    """
    if first == second or merge_between(second, first) is not None:
        return first
    return second if merge_between(first, second) is not None else None


def merge_between(source: str, target: str) -> definitions.Merge | None:
    """How masks of the task ``source`` become masks of ``target`` (slugs); None where no relation says so."""
    relation = TaskRelation.objects.filter(source=source, target=target).first()
    return relation.definition if relation else None


def task_held(slug: str) -> Task:
    """The task, with labels that nobody removes until the transaction ends: whoever writes values of it asks for it
    here. Others write at the same time.

    Raises:
        UnknownTask: it was deleted.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM registry_task WHERE slug = %s FOR KEY SHARE", [slug])
    task = Task.objects.prefetch_related("labels").filter(pk=slug).first()
    if task is None:
        raise UnknownTask(message("There is no task “{task}” here.", task=slug))
    return task
