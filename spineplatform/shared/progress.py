"""Live progress of a run: its row is the truth (spineplatform.shared.live)."""

from __future__ import annotations

from typing import Any

from django.utils import translation

from spineml.message import Message
from spineplatform.shared import live
from spineplatform.shared.messages import language_of, sentence
from spineplatform.shared.runs import Run, run_group


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
        return {"run": _in_words(run.as_message())}

    def is_over(self, seen: dict[str, Any]) -> bool:
        return self._run_is_finished

    async def run_progress(self, event: dict[str, Any]) -> None:
        with translation.override(language_of(self.scope)):
            await self.send_json({"type": "progress", "run": _in_words(event["run"])})


def _in_words(run: dict[str, Any]) -> dict[str, Any]:
    """The run with its sentences in the language of whoever watches, and what fills their gaps beside them."""
    words = {}
    for name in ("message", "error"):
        words[name] = sentence(Message.from_json(run[name]))
        words[f"{name}_values"] = run[name]["values"]
    return {**run, **words}
