"""Threads for the short queries of everything that is asynchronous: WebSockets, and who sends a body.

Their number is bounded, and with it the database connections they hold.
"""

from __future__ import annotations

import asyncio
import contextvars
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from django.conf import settings
from django.db import close_old_connections

P = ParamSpec("P")
T = TypeVar("T")
_pools: dict[int, ThreadPoolExecutor] = {}
_lock = threading.Lock()


async def in_pool(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What ``work``, which may query the database, returns; it runs in one of `settings.LIVE_THREADS` threads."""
    context = contextvars.copy_context()

    def run() -> T:
        close_old_connections()
        try:
            return context.run(work, *args, **kwargs)
        finally:
            close_old_connections()

    return await asyncio.get_running_loop().run_in_executor(_pool(), run)


def _pool() -> ThreadPoolExecutor:
    """One for each process, also after a fork."""
    with _lock:
        if os.getpid() not in _pools:
            _pools[os.getpid()] = ThreadPoolExecutor(settings.LIVE_THREADS, thread_name_prefix="live")
        return _pools[os.getpid()]
