"""``{{ case|senders:person }}``: who sent series of the case back."""

from typing import Any

from django import template

from cases.models import Case
from cases.worklist import sent_back

register = template.Library()


@register.filter
def senders(case: Case, user: Any) -> str:
    return ", ".join(sent_back.senders(case, user))
