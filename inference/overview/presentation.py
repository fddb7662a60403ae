"""The overview as charts and tables for a page, from the figures of `inference.overview.selectors`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from django.utils.dateformat import format as date_as
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts.models import User
from cases.models import CaseState
from inference.overview.selectors import Scope, accepted_by, accepted_by_month, open_work, throughput
from spineplatform.shared.charts import MOST_SERIES, Chart, Series


def charts_of(scope: Scope) -> dict[str, Chart]:
    """By a name for addresses and ids."""
    weeks, waiting, months = throughput(scope), open_work(scope), accepted_by_month(scope)
    return {
        "throughput": Chart(
            _("Series per week"),
            [_day(row["week"]) for row in weeks],
            [
                Series(_("imported"), [row["imported"] for row in weeks]),
                Series(_("segmented"), [row["segmented"] for row in weeks]),
                Series(_("signed"), [row["signed"] for row in weeks]),
            ],
        ),
        "open": Chart(
            _("Open cases by age"),
            [str(CaseState(row["state"]).label) for row in waiting],
            [
                Series(_("less than a day"), [row["day"] for row in waiting]),
                Series(_("less than a week"), [row["week"] for row in waiting]),
                Series(_("older"), [row["older"] for row in waiting]),
            ],
        ),
        "unchanged": _by_version(_("Accepted unchanged"), months, "unchanged_share", digits=2),
        "dice": _by_version(_("Dice of the model's mask and the approved mask"), months, "mean_dice", digits=3),
    }


def _by_version(title: str, rows: list[dict[str, Any]], figure: str, *, digits: int) -> Chart:
    """A line for each of the newest versions over the months in which something was approved."""
    months = sorted({row["month"] for row in rows})
    versions = sorted({row["name"] for row in rows}, key=_by_number)[-MOST_SERIES:]
    values = {(row["name"], row["month"]): row[figure] for row in rows}
    known = [value for value in values.values() if value is not None]
    low = 0.0 if not known or min(known) < 0.5 else 0.5 if min(known) < 0.8 else 0.8
    return Chart(
        title,
        [_month(month) for month in months],
        [Series(version, [values.get((version, month)) for month in months]) for version in versions],
        kind="lines",
        digits=digits,
        low=low,
        high=1.0,
    )


def _by_number(name: str) -> tuple[str, int]:
    """“v10” after “v9”."""
    owner, _v, number = name.rpartition("v")
    return owner, int(number)


def _day(day: date) -> str:
    return date_as(day, "m-d")


def _month(month: datetime) -> str:
    return date_format(month, "YEAR_MONTH_FORMAT")


def tables_of(scope: Scope) -> list[dict[str, Any]]:
    """What readers made of the masks, by version, reader, institution and scanner."""
    titles = {
        "version": _("By version"),
        "reader": _("By reader") if scope.reader is None else _("Your own approvals"),
        "institution": _("By institution"),
        "scanner": _("By scanner"),
    }
    return [{"name": group, "title": title, "rows": _rows(scope, group)} for group, title in titles.items()]


def _rows(scope: Scope, group: str) -> list[dict[str, Any]]:
    rows = accepted_by(scope, group)
    shown = _names(group, [row["name"] for row in rows])
    return [{**row, "name": shown.get(row["name"]) or row["name"] or _("not stated")} for row in rows]


def _names(group: str, names: Sequence[Any]) -> dict[Any, str]:
    """What the page shows in place of a reader's user name."""
    readers = User.objects.filter(username__in=names) if group == "reader" else ()
    return {one.username: one.display_name() for one in readers}
