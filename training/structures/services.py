"""Writes of tasks: making, changing and deleting one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.utils import timezone

from accounts.access import Capability, require
from accounts.models import Institution
from registry.access import platform_required, task_kept_by
from registry.models import Task, TaskLabel
from spineml.message import Message, message, messages_from_json, messages_to_json, sentences
from spineml.tasks import task as definitions
from spineplatform.shared import audit
from spineplatform.shared.answers import spelled_out
from spineplatform.shared.errors import Conflict
from spineplatform.shared.models import AuditEvent
from training.structures.labels import changes_between
from training.structures.selectors import SHIPPED_SLUGS, USES, LabelUse, labels_used, task_uses

CHANGED = "task.changed"


class SlugTaken(Conflict):
    """There is a task with this identifier already. Choose another."""

    code = "slug-taken"


class TaskChanged(Conflict):
    """Somebody else changed the task in the meantime. Look at the changes, then save yours again."""

    code = "task-changed"


class LabelInUse(Conflict):
    """A label that something uses keeps its value and cannot be removed. It can be renamed."""

    code = "label-in-use"


class TaskInUse(Conflict):
    """The task is in use, so it cannot be deleted."""

    code = "task-in-use"


class TaskShipped(Conflict):
    """This task comes with the platform and cannot be deleted."""

    code = "task-shipped"


def task_create(*, owner: Institution | None, actor: Any, task: definitions.Task) -> Task:
    """Make a task of an institution, or without ``owner`` of the platform.

    Raises:
        SlugTaken: another task, of whomever, has its slug.
        Forbidden, NotFound: ``actor`` may not make tasks there.
    """
    if owner is None:
        platform_required(actor)
    else:
        require(actor, owner.pk, Capability.MANAGE_MODELS)
    try:
        with transaction.atomic():
            made = Task.objects.create(slug=task.slug, name=task.name, modality=task.modality, owner=owner)
            _labels_write(made, task.labels)
            _record(actor, "task.created", made, labels=len(task.labels))
    except IntegrityError:
        raise SlugTaken(
            message("There is a task with the identifier “{slug}” already. Choose another.", slug=task.slug)
        ) from None
    return made


def task_change(
    *,
    task: Task,
    actor: Any,
    revision: int | None,
    name: str | None = None,
    labels: Sequence[definitions.Label] | None = None,
) -> Task:
    """Give the task another name, or other labels in this order. Returns it as it is now; nothing different changes
    nothing.

    Args:
        revision: the one that the changes were made to; None: whichever it is.

    Raises:
        TaskChanged: it has another revision, with what others changed since.
        LabelInUse: a label that masks, versions or rules use would lose its value.
        TaskRejected: the labels do not make a task.
        Forbidden, NotFound: ``actor`` may not change it.
    """
    task_kept_by(actor, task)
    with transaction.atomic():
        locked = _locked(task)
        if revision is not None and locked.revision != revision:
            raise _changed(locked, revision)
        before = locked.definition
        after = definitions.Task(
            locked.slug,
            _name(name) if name is not None else locked.name,
            tuple(labels) if labels is not None else before.labels,
            locked.modality,
        )
        changes = changes_between(before, after)
        if not changes:
            return locked
        _refuse_lost(locked, before, after, actor)
        locked.name, locked.revision, locked.changed_at = after.name, locked.revision + 1, timezone.now()
        locked.save(update_fields=["name", "revision", "changed_at"])
        if after.labels != before.labels:
            locked.labels.all().delete()
            _labels_write(locked, after.labels)
        _record(actor, CHANGED, locked, revision=locked.revision, changes=messages_to_json(changes))
    return Task.objects.prefetch_related("labels").get(pk=locked.pk)


def task_delete(*, task: Task, actor: Any) -> None:
    """Delete a task that nothing uses, with its labels and rules.

    Raises:
        TaskShipped, TaskInUse: it cannot be; ``depends`` counts what uses it.
        Forbidden, NotFound: ``actor`` may not.
    """
    task_kept_by(actor, task)
    if task.pk in SHIPPED_SLUGS:
        raise TaskShipped
    with transaction.atomic():
        locked = _locked(task)
        if uses := task_uses(locked):
            raise TaskInUse(
                message(
                    "“{task}” cannot be deleted because it is used by: {uses}.",
                    task=locked.name,
                    uses=[
                        message("{kind}: {count}", kind=USES.get(name, name), count=count)
                        for name, count in uses.items()
                    ],
                ),
                depends=uses,
            )
        _record(actor, "task.deleted", locked)
        try:
            locked.delete()
        except ProtectedError as error:  # began to use it at this very moment
            raise TaskInUse from error


def _name(name: str) -> str:
    """The name of a task, checked as that of a label is.

    Raises:
        TaskRejected: it is empty or too long.
    """
    plain = definitions.clean(name)
    if not 0 < len(plain) <= definitions.MAX_NAME:
        raise definitions.TaskRejected(
            message(
                "“{name}” is not a valid name. Use 1 to {most} characters on one line.",
                name=plain,
                most=definitions.MAX_NAME,
            )
        )
    return plain


def _labels_write(task: Task, labels: Sequence[definitions.Label]) -> None:
    TaskLabel.objects.bulk_create(TaskLabel.of(task, position, label) for position, label in enumerate(labels))


def _locked(task: Task) -> Task:
    """The task as it is now, and no mask is saved with labels of it until the transaction ends."""
    return Task.objects.select_for_update().get(pk=task.pk)


def _refuse_lost(task: Task, before: definitions.Task, after: definitions.Task, actor: Any) -> None:
    lost = [label for label in before.labels if label.value not in after.values]
    used = labels_used(task, actor) if lost else {}
    named = [(label, used[label.value]) for label in lost if label.value in used]
    if named:
        raise LabelInUse(sentences([_why_kept(label, use) for label, use in named[:8]]))


def _why_kept(label: definitions.Label, use: LabelUse) -> Message:
    return message(
        "“{label}” keeps the value {value} and cannot be removed, because it is used by: {uses}. It can be renamed.",
        label=label.name,
        value=label.value,
        uses=use_words(use),
    )


def use_words(use: LabelUse) -> list[Message]:
    """What uses a label, as people read it."""
    found = []
    if use.masks:
        found.append(message("{n} masks", n=use.masks) if use.masks > 1 else message("1 mask"))
    if use.versions:
        found.append(message("{n} model versions", n=use.versions) if use.versions > 1 else message("1 model version"))
    found += [message("the rule with {task}", task=task) for task in use.rules]
    if use.elsewhere:
        found.append(message("other institutions"))
    return found


def _changed(task: Task, revision: int) -> TaskChanged:
    """Who changed what since ``revision``."""
    events = AuditEvent.objects.filter(action=CHANGED, object_id=task.pk, at__gte=task.created_at)
    later = events.filter(detail__revision__gt=revision).select_related("actor").order_by("pk")
    changes = [change for event in later for change in _changes_of(event)]
    return TaskChanged(revision=task.revision, changes=[spelled_out(one) for one in changes])


def _changes_of(event: AuditEvent) -> list[Message]:
    who = event.actor.display_name() if event.actor else ""
    said = messages_from_json(event.detail.get("changes"))
    return [message("{who}: {change}", who=who, change=one) for one in said]


def _record(actor: Any, action: str, task: Task, **detail: Any) -> None:
    audit.record(actor=actor, action=action, object_id=task.pk, institution_id=task.owner_id, **detail)
