"""Writes that a work list shows: each leaves its moment at the case, and open lists are told."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from cases.models import Case
from cases.notifications import list_group, notify_changed


@transaction.atomic
def touch_cases(rows: QuerySet[Case], **values: Any) -> None:
    """Write ``values`` to the cases of ``rows``, or say only that something about them was written elsewhere.

    The rows are held in one order, whatever the order of the caller's: two who change the same cases at once wait for
    each other.
    """
    held = list(rows.select_for_update(no_key=True, of=("self",)).order_by("pk").only("institution"))
    Case.objects.filter(pk__in=[case.pk for case in held]).update(changed_at=Now(), **values)
    for home in {case.institution_id for case in held}:
        notify_changed(list_group(home))
