"""Writes of the groups that cases are assigned to, and of the filters that a person keeps."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db import IntegrityError, transaction

from accounts.access import Capability, require
from accounts.models import Institution, User
from cases.changes import touch_cases
from cases.models import Case, ReaderGroup, SavedFilter
from cases.models.worklist import LONGEST_QUERY
from cases.worklist.queue import readers_at
from spineplatform.shared import audit
from spineplatform.shared.errors import Conflict, UserError

MOST_FILTERS = 50


class GroupNameTaken(Conflict):
    """A group of this name already exists. Choose another name."""

    code = "group-name-taken"


class NoReader(UserError):
    """One of these people may not sign or correct masks here. Choose members of this institution."""

    code = "no-reader"


class NothingToSave(UserError):
    """No filter is set. Set one first, then save it."""

    code = "nothing-to-save"


class FilterTooLong(UserError):
    """The search text of this filter is too long to be saved. Shorten it."""

    code = "filter-too-long"


class TooManyFilters(UserError):
    """You have saved 50 filters, the maximum. Remove one you no longer need."""

    code = "too-many-filters"


# --- groups -----------------------------------------------------------------------------------------------------------
def group_create(*, institution: Institution, actor: Any, name: str, members: Collection[int]) -> ReaderGroup:
    """Make a group of members of the institution.

    Raises:
        GroupNameTaken, NoReader: the name is there already, or somebody may not read there.
        Forbidden, NotFound: ``actor`` may not assign there.
    """
    require(actor, institution.pk, Capability.ASSIGN)
    group = ReaderGroup(institution=institution, name=name)
    _save(group, actor, members, "group.created")
    return group


def group_change(*, group: ReaderGroup, actor: Any, name: str, members: Collection[int]) -> None:
    """Give the group another name or other members; its cases stay with it. Raises as `group_create`."""
    require(actor, group.institution_id, Capability.ASSIGN)
    group.name = name
    _save(group, actor, members, "group.changed")
    touch_cases(Case.objects.filter(assignment__group=group))


def _save(group: ReaderGroup, actor: Any, members: Collection[int], action: str) -> None:
    people = _readers(group, members)
    try:
        with transaction.atomic():
            group.save()
            group.members.set(people)
            audit.record(actor=actor, action=action, object_id=group.pk, institution_id=group.institution_id)
    except IntegrityError:
        raise GroupNameTaken from None


def _readers(group: ReaderGroup, members: Collection[int]) -> list[User]:
    chosen = set(members)
    people = [one for one in readers_at([group.institution_id]).people if one.pk in chosen]
    if len(people) != len(chosen):
        raise NoReader
    return people


def group_delete(*, group: ReaderGroup, actor: Any) -> int:
    """Remove a group; returns how many cases are open to all again by that."""
    require(actor, group.institution_id, Capability.ASSIGN)
    with transaction.atomic():
        list(ReaderGroup.objects.select_for_update().filter(pk=group.pk))  # nothing is given to it from here on
        freed = list(group.assignments.values_list("case", flat=True))
        audit.record(actor=actor, action="group.deleted", object_id=group.pk, institution_id=group.institution_id)
        group.delete()
    touch_cases(Case.objects.filter(pk__in=freed))  # not while the group is held: who assigns holds the cases first
    return len(freed)


# --- saved filters ----------------------------------------------------------------------------------------------------
def filter_save(*, actor: Any, name: str, query: str) -> SavedFilter:
    """Keep a query of the work list under a name; one of that name is replaced.

    Raises:
        NothingToSave, FilterTooLong, TooManyFilters: the query is empty or too long, or there are too many already.
    """
    if not query:
        raise NothingToSave
    if len(query) > LONGEST_QUERY:
        raise FilterTooLong
    mine = SavedFilter.objects.filter(user=actor)
    if not mine.filter(name=name).exists() and mine.count() >= MOST_FILTERS:
        raise TooManyFilters
    saved, _ = SavedFilter.objects.update_or_create(user=actor, name=name, defaults={"query": query})
    return saved


def filter_remove(*, saved: SavedFilter) -> None:
    """Forget a filter that ``cases.access.filter_get`` fetched, so one of one's own."""
    saved.delete()
