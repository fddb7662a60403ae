"""Reads of reading projects: lists, what a person may see of a series, and the answer about human variation."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Prefetch, Q, QuerySet

from accounts.access import Capability, has_capability, institutions_with, roles_with
from accounts.models import Institution, User
from cases.models import (
    AgreementRun,
    Annotation,
    AnnotationSource,
    Measurement,
    Reading,
    ReadingItem,
    ReadingProject,
    Review,
    ReviewVerdict,
    Series,
)
from cases.models.hidden_names import Readers, hidden_readers, in_order_of_letters, names_hide
from cases.models.projects import BEING_READ, SETTLED, AgreementJob, ItemState, ProjectMember, ProjectRole
from spineml.metrics.reader_agreement import MODEL

MOST_OFFERED = 300
# Of a pair of masks, in the figures of a series.
ENDS = ("first", "second")


def projects_seen(user: Any) -> QuerySet[ReadingProject]:
    """Projects of the institutions whose cases the user sees, newest first, with how many series they have."""
    places = list(institutions_with(user, Capability.VIEW_CASES).values_list("pk", flat=True))
    rows = ReadingProject.objects.filter(institution__in=places).select_related("institution")
    settled = Count("items", filter=Q(items__state__in=SETTLED))
    counted = rows.annotate(series_count=Count("items"), settled_count=settled)
    return counted.order_by("-created_at", "-pk").prefetch_related("members__user")


def people_offered(institutions: QuerySet[Institution]) -> QuerySet[User]:
    """Who may read or adjudicate in these institutions."""
    roles = roles_with(Capability.CORRECT_MASK)
    mine = User.objects.filter(memberships__institution__in=institutions, memberships__role__in=roles, is_active=True)
    return mine.distinct().order_by("username")


def people_of(project: ReadingProject) -> QuerySet[User]:
    """Who may take part in the project, or does already, whatever they may do by now."""
    offered = people_offered(Institution.objects.filter(pk=project.institution_id)).values("pk")
    members = project.members.values("user")
    return User.objects.filter(Q(pk__in=offered) | Q(pk__in=members)).order_by("username")


def have_read(project: ReadingProject) -> QuerySet[User]:
    """Readers who have finished a series of the project."""
    return User.objects.filter(pk__in=Reading.objects.filter(item__project=project).values("reader"))


def margin_is_fixed(project: ReadingProject) -> bool:
    """All have read a series, so there are, or will be, figures that the margin judges."""
    return project.items.exclude(state__in=BEING_READ).exists()


def series_offered(project: ReadingProject) -> QuerySet[Series]:
    """The newest series of the institution that are in no project; not cut off, so that a form can choose from them."""
    free = Series.objects.filter(institution=project.institution_id, reading_item__isnull=True)
    newest = free.order_by("-created_at", "-pk")[:MOST_OFFERED]
    rows = Series.objects.filter(pk__in=newest.values("pk"))
    return rows.select_related("case__patient").order_by("-created_at", "-pk")


# --- what there is to do ----------------------------------------------------------------------------------------------
def series_to_read(project: ReadingProject, readers: Collection[int]) -> dict[int, int]:
    """How many series wait for each of these readers, by their ids; without those for whom none does."""
    being_read = project.items.filter(state__in=BEING_READ)
    done = Reading.objects.filter(item__in=being_read, reader__in=readers).values("reader").annotate(n=Count("pk"))
    finished = dict(done.values_list("reader", "n"))
    series = being_read.count()
    left = {reader: series - finished.get(reader, 0) for reader in readers}
    return {reader: number for reader, number in left.items() if number}


def ready_to_adjudicate(project: ReadingProject) -> QuerySet[ReadingItem]:
    """What waits for an adjudicator: not what is being compared and may be settled by its readers' agreement."""
    all_read = project.items.filter(state=ItemState.ALL_READ)
    return all_read if project.agreed_dice is None else all_read.filter(figures__isnull=False)


# --- blindness beside the masks ---------------------------------------------------------------------------------------
def measurements_for(series: Series, user: Any) -> QuerySet[Measurement]:
    """The measurements of a series that this person may see: not those of others while they read it blindly."""
    found = series.measurements.names_for(user).select_related("author")
    if Series.objects.filter(pk=series.pk).blind_to(user).exists():
        return found.filter(author=user)
    return found


# --- a project --------------------------------------------------------------------------------------------------------
def item_taken_part(series: Series, user: Any) -> ReadingItem | None:
    """The unsettled reading of the series that this person has a part in, or None."""
    mine = ProjectMember.objects.taking_part().filter(user=user.pk)
    items = ReadingItem.objects.filter(series=series, project__members__in=mine).exclude(state__in=SETTLED)
    return items.select_related("project").first()


def items_listed(project: ReadingProject, user: Any) -> list[Any]:
    """The series of a project as they were added, each ReadingItem with ``finished`` (how many readings), ``mine`` (the
    person's own, or None), and ``between`` and ``against`` (the lowest Dice of readers, and of reader and model, or
    None).
    """
    rows = project.items.select_related("series__case__patient", "decision")
    mine = Prefetch("readings", Reading.objects.filter(reader=user), to_attr="own")
    counted = rows.annotate(finished=Count("readings")).order_by("created_at", "pk")
    items: list[Any] = list(counted.prefetch_related(mine))
    for item in items:
        item.mine = item.own[0] if item.own else None
        item.between = lowest_dice(item, with_model=False)
        item.against = lowest_dice(item, with_model=True)
    return items


