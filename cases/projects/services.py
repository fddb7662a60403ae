"""Writes of reading projects: setting them up, their series, and changing how and by whom they are read."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.access import Capability, has_capability, require
from accounts.models import Institution
from cases.models import ProjectMember, ReadingItem, ReadingProject, Series
from cases.models.projects import BEING_READ, DEFAULT_MARGIN, AgreementJob, ItemState, ProjectRole
from cases.notifications import notify_changed, person_group
from cases.projects.blinding import check_added, check_newcomers, check_removed, parts_given_up
from cases.projects.notifications import (
    mark_undecided,
    notices_correct,
    notify_adjudicators_of_change,
    notify_author,
    notify_readers,
    project_held,
)
from cases.projects.reading_services import item_locked, readings_advance, run_start
from cases.projects.selectors import have_read, lowest_dice, margin_is_fixed
from registry.models import SPINE_CT
from registry.structures import task_get
from spineml.message import message
from spineplatform.shared import audit
from spineplatform.shared.errors import Conflict, UserError


class ProjectNameTaken(Conflict):
    """This institution already has a project of this name. Choose another name."""

    code = "project-name-taken"


class ProjectPeople(UserError):
    """A project needs at least two readers and one adjudicator who is not a reader."""

    code = "project-people"


class SeriesElsewhere(Conflict):
    """One of the series is already in a reading project. Choose series that are in no project."""

    code = "series-in-project"


class ReadingBegun(Conflict):
    """A reader has already finished this series, so it cannot be removed from the project."""

    code = "reading-begun"


class ReaderStays(Conflict):
    """A person who has finished a series of the project, even if no longer a reader, cannot adjudicate it. Choose
    someone else."""

    code = "reader-stays"


class AdjudicatorHasSeen(Conflict):
    """An adjudicator of a blinded project sees masks that are still being read. Choose someone else as reader."""

    code = "adjudicator-has-seen"


class MarginFixed(Conflict):
    """The margin cannot be changed once all readers have read a series. Create another project for another margin."""

    code = "margin-fixed"


# --- setting up -------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class NewProject:
    """``agreed_dice``: readers who agree at least so much settle a series by themselves; None: never."""

    name: str
    readers: Sequence[Any]
    adjudicators: Sequence[Any]
    blind: bool = True
    names_hidden: bool = False
    agreed_dice: float | None = None
    margin: float = DEFAULT_MARGIN
    task: str = SPINE_CT


def project_create(*, institution: Institution, actor: Any, project: NewProject) -> ReadingProject:
    """Set up a project; its series are added afterwards.

    Raises:
        ProjectPeople: too few people, one in both parts, or one who may not correct masks there.
        ProjectNameTaken: the name is used.
        UnknownTask: there is no such task at the institution.
        Forbidden, NotFound: ``actor`` may not run projects there.
    """
    require(actor, institution.pk, Capability.MANAGE_PROJECTS)
    _check_people(institution, project)
    task = task_get(institution.pk, project.task)
    try:
        with transaction.atomic():
            row = ReadingProject.objects.create(
                institution=institution,
                name=project.name,
                task=task,
                blind=project.blind,
                names_hidden=project.names_hidden,
                agreed_dice=project.agreed_dice,
                margin=project.margin,
                created_by=actor,
            )
            _add_members(row, project)
            _record(actor, "project.created", row, readers=[str(one.pk) for one in project.readers])
    except IntegrityError:
        raise ProjectNameTaken from None
    return row


def _check_people(institution: Institution, project: NewProject) -> None:
    _check_parts(project.readers, project.adjudicators)
    _check_rights(institution, {*project.readers, *project.adjudicators})


def _check_parts(readers: Sequence[Any], adjudicators: Sequence[Any]) -> None:
    if len(set(readers)) < 2 or not adjudicators or set(readers) & set(adjudicators):
        raise ProjectPeople


def _check_rights(institution: Institution, people: Iterable[Any]) -> None:
    for person in people:
        if not has_capability(person, institution.pk, Capability.CORRECT_MASK):
            raise ProjectPeople(
                message(
                    "{name} may not correct masks there. Choose clinicians and annotators of the institution.",
                    name=person.display_name(),
                )
            )


def _add_members(row: ReadingProject, project: NewProject) -> None:
    parts = ((project.readers, ProjectRole.READER), (project.adjudicators, ProjectRole.ADJUDICATOR))
    ProjectMember.objects.bulk_create(
        ProjectMember(project=row, user=person, role=role) for people, role in parts for person in people
    )


def project_add_series(*, project: ReadingProject, series: Iterable[Series], actor: Any) -> list[ReadingItem]:
    """Give series of the project's institution to its readers, who are told how many wait for them.

    Raises:
        SeriesElsewhere: one of them is in a project already.
        ReaderHasSeen: a reader of a blind project has seen others' masks of one of them.
        Forbidden, NotFound: ``actor`` may not run projects there, or a series is of another institution.
    """
    require(actor, project.institution_id, Capability.MANAGE_PROJECTS)
    try:
        with transaction.atomic():
            row = project_held(project.pk)
            added = list(series)
            check_added(row, added)
            items = ReadingItem.objects.bulk_create(
                ReadingItem(institution_id=row.institution_id, project=row, series=one) for one in added
            )
            _record(actor, "project.series_added", row, series=[str(item.series_id) for item in items])
            if items:
                mark_undecided(row)
            notify_readers(row, _told(row)["readers"], actor=actor)
    except IntegrityError:
        raise SeriesElsewhere from None
    return items


def item_remove(*, item: ReadingItem, actor: Any) -> None:
    """Take a series out of its project while nobody has finished it.

    Raises:
        ReadingBegun: somebody has.
        WorkStaysHidden: blind readers would see what was made of it meanwhile.
        Forbidden, NotFound: ``actor`` may not run projects there.
    """
    require(actor, item.institution_id, Capability.MANAGE_PROJECTS)
    with transaction.atomic():
        if item_locked(item).state != ItemState.WAITING:
            raise ReadingBegun
        project = project_held(item.project_id)
        check_removed(project, item)
        _record(actor, "project.series_removed", project, series=[str(item.series_id)])
        item.delete()
        notices_correct(project)
        notify_author(project, actor=actor)


# --- changing ---------------------------------------------------------------------------------------------------------
class ProjectChanges(TypedDict, total=False):
    """What is to become different. ``readers`` and ``adjudicators`` are all of them; the order of readers who stay is
    kept, and others come after them. ``agreed_dice`` holds for series that are not settled yet."""

    name: str
    readers: Sequence[Any]
    adjudicators: Sequence[Any]
    agreed_dice: float | None
    margin: float


def project_change(*, project: ReadingProject, actor: Any, changes: ProjectChanges) -> ReadingProject:
    """Change people, thresholds or the name; nothing that was read or settled is touched.

    A new reader reads what not all have read. A reader who has finished a series and is left out leaves: the readings
    stay, and the person can be taken in again. A series that only waited for somebody who is no reader any more is
    compared at once; so is one whose readers agree as much as a new ``agreed_dice`` asks, which settles it.

    Raises:
        ProjectPeople: as for a new project.
        ProjectNameTaken: the name is used.
        ReaderStays: somebody who has finished a series would adjudicate.
        AdjudicatorHasSeen: an adjudicator would become a reader while a series is being read blindly.
        ReaderHasSeen: a new reader has seen others' masks of a series that is to be read blindly.
        MarginFixed: there are figures already that the margin judges.
        Forbidden, NotFound: ``actor`` may not run projects there.
    """
    require(actor, project.institution_id, Capability.MANAGE_PROJECTS)
    try:
        with transaction.atomic():
            items, row = _held(project)
            people = _people_after(row, changes)
            _check_change(row, items, people, changes)
            before = _told(row)
            with notify_adjudicators_of_change(row):
                _write(row, changes, people)
                after = _told(row)
                changed = {name: [before[name], after[name]] for name in after if before[name] != after[name]}
                _record(actor, "project.changed", row, **changed)
                _follow(row, items, changed, actor)
            _notify_readers(row, before["readers"], after["readers"], actor)
    except IntegrityError:
        raise ProjectNameTaken from None
    return row


def _held(project: ReadingProject) -> tuple[list[ReadingItem], ReadingProject]:
    """The series and then the project, in the order in which readings and runs hold them."""
    items = list(project.items.select_for_update(no_key=True, of=("self",)).order_by("pk"))
    return items, project_held(project.pk)


def _people_after(row: ReadingProject, changes: ProjectChanges) -> dict[ProjectRole, list[Any]]:
    now: dict[ProjectRole, list[Any]] = {role: [] for role in ProjectRole}
    for member in row.members.taking_part().select_related("user"):
        now[ProjectRole(member.role)].append(member.user)
    readers = changes.get("readers", now[ProjectRole.READER])
    adjudicators = changes.get("adjudicators", now[ProjectRole.ADJUDICATOR])
    return {ProjectRole.READER: list(readers), ProjectRole.ADJUDICATOR: list(adjudicators)}


def _check_change(
    row: ReadingProject, items: list[ReadingItem], people: dict[ProjectRole, list[Any]], changes: ProjectChanges
) -> None:
    roles = dict(row.members.values_list("user", "role"))
    _check_parts(people[ProjectRole.READER], people[ProjectRole.ADJUDICATOR])
    seen = have_read(row).filter(pk__in=[one.pk for one in people[ProjectRole.ADJUDICATOR]]).first()
    if seen is not None:
        raise ReaderStays(
            message(
                "{name} has finished a series of this project and cannot adjudicate it. Choose someone else.",
                name=seen.display_name(),
            )
        )
    _check_rights(row.institution, [one for part in people.values() for one in part if one.pk not in roles])
    begun = row.blind and any(item.state == ItemState.ONE_READ for item in items)
    if begun and any(roles.get(one.pk) == ProjectRole.ADJUDICATOR for one in people[ProjectRole.READER]):
        raise AdjudicatorHasSeen
    check_newcomers(row, people[ProjectRole.READER])
    if changes.get("margin", row.margin) != row.margin and margin_is_fixed(row):
        raise MarginFixed


def _told(row: ReadingProject) -> dict[str, Any]:
    """What can change, as it is recorded."""
    parts = list(row.members.taking_part().values_list("role", "user"))
    people = {f"{role.value}s": [user for part, user in parts if part == role] for role in ProjectRole}
    return {"name": row.name, "agreed_dice": row.agreed_dice, "margin": row.margin, **people}


def _write(row: ReadingProject, changes: ProjectChanges, people: dict[ProjectRole, list[Any]]) -> None:
    for name in ("name", "agreed_dice", "margin"):
        setattr(row, name, changes.get(name, getattr(row, name)))
    row.save(update_fields=["name", "agreed_dice", "margin"])
    _leave(row, people)
    for role in ProjectRole:
        row.members.taking_part().filter(role=role).exclude(user__in=people[role]).delete()
    for role in ProjectRole:
        known = set(row.members.values_list("user", flat=True))
        row.members.bulk_create(
            ProjectMember(project=row, user=one, role=role) for one in people[role] if one.pk not in known
        )


def _leave(row: ReadingProject, people: dict[ProjectRole, list[Any]]) -> None:
    """Who has read is kept when leaving, and comes back to the same place.

    Of a blind project with something to read everybody is kept, and stays blind, save who adjudicates from now on.
    """
    readers, adjudicators = people[ProjectRole.READER], people[ProjectRole.ADJUDICATOR]
    row.members.filter(user__in=readers).update(left_at=None)
    reading = row.members.filter(role=ProjectRole.READER)
    changing = reading.filter(user__in=adjudicators)
    parts_given_up(row, [one.user for one in changing.select_related("user")])
    changing.delete()  # none of them has read
    gone = reading.taking_part().exclude(user__in=readers)
    blind = row.blind and row.items.filter(state__in=BEING_READ).exists()
    kept = gone if blind else gone.filter(user__in=have_read(row))
    kept.update(left_at=timezone.now())


def _follow(row: ReadingProject, items: list[ReadingItem], changed: dict[str, Any], actor: Any) -> None:
    """Go on where a series waited for nobody but whoever left, or where its readers agree enough from now on."""
    for item in items:
        if "readers" in changed and item.state == ItemState.ONE_READ:
            readings_advance(item, actor)
        elif "agreed_dice" in changed and item.state == ItemState.ALL_READ and _agrees(item, row.agreed_dice):
            run_start(item=item, job=AgreementJob.FIGURES, actor=actor)


def _notify_readers(row: ReadingProject, before: list[int], after: list[int], actor: Any) -> None:
    """Who came hears what there is to read; open pages of who left forget what was there."""
    notify_readers(row, [one for one in after if one not in before], actor=actor)
    for one in before:
        if one not in after:
            notify_changed(person_group(one))


def _agrees(item: ReadingItem, asked: float | None) -> bool:
    lowest = lowest_dice(item, with_model=False)
    return asked is not None and lowest is not None and lowest >= asked


def _record(actor: Any, action: str, row: ReadingProject, **detail: Any) -> None:
    institution: uuid.UUID = row.institution_id
    audit.record(actor=actor, action=action, object_id=row.pk, institution_id=institution, **detail)
