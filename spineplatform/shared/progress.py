"""Live progress of a run: its row is the truth (spineplatform.shared.live)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import translation

from spineplatform.shared import live
from spineplatform.shared.words import language_of, said

if TYPE_CHECKING:
    from spineplatform.shared.runs import Run


def group_name(run_id: object) -> str:
    return f"run.{run_id}"


def publish(run: Run) -> None:
    """Send the run's present state to whoever watches it. Never blocks and never fails the work."""
    live.send(group_name(run.pk), {"type": "run.progress", "run": run.as_message()})


class RunConsumer(live.LiveConsumer):
    """Sends a snapshot from the database, then every change, until the run has ended.

    Subclasses say through which door a user reaches a run.
    """

    def get_run(self, user: Any, run_id: str) -> Run:
        """Return the run, or raise NotFound when it is absent or not this user's."""
        raise NotImplementedError

    _run_is_finished = False

    def group(self) -> str:
        return group_name(self.named["run_id"])

    def look(self) -> dict[str, Any]:
        run = self.get_run(self.user, self.named["run_id"])
        self._run_is_finished = run.is_finished
        return {"run": _said(run.as_message())}

    def is_over(self, seen: dict[str, Any]) -> bool:
        return self._run_is_finished

    async def run_progress(self, event: dict[str, Any]) -> None:
        with translation.override(language_of(self.scope)):
            await self.send_json({"type": "progress", "run": _said(event["run"])})


def _said(message: dict[str, Any]) -> dict[str, Any]:
    """The message in the language of whoever watches."""
    return {**message, "message": said(message["message"]), "error": said(message["error"])}
