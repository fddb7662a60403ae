"""Starts again what ended by itself: our own processes and the embedded services, with growing pauses, for ever."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from spineplatform.embedded import EmbeddedServices, ServiceFailed
from spineplatform.embedded.account import NoAccount
from spineplatform.embedded.daemon import Daemon, Say
from spineplatform.state_folder import PROJECT

# A process that ends by itself is started again, each time later, and at once when it has run for a while.
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, HEALTHY_SECONDS = 1.0, 60.0, 600.0


@dataclass(frozen=True)
class Started:
    """A process, how it was started, and how to tell that it is ready."""

    daemon: Daemon
    command: Sequence[str]
    environment: Mapping[str, str]
    is_ready: Callable[[], bool]


@dataclass
class Pauses:
    """How long to wait before the next attempt: twice as long each time, and anew after a while of health."""

    pause: float = 0.0
    next_at: float = 0.0
    last_at: float = -math.inf

    def is_due(self, now: float) -> bool:
        return now >= self.next_at

    def attempt(self, now: float) -> float:
        """Count an attempt; returns for how long the next one will wait."""
        healthy = now - self.last_at > self.pause + HEALTHY_SECONDS
        self.pause = FIRST_PAUSE_SECONDS if healthy else min(self.pause * 2, LONGEST_PAUSE_SECONDS)
        self.last_at, self.next_at = now, now + self.pause
        return self.pause


class Guard:
    """Starts one process again when it has ended."""

    def __init__(self, name: str, started: Started, say: Say) -> None:
        self._name, self._started, self._say = name, started, say
        self._pauses = Pauses()

    def look(self) -> None:
        """Start it if it does not run and its pause is over."""
        now = time.monotonic()
        if self._started.daemon.process() is not None or not self._pauses.is_due(now):
            return
        pause = self._pauses.attempt(now)
        again = f"; if it ends again, the next attempt is in {pause:.0f} s" if pause > FIRST_PAUSE_SECONDS else ""
        self._say(f"{self._name} ended: starting it again (log: {self._started.daemon.log}){again}")
        try:
            launch(self._started)
        except OSError as error:
            self._say(f"{self._name} could not be started: {error}")


class ServiceKeeper:
    """Starts PostgreSQL and Valkey again when they have ended, at the ports they had and with their data."""

    def __init__(self, services: EmbeddedServices, say: Say) -> None:
        self._services, self._say = services, say
        self._pauses = Pauses()

    def look(self) -> None:
        """Start what does not run and whose pause is over; a failure is told and tried again."""
        gone = self._services.ended()
        now = time.monotonic()
        if not gone or not self._pauses.is_due(now):
            return
        self._pauses.attempt(now)
        self._say(f"{' and '.join(gone)} ended: starting again")
        try:
            self._services.start_again()
        except (OSError, ServiceFailed, NoAccount) as error:
            self._say(f"{' and '.join(gone)} could not be started: {error}")


def launch(started: Started) -> None:
    """Start the process (again) in the project's folder."""
    started.daemon.launch(started.command, PROJECT, started.environment)
