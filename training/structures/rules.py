"""Writes of the rules by which masks of one task become masks of another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.db import IntegrityError, transaction

from registry.access import task_kept_by, task_view
from registry.models import Task, TaskRelation
from spineml.message import message
from spineml.tasks.task import clean
from spineplatform.shared import audit
from spineplatform.shared.errors import Conflict, NotFound, UserError

Values = Mapping[int, int]


class RuleRejected(UserError):
    """The rule cannot be used. Check its values."""

    code = "rule-rejected"


class RuleExists(Conflict):
    """There is a rule between these two tasks already. Delete it first."""

    code = "rule-exists"


def rule_get(user: Any, source: str, target: str) -> TaskRelation:
    """The door to a rule: that between two tasks that the user sees.

    Raises:
        NotFound: there is none.
    """
    task_view(user, source)
    found = TaskRelation.objects.select_related("source", "target").filter(source=source, target=target).first()
    if found is None:
        raise NotFound
    task_view(user, target)
    return found


def rule_create(*, source: Task, target: Task, actor: Any, values: Mapping[Any, int], rule: str = "") -> TaskRelation:
    """Say that masks of ``source`` become masks of ``target`` by ``values``.

    Raises:
        RuleRejected: a value that a task does not have, none at all, or a way round that contradicts itself.
        RuleExists: there is one between the two already.
        Forbidden, NotFound: ``actor`` keeps neither task.
    """
    _kept(source, target, actor)
    table = _table(source, target, values)
    with transaction.atomic():
        # Held with what they relate to: no label that the rule names is taken away meanwhile, and no two rules are
        # made at once that contradict each other.
        list(Task.objects.select_for_update().filter(pk__in=_related(source.pk, target.pk)).order_by("pk"))
        _refuse_contradiction(source.pk, target.pk, table)
        try:
            with transaction.atomic():
                made = TaskRelation.objects.create(
                    source=source,
                    target=target,
                    values={str(value): becomes for value, becomes in sorted(table.items())},
                    rule=clean(rule),
                )
        except IntegrityError:
            raise RuleExists from None
        _record(actor, "task.rule_created", made)
    return made


def rule_delete(*, relation: TaskRelation, actor: Any) -> None:
    """Delete a rule; masks that were made by it stay.

    Raises:
        Forbidden, NotFound: ``actor`` keeps neither task.
    """
    _kept(relation.source, relation.target, actor)
    with transaction.atomic():
        _record(actor, "task.rule_deleted", relation)
        relation.delete()


def keeper_of(source: Task, target: Task) -> Task:
    """Whose task's keepers keep the rule: a rule with a task of the platform belongs to the other task."""
    return target if source.owner_id is None and target.owner_id is not None else source


def _kept(source: Task, target: Task, actor: Any) -> None:
    task_kept_by(actor, keeper_of(source, target))
    if None not in (source.owner_id, target.owner_id) and source.owner_id != target.owner_id:
        raise RuleRejected(message("The tasks belong to different institutions."))


def _table(source: Task, target: Task, values: Mapping[str | int, int]) -> dict[int, int]:
    if source.pk == target.pk:
        raise RuleRejected(message("A rule is between two different tasks."))
    if not values:
        raise RuleRejected(message("The rule keeps no label. Choose a label of the target for at least one."))
    table: dict[int, int] = {}
    for value, becomes in values.items():
        for task, one in ((source, value), (target, becomes)):
            if not _is_value(one) or int(one) not in task.values:
                raise RuleRejected(
                    message("{task} has no label with the value {value}.", task=task.name, value=str(one)[:20])
                )
        table[int(value)] = int(becomes)
    return table


def _is_value(given: str | int) -> bool:
    return str(given).isascii() and str(given).isdigit() and len(str(given)) <= 3


# --- rules that lead back ---------------------------------------------------------------------------------------------
def _edges() -> dict[tuple[str, str], Values]:
    return {(one.source_id, one.target_id): one.definition.values for one in TaskRelation.objects.all()}


def _related(*slugs: str) -> set[str]:
    """The tasks that rules connect with these, whichever way."""
    edges, found, waiting = _edges(), set(slugs), list(slugs)
    while waiting:
        here = waiting.pop()
        near = {other for pair in edges for other in pair if here in pair}
        waiting += near - found
        found |= near
    return found


def _refuse_contradiction(source: str, target: str, table: Values) -> None:
    """Whoever follows rules and comes back to the first task finds each label as it was, or background.

    Raises:
        RuleRejected: with the way round by which a label would become another one.
    """
    edges = {**_edges(), (source, target): table}
    for way in _ways(edges, target, source, (source, target)):
        circle = [*way[:-1]]  # source, target, ..., without source again
        for start in range(len(circle)):
            turned = [*circle[start:], *circle[:start]]
            _check_circle(edges, turned)


def _ways(
    edges: Mapping[tuple[str, str], Values], here: str, end: str, way: tuple[str, ...]
) -> Iterator[tuple[str, ...]]:
    for first, then in edges:
        if first != here:
            continue
        if then == end:
            yield (*way, then)
        elif then not in way:
            yield from _ways(edges, then, end, (*way, then))


def _check_circle(edges: Mapping[tuple[str, str], Values], circle: list[str]) -> None:
    steps = [edges[pair] for pair in zip(circle, [*circle[1:], circle[0]], strict=True)]
    for value in steps[0]:
        found = value
        for step in steps:
            found = step.get(found, 0)
        if found not in {0, value}:
            raise RuleRejected(
                message(
                    "With the rules that are there, the value {value} of {task} would become {found} by way of {way}.",
                    value=value,
                    task=circle[0],
                    found=found,
                    way=[*circle[1:], circle[0]],
                )
            )


def _record(actor: Any, action: str, relation: TaskRelation) -> None:
    audit.record(
        actor=actor,
        action=action,
        object_id=relation.source_id,
        institution_id=relation.source.owner_id or relation.target.owner_id,
        target=relation.target_id,
        values=relation.values,
    )
