"""Reads of tasks: what uses a task, and which of its labels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import connection

from accounts.access import Capability, institutions_with
from registry.models import SPINE_CT, ModelVersion, Task, TaskRelation
from registry.structures import tasks_seen
from spineml.message import message
from spineml.tasks.shipped import SHIPPED
from spineplatform.shared.references import references_to

SHIPPED_SLUGS = frozenset(task.slug for task in SHIPPED)
# The kinds of rows that can refer to a task, by the name of their model.
USES = {
    "annotation": message("masks"),
    "modelversion": message("model versions"),
    "dataset": message("data sets"),
    "trainingrun": message("trainings"),
    "evaluationrun": message("evaluations"),
    "draft": message("unsaved masks"),
    "taskrelation": message("rules of other tasks"),
}
# Rows that are part of a task, or follow from what is counted already, and go with it.
PARTS = frozenset({"tasklabel", "versioncounter", "activeversion", "taskafterimport"})
MASKS_BY_LABEL = """
    SELECT (entry->>'value')::int, count(*), count(*) FILTER (WHERE cases_annotation.institution_id = ANY(%s::uuid[]))
    FROM cases_annotation, jsonb_array_elements(cases_annotation.labels) AS entry
    WHERE cases_annotation.task_id = %s
    GROUP BY 1
"""


@dataclass(frozen=True)
class LabelUse:
    """How many masks hold a label, how many versions were trained to find it, and which tasks have a rule with it.
    ``elsewhere``: what uses it is another institution's, of which nothing more is told.
    """

    masks: int = 0
    versions: int = 0
    rules: tuple[str, ...] = ()
    elsewhere: bool = False

    @property
    def fixed(self) -> bool:
        """Whether its value must stay."""
        return bool(self.masks or self.versions or self.rules or self.elsewhere)


def labels_used(task: Task, user: Any) -> dict[int, LabelUse]:
    """The labels of the task that something uses, by value, with counts of what ``user`` may see. Whoever runs the
    platform is told all.
    """
    places = list(institutions_with(user, Capability.VIEW_CASES).values_list("pk", flat=True))
    everywhere: bool = user.is_superuser
    with connection.cursor() as cursor:
        cursor.execute(MASKS_BY_LABEL, [[str(place) for place in places], task.pk])
        masks = {value: (every, every if everywhere else seen) for value, every, seen in cursor.fetchall()}
    versions: dict[int, list[bool]] = {}
    for owner, spec in ModelVersion.objects.filter(task=task).values_list("owner", "spec"):
        for value in values_of_spec(spec):
            versions.setdefault(value, []).append(everywhere or owner in (None, *places))
    rules = _rules_by_label(task, set(tasks_seen(user).values_list("pk", flat=True)))
    found = {}
    for value in sorted({*masks, *versions, *rules}):
        every, seen = masks.get(value, (0, 0))
        known, named = versions.get(value, []), rules.get(value, [])
        hidden = every > seen or not all(known) or None in named
        found[value] = LabelUse(seen, sum(known), tuple(one for one in named if one), hidden)
    return found


def _rules_by_label(task: Task, seen: set[str]) -> dict[int, list[str | None]]:
    """By value the other tasks of rules that name it, None for those that are not ``seen``."""
    found: dict[int, list[str | None]] = {}
    for relation in [*task.relations.all(), *task.made_of.all()]:
        other = relation.target_id if relation.source_id == task.pk else relation.source_id
        for value in relation_values(relation, task.pk):
            found.setdefault(value, []).append(other if other in seen else None)
    return found


def values_of_spec(spec: dict[str, object]) -> set[int]:
    """The label values that a version writes; files from before named structures write 1."""
    values = spec.get("values")
    found = values if isinstance(values, list) else [1] if spec.get("task", SPINE_CT) == SPINE_CT else []
    return {int(value) for value in found if value}


def relation_values(relation: TaskRelation, slug: str) -> Iterable[int]:
    """The values of the task ``slug`` that a rule names."""
    stored = relation.values.items()
    return {int(value) for value, _becomes in stored} if relation.source_id == slug else {int(to) for _, to in stored}


def task_uses(task: Task) -> dict[str, int]:
    """How many rows of each kind stand in the way of deleting the task, whichever app they are in. Its own rules do
    not.
    """
    found = {name: count for name, count in references_to(task).items() if name not in PARTS}
    found["taskrelation"] = task.made_of.count()
    return {name: count for name, count in found.items() if count}
