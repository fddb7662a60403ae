"""How many requests are at work at once (ADR 15).

Each request that Django works on has a lane: one thread with one database connection of its own, which both live on for
the next request. Who finds no free lane waits in a bounded queue for a bounded time; beyond that the answer is 503 with
Retry-After. So however many requests arrive, threads, connections and memory stay within what is set.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from spineplatform.shared.errors import Busy


class SenderGone(Exception):
    """Whoever sent the request closed the connection before it could be answered."""


class Lane(ThreadPoolExecutor):
    """One thread; a request's synchronous work runs in it, one call after the other."""

    def __init__(self, number: int) -> None:
        super().__init__(max_workers=1, thread_name_prefix=f"lane-{number}")
        self._last: Future[Any] | None = None

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self._last = super().submit(fn, *args, **kwargs)
        return self._last

    def when_idle(self, call: Callable[[], None]) -> None:
        """Call at once when nothing runs, else when the last call has ended, in the event loop's thread."""
        last = self._last
        if last is None or last.done():
            call()
            return
        loop = asyncio.get_running_loop()
        last.add_done_callback(lambda _: loop.call_soon_threadsafe(call))


class Admission:
    """Hands out lanes, the one used last first: in quiet hours few threads and connections are in use."""

    def __init__(self, *, lanes: int, waiting: int, seconds: float) -> None:
        self._free = [Lane(number) for number in reversed(range(lanes))]
        self._waiting: deque[asyncio.Future[Lane]] = deque()
        self._most, self._seconds = waiting, seconds

    async def enter(self, gone: Callable[[], asyncio.Future[Any]]) -> Lane:
        """A lane, which whoever gets it gives back by `leave`.

        Args:
            gone: makes what is done as soon as the sender is gone; asked for only where there is a queue.

        Raises:
            Busy: the queue is full, or none became free in time.
            SenderGone: nobody waits for the answer any more.
        """
        if self._free:
            return self._free.pop()
        if len(self._waiting) >= self._most:
            raise Busy
        place: asyncio.Future[Lane] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        left = gone()
        try:
            await asyncio.wait({place, left}, timeout=self._seconds, return_when=asyncio.FIRST_COMPLETED)
        except BaseException:
            self._give_up(place)
            raise
        if place.done() and not left.done():
            return place.result()
        self._give_up(place)
        raise SenderGone if left.done() else Busy

    def _give_up(self, place: asyncio.Future[Lane]) -> None:
        if place.done() and not place.cancelled():
            self.leave(place.result())
            return
        place.cancel()
        self._waiting.remove(place)

    def leave(self, lane: Lane) -> None:
        """To the next in the queue, once what still runs in the lane has ended."""
        lane.when_idle(lambda: self._pass_on(lane))

    def _pass_on(self, lane: Lane) -> None:
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(lane)
                return
        self._free.append(lane)
