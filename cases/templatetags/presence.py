"""``{% presence case series %}``: who else has the case open, now and while the page stays open.

With a series the page also hears of masks that others save on it.
"""

from typing import Any

from django import template

from cases.models import Case, Series
from cases.worklist.presence import names, others_at

register = template.Library()


@register.filter
def person_names(presences: Any) -> str:
    return ", ".join(names(presences))


@register.inclusion_tag("components/presence.html", takes_context=True)
def presence(context: dict[str, Any], case: Case, series: Series | None = None) -> dict[str, Any]:
    return {"case": case, "series": series, "others": others_at(case, context["request"].user)}
