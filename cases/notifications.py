"""Sends to open pages what concerns their reader; the rows are the truth (spineplatform.shared.live)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import partial
from typing import Any

from django.db import transaction

from cases.models import Annotation, Comment, Notice
from spineplatform.shared import live


def person_group(user_id: object) -> str:
    return f"person.{user_id}"


def case_group(case_id: object) -> str:
    return f"case.{case_id}"


def list_group(institution_id: object) -> str:
    """Whoever has the work list of the institution open."""
    return f"list.{institution_id}"


def tell(notices: Iterable[Notice]) -> None:
    """Tell each recipient once the notices are committed: the first one, and how many more came with it."""
    by_recipient: dict[int, list[Notice]] = defaultdict(list)
    for one in notices:
        by_recipient[one.recipient_id].append(one)
    for recipient, told in by_recipient.items():
        message = {"type": "notice.made", "notice": str(told[0].pk), "more": len(told) - 1}
        _on_commit(person_group(recipient), message)


def notify_mask(annotation: Annotation) -> None:
    """Whoever has the case open is told of the mask."""
    _on_commit(case_group(annotation.series.case_id), {"type": "mask.made", "mask": str(annotation.pk)})


def notify_suspected(annotation: Annotation) -> None:
    """Whoever has the case open is told that something is suspected of the mask, or no longer."""
    _on_commit(case_group(annotation.series.case_id), {"type": "mask.suspected", "mask": str(annotation.pk)})


def notify_comment(comment: Comment) -> None:
    """Whoever has the case open is told of the comment."""
    _on_commit(case_group(comment.series.case_id), {"type": "comment.made", "comment": str(comment.pk)})


def notify_changed(group: str) -> None:
    """Whoever follows the group looks again, once what was written is committed."""
    _on_commit(group, {"type": "live.changed"})


def _on_commit(group: str, message: dict[str, Any]) -> None:
    transaction.on_commit(partial(live.send, group, message))
