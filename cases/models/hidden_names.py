"""Readers' names that an adjudicator is not shown: each series calls its readers by letters, in an order of its own.

A project may ask for it (``ReadingProject.names_hidden``). What shows people beside what they drew, measured, said or
signed takes its rows from a `HidesNames`, in which such a reader is replaced by somebody of that letter, who is no row.
"""

from __future__ import annotations

import string
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, Self, TypeVar

from django.db import models
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from accounts.models import User
from cases.models.projects import ProjectMember, ProjectRole, ReadingItem, ReadingProject

RowT_co = TypeVar("RowT_co", bound=models.Model, covariant=True)
Readers = dict[int, User]


def settled_without_names(user: Any) -> models.QuerySet[ReadingProject]:
    """The projects that ``user`` adjudicates without being shown the readers' names, also once all is settled."""
    parts = ProjectMember.objects.taking_part().filter(user=user.pk, role=ProjectRole.ADJUDICATOR)
    return ReadingProject.objects.filter(names_hidden=True, pk__in=parts.values("project"))


def hidden_readers(user: Any, series: Collection[Any]) -> dict[Any, Readers]:
    """Of those of ``series`` whose readers ``user`` is not shown, by their ids: who stands for each reader, by id."""
    items = ReadingItem.objects.filter(series__in=series, project__in=settled_without_names(user))
    found = list(items.order_by().values_list("pk", "series", "project"))
    readers = _readers({project for _item, _series, project in found})
    return {one: _lettered(item, readers[project]) for item, one, project in found}


def readers_of_cases(user: Any, cases: Collection[Any]) -> dict[Any, Readers]:
    """The same by the ids of cases, without letters: “Reader” stands for each."""
    items = ReadingItem.objects.filter(series__case__in=cases, project__in=settled_without_names(user))
    found = list(items.order_by().values_list("series__case", "project"))
    readers, stand_in = _readers({project for _case, project in found}), _stand_in(_("Reader"))
    return {case: dict.fromkeys(readers[project], stand_in) for case, project in found}


def _readers(projects: Collection[Any]) -> dict[Any, list[int]]:
    """By project, those who read or have read in it."""
    found: dict[Any, list[int]] = defaultdict(list)
    if projects:
        rows = ProjectMember.objects.filter(project__in=projects, role=ProjectRole.READER).order_by()
        for project, reader in rows.values_list("project", "user"):
            found[project].append(reader)
    return found


def _lettered(item: Any, readers: Iterable[int]) -> Readers:
    named = enumerate(in_order_of_letters(item, readers))
    return {reader: _stand_in(_("Reader %(letter)s") % {"letter": _letter(n)}) for n, reader in named}


def in_order_of_letters(item: Any, readers: Iterable[int]) -> list[int]:
    """The readers of a series, by the id of its item, in an order that follows neither from the project's list of them
    nor from other series.
    """
    return sorted(readers, key=lambda one: salted_hmac("cases.hidden_names", f"{item}:{one}").hexdigest())


def _letter(n: int) -> str:
    letters = string.ascii_uppercase
    return letters[n] if n < len(letters) else str(n + 1)


def _stand_in(name: str) -> User:
    """Has a name and no id, and cannot be stored."""
    return User(username=name)


class HidesNames(models.QuerySet[RowT_co]):
    """Rows whose ``person`` may be somebody that the one who looks (`names_for`) is not shown."""

    person = "author"
    _looks: Any = None

    def names_for(self, user: Any) -> Self:
        """The same rows with the names that ``user`` may know."""
        rows = self.all()
        rows._looks = user
        return rows

    def _clone(self) -> Self:
        rows: Self = super()._clone()  # type: ignore[misc]  # not in the stubs
        rows._looks = self._looks
        return rows

    def _fetch_all(self) -> None:
        fetched = self._result_cache is not None
        super()._fetch_all()
        if not fetched and self._looks is not None:
            found: list[Any] = list(self._result_cache or ())  # dicts, tuples and numbers where values were asked for
            rows = [one for one in found if isinstance(one, models.Model)]
            names_hide(rows, self.person, self._looks, self._hidden)

    def _hidden(self, user: Any, rows: Sequence[Any]) -> list[Readers]:
        """Who stands for whom in each of ``rows``."""
        return _of_series(user, rows)


def _of_series(user: Any, rows: Sequence[Any]) -> list[Readers]:
    found = hidden_readers(user, {row.series_id for row in rows} - {None})
    return [found.get(row.series_id, {}) for row in rows]


def names_hide(
    rows: Sequence[Any], person: str, user: Any, hidden: Callable[[Any, Sequence[Any]], list[Readers]] = _of_series
) -> None:
    """Replace the ``person`` of ``rows`` by who stands for them there; of rows that came by way of others, say."""
    others = [row for row in rows if getattr(row, f"{person}_id") not in (None, user.pk)]
    for row, stand_ins in zip(others, hidden(user, others) if others else (), strict=True):
        stand_in = stand_ins.get(getattr(row, f"{person}_id"))
        if stand_in is not None:
            row._state.fields_cache[person] = stand_in
