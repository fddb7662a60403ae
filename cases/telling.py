"""Sends to open pages what concerns their reader; the rows are the truth (spineplatform.shared.live)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from django.db import transaction

from cases.models import Notice
from spineplatform.shared import live


def person_group(user_id: object) -> str:
    return f"person.{user_id}"


def case_group(case_id: object) -> str:
    return f"case.{case_id}"


def tell(notices: Iterable[Notice]) -> None:
    """Tell each recipient of a new notice, once it is committed."""
    for one in notices:
        _on_commit(person_group(one.recipient_id), {"type": "notice.made", "notice": str(one.pk)})


def tell_changed(group: str) -> None:
    """Whoever follows the group looks again, once what was written is committed."""
    _on_commit(group, {"type": "live.changed"})


def _on_commit(group: str, message: dict[str, Any]) -> None:
    transaction.on_commit(partial(live.send, group, message))
