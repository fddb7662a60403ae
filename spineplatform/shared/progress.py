"""Live progress of a run: its row is the truth (spineplatform.shared.live)."""

from __future__ import annotations

from typing import Any

from django.utils import translation

from spineplatform.shared import live
from spineplatform.shared.runs import Run, run_group
from spineplatform.shared.words import language_of, said


class RunConsumer(live.LiveConsumer):
    """Sends a snapshot from the database, then every change, until the run has ended.

    Subclasses say through which door a user reaches a run.
    """

    def get_run(self, user: Any, run_id: str) -> Run:
        """Return the run, or raise NotFound when it is absent or not this user's."""
        raise NotImplementedError

    _run_is_finished = False

    def group(self) -> str:
        return run_group(self.named["run_id"])

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
