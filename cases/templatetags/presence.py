"""``{% presence case %}``: who else has the case open, now and while the page stays open."""

from typing import Any

from django import template

from cases.models import Case
from cases.present import names, others_at

register = template.Library()


@register.filter
def person_names(presences: Any) -> str:
    return ", ".join(names(presences))


@register.inclusion_tag("components/presence.html", takes_context=True)
def presence(context: dict[str, Any], case: Case) -> dict[str, Any]:
    return {"case": case, "others": others_at(case, context["request"].user)}
