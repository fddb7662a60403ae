"""WebSockets that follow something: the database is the truth, the channel layer only makes it quick.

A message that is lost (the broker restarted) costs a delay, never a wrong page: consumers look again every few
seconds.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Awaitable, Callable
from typing import Any

from channels.generic.websocket import AsyncJsonWebsocketConsumer
from channels.layers import get_channel_layer
from django.utils import translation

from spineplatform.shared.coalescing import SOON, Gathering, Once
from spineplatform.shared.errors import UserError
from spineplatform.shared.messages import language_of
from spineplatform.shared.pools import in_pool
from spineplatform.shared.sessions import SESSIONS

log = logging.getLogger(__name__)
UNAUTHENTICATED, NOT_FOUND = 4401, 4404
# Nothing to see any more by this session: the page opens the WebSocket again and is told why, or goes on by a new one.
OPEN_AGAIN = 4000
# An ended session ends its WebSockets within about so long, also where nothing is told.
SESSION_SECONDS = 5.0
# For one message to the broker, the connection included: a busy machine is slow, and nobody waits for it here.
SEND_SECONDS = 20.0
# Which part of its pause a look that nobody waits for may be put off, to be shared.
PATIENCE = 0.2
LOOKS = Once()


def send(group: str, message: dict[str, Any]) -> None:
    """Send to whoever listens in ``group``. Never blocks and never fails the work."""
    _publisher().send(group, message)


class _Publisher:
    """One event loop in a thread of its own, so that workers and requests need not wait for the broker."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="live", daemon=True).start()

    def send(self, group: str, message: dict[str, Any]) -> None:
        asyncio.run_coroutine_threadsafe(self._send(group, message), self._loop)

    async def _send(self, group: str, message: dict[str, Any]) -> None:
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await get_channel_layer().group_send(group, message)
        except Exception as error:  # noqa: BLE001 - whatever the broker's client raises: consumers look again
            log.info("live_not_sent group=%s error=%s", group, type(error).__name__)


_publishers: dict[int, _Publisher] = {}
_lock = threading.Lock()


def _publisher() -> _Publisher:
    """One per process, also after a fork."""
    with _lock:
        if os.getpid() not in _publishers:
            _publishers[os.getpid()] = _Publisher()
        return _publishers[os.getpid()]