def lowest_dice(item: ReadingItem, *, with_model: bool) -> float | None:
    """The lowest Dice of the series' pairs of readers, or of reader and model; None before there are figures."""
    pairs = item.figures["pairs"] if item.figures else []
    return min((one["dice"] for one in pairs if (MODEL in (one["first"], one["second"])) == with_model), default=None)


def names_of(item: ReadingItem, user: Any) -> dict[str, str]:
    """What this person calls the ends of the pairs in `figures_for`."""
    hidden = [one.display_name() for one in _hidden(item, user).values()]
    if hidden:
        return dict(zip(hidden, hidden, strict=True))
    readers = item.project.members.filter(role=ProjectRole.READER).select_related("user")
    return {str(member.user_id): member.user.display_name() for member in readers}


def _hidden(item: ReadingItem, user: Any) -> Readers:
    """Who stands for the readers of a series whom this person is not shown."""
    return hidden_readers(user, [item.series_id]).get(item.series_id, {}) if user is not None else {}


# --- a series ---------------------------------------------------------------------------------------------------------
def ordered_readings(item: ReadingItem, user: Any = None) -> list[Reading]:
    """The finished readings in the order of the project's readers, with the names that ``user`` is shown.

    A project without names has another order on each series, for what is made of the readings tells which came first: a
    proposal its parent, readers who agree the mask of the first.
    """
    members = list(item.project.members.filter(role=ProjectRole.READER).values_list("user_id", flat=True))
    readers = in_order_of_letters(item.pk, members) if item.project.names_hidden else members
    hidden = _hidden(item, user)
    order = {reader: n for n, reader in enumerate(readers)}
    readings = sorted(
        item.readings.select_related("annotation", "reader"), key=lambda one: order.get(one.reader_id, len(order))
    )
    if hidden:
        names_hide(readings, "reader", user, lambda _user, rows: [hidden] * len(rows))
    return readings


def figures_for(item: ReadingItem, user: Any) -> dict[str, Any] | None:
    """The figures of a series, where ``user`` is not shown who its readers are by their letters."""
    hidden = _hidden(item, user)
    if not hidden or not item.figures:
        return item.figures
    names = {str(reader): person.display_name() for reader, person in hidden.items()}
    pairs = [{**one, **{end: names.get(one[end], one[end]) for end in ENDS}} for one in item.figures["pairs"]]
    masks = {names.get(one, one): mask for one, mask in item.figures["masks"].items()}
    return {**item.figures, "pairs": pairs, "masks": dict(sorted(masks.items()))}  # stored by the readers' ids


def latest_model_mask(item: ReadingItem) -> Annotation | None:
    """What the model is judged by: the newest mask that a model made of the series for the project's task."""
    masks = item.series.annotations.filter(source=AnnotationSource.MODEL)
    return masks.filter(task__in=ReadingProject.objects.filter(pk=item.project_id).values("task")).first()


def review_reopened(item: ReadingItem) -> Review | None:
    """The last word with which the series was reopened in its project, which alone signs it; None: it never was."""
    words = Review.objects.filter(series=item.series_id, created_at__gte=item.created_at)
    return words.filter(verdict=ReviewVerdict.SENT_BACK).select_related("reader").first()


@dataclass(frozen=True)
class ItemSeen:
    """What a person may see of a series in a project: nothing of others' masks while they read it blindly."""

    item: ReadingItem
    blind: bool
    may_read: bool
    may_adjudicate: bool
    reopened: Review | None
    mine: Reading | None
    finishable: list[Annotation]
    readings: list[Reading]
    model_mask: Annotation | None
    proposals: list[Annotation]
    corrections: list[Annotation]
    runs: list[AgreementRun]
    figures: dict[str, Any] | None

    @property
    def figures_run(self) -> AgreementRun | None:
        return next((run for run in self.runs if run.job == AgreementJob.FIGURES), None)

    @property
    def proposal_runs(self) -> list[AgreementRun]:
        return [run for run in self.runs if run.job != AgreementJob.FIGURES and run.state != "succeeded"]


def item_seen(item: ReadingItem, user: Any) -> ItemSeen:
    blind = Series.objects.filter(pk=item.series_id).blind_to(user).exists()
    readings = ordered_readings(item, user)
    mine = next((one for one in readings if one.reader_id == user.pk), None)
    of_task = item.series.annotations.filter(task=item.project.task_id)
    masks = list(of_task.seen_by(user).select_related("author"))
    proposed = set(item.runs.exclude(annotation=None).values_list("annotation", flat=True))
    is_reader, is_adjudicator = (_has_part(item, user, role) for role in ProjectRole)
    open_now = item.state in BEING_READ or (item.state == ItemState.ALL_READ and not item.project.blind)
    return ItemSeen(
        item=item,
        blind=blind,
        may_read=is_reader and open_now,
        may_adjudicate=is_adjudicator and item.state == ItemState.ALL_READ,
        reopened=review_reopened(item) if item.state == ItemState.ALL_READ else None,
        mine=mine,
        finishable=[one for one in masks if one.source == AnnotationSource.MODEL or one.author_id == user.pk],
        readings=[one for one in readings if not blind or one.reader_id == user.pk],
        model_mask=latest_model_mask(item),
        proposals=[one for one in masks if one.pk in proposed],
        corrections=[one for one in masks if one.author_id == user.pk and one.pk not in proposed],
        runs=list(item.runs.all()[:10]),
        figures=figures_for(item, user),
    )


def _has_part(item: ReadingItem, user: Any, role: ProjectRole) -> bool:
    parts = item.project.members.taking_part().filter(user=user.pk, role=role)
    return parts.exists() and has_capability(user, item.institution_id, Capability.CORRECT_MASK)
