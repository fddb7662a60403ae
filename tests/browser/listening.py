"""A page that has been told something already: what comes next reaches it."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

from tests.waiting import wait_for


def goto_and_hear(page: Page, address: str, live: str) -> None:
    """Open ``address`` and wait for the first message of its WebSocket whose path is ``live``."""
    heard: list[str] = []

    def follow(socket: Any) -> None:
        if socket.url.endswith(live):
            socket.on("framereceived", lambda frame: heard.append(str(frame)))

    page.on("websocket", follow)
    page.goto(address)
    wait_for(lambda: heard, f"A message of {live}", page=page)
    page.remove_listener("websocket", follow)
