"""Live: imports, comparisons between readers, what a person is told, and who has a case open."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

from accounts.access import Capability, require_anywhere
from cases.access import import_run_get, mask_get
from cases.checks.selectors import suspicions_by_mask
from cases.comments.selectors import new_mask_facts, notice_facts, notices_of, unread_count
from cases.models.presence import KEPT_EVERY_SECONDS
from cases.notifications import case_group, list_group, person_group
from cases.projects.access import agreement_run_get
from cases.worklist.presence import presence_end
from cases.worklist.watching import AT_CASES, COMMENTS_HEARD, LIST_VERSIONS, AtCase
from spineplatform.shared.coalescing import SOON
from spineplatform.shared.live import LiveConsumer
from spineplatform.shared.progress import RunConsumer
from spineplatform.shared.runs import Run

# Long enough for the masks of a batch, and shorter than a person waits.
GATHERED_SECONDS = 1.0


class ImportRunConsumer(RunConsumer):
    def get_run(self, user: Any, run_id: str) -> Run:
        return import_run_get(user, run_id)


class AgreementRunConsumer(RunConsumer):
    def get_run(self, user: Any, run_id: str) -> Run:
        return agreement_run_get(user, run_id)


class NoticeConsumer(LiveConsumer):
    """``{"type": "snapshot", "unread": 2}`` at once and when it changes.

    A new notice comes as ``{"type": "notice", "unread": 3, "notice": {...}, "more": 0}``; of several that were made at
    once, the first with the number of the others.
    """

    refresh_seconds = 60.0

    def group(self) -> str:
        return person_group(self.user.pk)

    def look(self) -> dict[str, Any]:
        require_anywhere(self.user, Capability.VIEW_CASES)
        return {"unread": unread_count(self.user)}

    async def notice_made(self, event: dict[str, Any]) -> None:
        told = await self.ask(self._notice, event["notice"])
        if told is not None:
            await self.send_json({"type": "notice", **told, "more": event["more"]})

    def _notice(self, notice_id: str) -> dict[str, Any] | None:
        """None where the person may not be told yet (a blind reading) or not any more."""
        notice = notices_of(self.user).filter(pk=notice_id).first()
        if notice is None:
            return None
        return {**self.look(), "notice": notice_facts(notice)}


class PresenceConsumer(LiveConsumer):
    """``{"type": "snapshot", "others": ["Kim"], "comments": {series: 2}}``: who else has the case open, and how many
    comments there are to read. This connection counts as one, too.

    A mask that somebody else or a model saved meanwhile comes as ``{"type": "mask", "series": id, "mask": {...}}``;
    what is suspected of a mask, whoever made it, as ``{"type": "suspected", "series": id, "suspicions": {mask: []}}``.
    """

    refresh_seconds = KEPT_EVERY_SECONDS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._presence = uuid.uuid4()

    def group(self) -> str:
        return case_group(self.named["case_id"])

    async def see(self, *, within: float = SOON) -> dict[str, Any] | None:
        seen: dict[str, Any] | None = await self.join(AT_CASES, self._page(), within=within)
        return seen

    def _page(self) -> AtCase:
        return AtCase(uuid.UUID(str(self.named["case_id"])), self.user.pk, self._presence)

    async def comment_made(self, event: dict[str, Any]) -> None:
        """Nothing at all is sent where a blind reading hides it: not even that somebody said something."""
        comment = uuid.UUID(event["comment"]), self.user.pk

        async def see() -> dict[str, Any] | None:
            answers = await self.through_the_door(
                lambda: asyncio.gather(COMMENTS_HEARD.ask(comment), AT_CASES.ask(self._page()))
            )
            return None if answers is None else answers[1] if answers[0] else {}

        await self._tell(see)

    async def mask_made(self, event: dict[str, Any]) -> None:
        told = await self.ask(self._mask, event["mask"])
        if told is not None:
            await self.send_json({"type": "mask", **told})

    async def mask_suspected(self, event: dict[str, Any]) -> None:
        told = await self.ask(self._suspected, event["mask"])
        if told is not None:
            await self.send_json({"type": "suspected", **told})

    def _suspected(self, mask_id: str) -> dict[str, Any]:
        mask = mask_get(self.user, mask_id)
        return {"series": str(mask.series_id), "suspicions": suspicions_by_mask([mask.pk], self.user)}

    def _mask(self, mask_id: str) -> dict[str, Any] | None:
        """None for one's own; the door keeps back what a blind reading hides."""
        mask = mask_get(self.user, mask_id)
        if mask.author_id == self.user.pk:
            return None
        return {"series": str(mask.series_id), "mask": new_mask_facts(mask)}

    async def disconnect(self, code: int) -> None:
        await super().disconnect(code)
        await self.in_thread(presence_end, self._presence)


class WorkListConsumer(LiveConsumer):
    """``{"type": "snapshot", "version": "…"}``: the page of another version shows a list that has changed since.

    However much changes within `GATHERED_SECONDS`, the page is told of it once.
    """

    refresh_seconds = 60.0
    _gathering: asyncio.Task[None] | None = None

    def group(self) -> str:
        return list_group(self.named["institution_id"])

    async def see(self, *, within: float = SOON) -> dict[str, Any] | None:
        asked = uuid.UUID(str(self.named["institution_id"])), self.user.pk
        version = await self.join(LIST_VERSIONS, asked, within=within)
        return None if version is None else {"version": version}

    async def live_changed(self, event: dict[str, Any]) -> None:
        if self._gathering is None or self._gathering.done():
            self._gathering = asyncio.create_task(self._gather())

    async def _gather(self) -> None:
        await asyncio.sleep(GATHERED_SECONDS)
        self._gathering = None  # what changes while it looks is for the next
        await self._tell()

    async def disconnect(self, code: int) -> None:
        if self._gathering is not None:
            self._gathering.cancel()
        await super().disconnect(code)