class LiveConsumer(AsyncJsonWebsocketConsumer):  # type: ignore[misc]  # channels ships no types
    """Sends what `look` sees: at once, every ``refresh_seconds``, and when its group is told ``live.changed``.

    ``look`` goes through the door each time: a user who lost the right meanwhile, or logged out, sees no more.
    """

    refresh_seconds = 3.0
    _following: asyncio.Task[None] | None = None
    _is_accepted = _is_joined = False

    def group(self) -> str:
        """The group whose messages concern this connection."""
        raise NotImplementedError

    def look(self) -> dict[str, Any]:
        """What there is to tell now, as JSON values in the listener's language; may query the database.

        Raises:
            UserError: absent, or not this user's.
        """
        raise NotImplementedError

    def is_over(self, seen: dict[str, Any]) -> bool:
        """Whether nothing more can come after ``seen``."""
        return False

    @property
    def user(self) -> Any:
        return self.scope["user"]

    @property
    def named(self) -> dict[str, Any]:
        """What the address of the WebSocket names."""
        kwargs: dict[str, Any] = self.scope["url_route"]["kwargs"]
        return kwargs

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Where the broker is away, or was, the connection cannot even begin: the page is asked to open it again."""
        try:
            await super().__call__(scope, receive, send)
        except Exception as error:
            if self._is_accepted:
                raise
            log.info("live_not_begun error=%s", type(error).__name__)
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.close", "code": OPEN_AGAIN})

    async def connect(self) -> None:
        self._is_accepted = True
        await self.accept()  # a close code reaches the browser only after the handshake
        if not self.user.is_authenticated:
            await self.close(code=UNAUTHENTICATED)
            return
        # Joined before the look, so that nothing is missed in between; its messages wait until this has ended.
        await self._join()
        seen = await self.see()
        if seen is None:
            await self._leave()
            await self.close(code=NOT_FOUND)
        elif not await self._show(seen):
            self._following = asyncio.create_task(self._follow())

    async def disconnect(self, code: int) -> None:
        if self._following is not None:
            self._following.cancel()
        await self._leave()

    async def _join(self) -> None:
        self._is_joined = True
        try:
            await self.channel_layer.group_add(self.group(), self.channel_name)
        except Exception as error:  # noqa: BLE001 - without the broker the page lives by looking again
            log.info("live_not_subscribed group=%s error=%s", self.group(), type(error).__name__)

    async def _leave(self) -> None:
        if not self._is_joined:
            return
        self._is_joined = False
        try:
            await self.channel_layer.group_discard(self.group(), self.channel_name)
        except Exception as error:  # noqa: BLE001 - the broker may be away: there is nothing left to leave
            log.info("live_not_unsubscribed group=%s error=%s", self.group(), type(error).__name__)

    async def live_changed(self, event: dict[str, Any]) -> None:
        await self._tell()

    async def _follow(self) -> None:
        """Look again now and then, in no hurry; between the looks see whether the session has ended."""
        waited = 0.0
        while True:
            pause = min(SESSION_SECONDS, self.refresh_seconds - waited)
            await asyncio.sleep(pause)
            waited += pause
            if waited >= self.refresh_seconds:
                waited = 0.0
                if await self._tell(within=self.refresh_seconds * PATIENCE):
                    return
            elif await self._has_logged_out():
                await self.close(code=OPEN_AGAIN)
                return

    async def _has_logged_out(self) -> bool:
        try:
            return not await self.is_signed_in(within=SESSION_SECONDS * PATIENCE)
        except Exception as error:  # noqa: BLE001 - the database may be restarting: the next round sees it
            log.info("live_not_read group=%s error=%s", self.group(), type(error).__name__)
            return False

    async def _tell(self, see: Callable[..., Awaitable[dict[str, Any] | None]] | None = None, **how: Any) -> bool:
        """Look and send what there is to see, if there is anything; True once nothing more can come."""
        try:
            seen = await (see or self.see)(**how)
        except Exception as error:  # noqa: BLE001 - the database may be restarting: the next round sees it
            log.info("live_not_read group=%s error=%s", self.group(), type(error).__name__)
            return False
        if seen is None:
            await self.close(code=OPEN_AGAIN)
            return True
        return await self._show(seen) if seen else False

    async def _show(self, seen: dict[str, Any]) -> bool:
        """Send ``seen``; True once nothing more can come."""
        try:
            await self.send_json({"type": "snapshot", **seen})
        except OSError:  # the page was closed while we looked
            return True
        return self.is_over(seen)

    # --- asking -------------------------------------------------------------------------------------------------------
    async def see(self, *, within: float = SOON) -> dict[str, Any] | None:
        """What `look` sees, through the door; several connections of one person share a look.

        Args:
            within: seconds it may take to begin, so that others can join.
        """
        key = type(self), self.group(), self.user.pk, language_of(self.scope)
        look = self._in_language(self.look)
        seen: dict[str, Any] | None = await self.through_the_door(lambda: LOOKS.ask(key, look), within)
        return seen

    async def join(self, gathering: Gathering[Any, Any], question: Any, *, within: float = SOON) -> Any:
        """The answer to ``question`` by one look for all who ask; None as in `ask`."""
        return await self.through_the_door(lambda: gathering.ask(question, within=within), within)

    async def ask(self, question: Any, *args: Any) -> Any:
        """What ``question`` answers in a thread; None where it raises a UserError or the person has logged out."""
        return await self.through_the_door(lambda: self.in_thread(question, *args))

    async def through_the_door(self, answer: Callable[[], Awaitable[Any]], within: float = SOON) -> Any:
        """The answer, if the session is still open; None without, or where it is a UserError."""
        try:
            return await answer() if await self.is_signed_in(within) else None
        except UserError:
            return None

    async def is_signed_in(self, within: float = SOON) -> bool:
        """Whether the session that opened the WebSocket is still the person's."""
        session = self.scope.get("session")
        if session is None:
            return True  # the person did not come by a session
        return bool(session.session_key) and await SESSIONS.ask((session.session_key, self.user.pk), within=within)

    async def in_thread(self, work: Any, *args: Any) -> Any:
        """Call ``work``, which may query the database, in the listener's language."""
        return await in_pool(self._in_language(work), *args)

    def _in_language(self, work: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any) -> Any:
            with translation.override(language_of(self.scope)):
                return work(*args)

        return run
