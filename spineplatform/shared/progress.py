"""Live progress: the row is the truth, the channel layer only makes it quick.

A message that is lost (the broker restarted) costs a delay, never a wrong page: consumers read the row again
every few seconds while a run is going.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from channels.layers import get_channel_layer
from django.db import close_old_connections
from django.utils import translation

from spineplatform.shared.errors import UserError
from spineplatform.shared.words import language_of, said

if TYPE_CHECKING:
    from spineplatform.shared.runs import Run

log = logging.getLogger(__name__)
REFRESH_SECONDS = 3.0
UNAUTHENTICATED, NOT_FOUND = 4401, 4404


def group_name(run_id: object) -> str:
    return f"run.{run_id}"


def publish(run: Run) -> None:
    """Send the run's present state to whoever watches it. Never blocks and never fails the work."""
    message = {"type": "run.progress", "run": run.as_message()}
    _publisher().send(group_name(run.pk), message)


class _Publisher:
    """One event loop in a thread of its own, so that workers and requests need not wait for the broker."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="progress", daemon=True).start()

    def send(self, group: str, message: dict[str, Any]) -> None:
        asyncio.run_coroutine_threadsafe(self._send(group, message), self._loop)

    async def _send(self, group: str, message: dict[str, Any]) -> None:
        try:
            async with asyncio.timeout(5):
                await get_channel_layer().group_send(group, message)
        except Exception as error:  # noqa: BLE001 - whatever the broker's client raises: consumers read the row again
            log.info("progress_not_sent group=%s error=%s", group, type(error).__name__)


_publishers: dict[int, _Publisher] = {}
_lock = threading.Lock()


def _publisher() -> _Publisher:
    """One per process, also after a fork."""
    with _lock:
        if os.getpid() not in _publishers:
            _publishers[os.getpid()] = _Publisher()
        return _publishers[os.getpid()]


class RunConsumer(AsyncJsonWebsocketConsumer):  # type: ignore[misc]  # channels ships no types
    """Sends a snapshot from the database, then every change, until the run has ended.

    Subclasses say through which door a user reaches a run.
    """

    _refresh: asyncio.Task[None] | None = None

    def get_run(self, user: Any, run_id: str) -> Run:
        """Return the run, or raise NotFound when it is absent or not this user's."""
        raise NotImplementedError

    async def connect(self) -> None:
        await self.accept()  # a close code reaches the browser only after the handshake
        user = self.scope["user"]
        if not user.is_authenticated:
            await self.close(code=UNAUTHENTICATED)
            return
        found = await self._read()
        if found is None:
            await self.close(code=NOT_FOUND)
            return
        run, _ = found
        try:
            await self.channel_layer.group_add(group_name(run.pk), self.channel_name)
        except Exception as error:  # noqa: BLE001 - without the broker the page lives by reading the row
            log.info("progress_not_subscribed run=%s error=%s", run.pk, type(error).__name__)
        self._refresh = asyncio.create_task(self._follow())

    async def disconnect(self, code: int) -> None:
        if self._refresh is not None:
            self._refresh.cancel()
            group = group_name(self.scope["url_route"]["kwargs"]["run_id"])
            try:
                await self.channel_layer.group_discard(group, self.channel_name)
            except Exception as error:  # noqa: BLE001 - the broker may be away: there is nothing left to leave
                log.info("progress_not_unsubscribed group=%s error=%s", group, type(error).__name__)

    async def run_progress(self, event: dict[str, Any]) -> None:
        await self.send_json({"type": "progress", "run": self._said(event["run"])})

    def _said(self, message: dict[str, Any]) -> dict[str, Any]:
        """The message in the language of whoever watches."""
        with translation.override(language_of(self.scope)):
            return {**message, "message": said(message["message"]), "error": said(message["error"])}

    async def _follow(self) -> None:
        """The snapshot, then the row again every few seconds until it has ended."""
        while True:
            try:
                found = await self._read()
            except Exception as error:  # noqa: BLE001 - the database may be restarting: the next round sees it
                log.info("progress_not_read error=%s", type(error).__name__)
            else:
                if found is None:
                    await self.close(code=NOT_FOUND)
                    return
                run, message = found
                await self.send_json({"type": "snapshot", "run": self._said(message)})
                if run.is_finished:
                    return
            await asyncio.sleep(REFRESH_SECONDS)

    async def _read(self) -> tuple[Run, dict[str, Any]] | None:
        """Through the door each time: a user who lost the right meanwhile sees no more."""
        run_id = self.scope["url_route"]["kwargs"]["run_id"]
        try:
            return await sync_to_async(self._read_fresh)(run_id)
        except UserError:
            return None

    def _read_fresh(self, run_id: str) -> tuple[Run, dict[str, Any]]:
        """The run and its message, which may need the database too (the address of its result)."""
        close_old_connections()
        try:
            run = self.get_run(self.scope["user"], run_id)
            return run, run.as_message()
        finally:
            close_old_connections()
