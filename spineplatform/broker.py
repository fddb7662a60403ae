"""Celery's way to Valkey. With it a worker outlives the broker; PostgreSQL has what the broker forgets."""

from __future__ import annotations

from typing import Any

from kombu.transport import redis
from redis.exceptions import ConnectionError as ConnectionLost


class Channel(redis.Channel):
    """Says that the connection is lost where kombu 5.7 fails on what a lost connection no longer has.

    When the broker goes away while a task is under way, kombu closes the connection, and then the channel wants to
    give the task's message back through it. A lost connection is expected there; the ``AttributeError`` that kombu
    raises instead ends the worker.
    """

    def _connparams(self, asynchronous: bool = False) -> dict[str, Any]:
        if self.connection.client is None:
            raise ConnectionLost
        params: dict[str, Any] = super()._connparams(asynchronous=asynchronous)
        return params


class Transport(redis.Transport):
    Channel = Channel
