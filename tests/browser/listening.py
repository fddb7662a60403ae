"""A page that has been told something already: what comes next reaches it."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page


def goto_and_hear(page: Page, address: str, live: str) -> None:
    """Open ``address`` and wait for the first message of its WebSocket whose path is ``live``."""
    heard: list[str] = []

    def follow(socket: Any) -> None:
        if socket.url.endswith(live):
            socket.on("framereceived", lambda frame: heard.append(str(frame)))

    page.on("websocket", follow)
    page.goto(address)
    while not heard:
        page.wait_for_timeout(20)
    page.remove_listener("websocket", follow)
