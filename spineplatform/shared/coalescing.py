"""One look for all who ask at about the same time: what makes a thousand WebSockets cheap.

Whoever asks joins a look that has not begun yet, never one that has: so the answer is always newer than the question,
and what a change has hidden or ended is never told from before it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from spineplatform.shared.pools import in_pool

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
# Long enough for those who are told of one change to join, much shorter than anybody notices.
SOON = 0.01
# Looks of one kind in the pool at the same time.
AT_ONCE = 2


class _Look(Generic[K]):
    """A look that has not begun: who asks, and when it begins at the latest."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.keys: set[K] = set()
        self.done: asyncio.Future[dict[K, Any]] = loop.create_future()
        self.due = float("inf")
        self.timer: asyncio.TimerHandle | None = None
        self.task: asyncio.Task[None] | None = None


class Gathering(Generic[K, V]):
    """Answers questions of one kind together.

    Args:
        answer_all: called in a thread of the pool with different keys; returns the answer to each, or an exception that
            its askers get.
    """

    def __init__(self, answer_all: Callable[[list[K]], dict[K, V | Exception]]) -> None:
        self._answer_all = answer_all
        self._next: WeakKeyDictionary[asyncio.AbstractEventLoop, _Look[K]] = WeakKeyDictionary()
        self._turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()

    async def ask(self, key: K, *, within: float = SOON) -> V:
        """The answer to ``key`` by a look that begins after this call: within so many seconds, if a thread is free."""
        loop = asyncio.get_running_loop()
        look = self._next.get(loop)
        if look is None:
            look = self._next[loop] = _Look(loop)
        look.keys.add(key)
        self._bring_forward(loop, look, loop.time() + within)
        answer: Any = (await asyncio.shield(look.done))[key]
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[no-any-return]

    def _bring_forward(self, loop: asyncio.AbstractEventLoop, look: _Look[K], due: float) -> None:
        if due >= look.due:
            return
        if look.timer is not None:
            look.timer.cancel()
        look.due, look.timer = due, loop.call_at(due, self._begin, loop, look)

    def _begin(self, loop: asyncio.AbstractEventLoop, look: _Look[K]) -> None:
        look.due = float("-inf")
        look.task = loop.create_task(self._answer(loop, look))

    async def _answer(self, loop: asyncio.AbstractEventLoop, look: _Look[K]) -> None:
        """While it waits for its turn, others may still join; from then on whoever asks begins the next look."""
        async with self._turns.setdefault(loop, asyncio.Semaphore(AT_ONCE)):
            del self._next[loop]
            try:
                answers: dict[K, Any] = dict(await in_pool(self._answer_all, list(look.keys)))
            except Exception as error:  # noqa: BLE001 - whatever it is, each asker gets it
                answers = dict.fromkeys(look.keys, error)
        if not look.done.done():
            look.done.set_result(answers)


class Once:
    """Runs what several ask for under the same key once, for all who asked before it began."""

    def __init__(self) -> None:
        self._waiting: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Hashable, asyncio.Task[Any]]]
        self._waiting = WeakKeyDictionary()

    async def ask(self, key: Hashable, work: Callable[[], Any]) -> Any:
        loop = asyncio.get_running_loop()
        waiting = self._waiting.setdefault(loop, {})
        task = waiting.get(key)
        if task is None:
            task = waiting[key] = loop.create_task(self._run(waiting, key, work))
        return await asyncio.shield(task)

    async def _run(self, waiting: dict[Hashable, Any], key: Hashable, work: Callable[[], Any]) -> Any:
        def begun() -> Any:
            waiting.pop(key, None)
            return work()

        try:
            return await in_pool(begun)
        finally:
            if waiting.get(key) is asyncio.current_task():
                del waiting[key]
