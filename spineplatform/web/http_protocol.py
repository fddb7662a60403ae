"""uvicorn's HTTP connection with the limits that it lacks (``uvicorn --http``, see `spineplatform.processes`).

A header must be whole within seconds and within a size; a client must take its answer; there is a highest number of
connections, and of requests sent before their turn; and a connection whose body nobody wants is closed once the answer
had time to be read. The time limits of bodies are in spineplatform.web.bodies.
"""

from __future__ import annotations

import asyncio
from typing import Any

from django.conf import settings
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

# A closed connection with unread data resets, and the answer may be lost: what still comes is read and dropped so long.
LINGER_SECONDS = 2.0
# Requests sent before the one ahead of them is answered: uvicorn keeps any number of them, browsers send none.
PIPELINED = 32
PLAIN = "HTTP/1.1 {}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\nconnection: close\r\n{}\r\n{}"


class Connection(HttpToolsProtocol):
    """One client's connection until it becomes a WebSocket."""

    cycle: RequestResponseCycle | None  # type: ignore[assignment]  # none before the first request
    _timer: asyncio.TimerHandle | None = None
    _header_bytes = _fields = 0
    _is_lingering = _is_header_whole = False

    # --- headers ------------------------------------------------------------------------------------------------------
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        if len(self.connections) > settings.WEB_CONNECTIONS:
            text = "Too many connections. Try again in a few seconds."
            self._refuse("503 Service Unavailable", text, "retry-after: 5\r\n")
            return
        self._await_header()

    def _await_header(self) -> None:
        self._header_bytes = 0
        self._watch(settings.HEADER_SECONDS, self._header_late)

    def _header_late(self) -> None:
        if self._header_bytes:
            self._refuse("408 Request Timeout", "The header of the request arrived too slowly.")
        else:
            self.transport.close()

    def data_received(self, data: bytes) -> None:
        if self._is_lingering:
            return
        if self._is_between_requests():
            if self._timer is None:
                self._await_header()
            self._header_bytes += len(data)
        super().data_received(data)
        if self._header_bytes > settings.HEADER_BYTES and self._is_between_requests():
            self._refuse("431 Request Header Fields Too Large", "The header of the request is too long.")

    def _is_between_requests(self) -> bool:
        """Nothing is being answered: what arrives is a header."""
        return self.cycle is None or (self.cycle.response_complete and not self.pipeline)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Also called for what a body in chunks has behind it: that is dropped, or it would pass for the header."""
        self._fields += len(name) + len(value)
        if self._fields > 4 * settings.HEADER_BYTES:
            self.transport.abort()
        if not self._is_header_whole:
            super().on_header(name, value)

    def on_message_begin(self) -> None:
        self._fields = 0
        self._is_header_whole = False
        if len(self.pipeline) > PIPELINED:
            self.transport.abort()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._forget()
        self._header_bytes = 0
        self._is_header_whole = True
        super().on_headers_complete()

    # --- answers ------------------------------------------------------------------------------------------------------
    def on_response_complete(self) -> None:
        if self.cycle is not None and self.cycle.more_body and not self.transport.is_closing():
            self.server_state.total_requests += 1
            self._linger()
            return
        super().on_response_complete()

    def _linger(self) -> None:
        self._is_lingering = True
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._watch(LINGER_SECONDS, self.transport.close)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch(settings.ANSWER_IDLE_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        self._forget()
        super().resume_writing()

    # --- timers -------------------------------------------------------------------------------------------------------
    def _watch(self, seconds: float, late: Any) -> None:
        self._forget()
        self._timer = self.loop.call_later(seconds, late)

    def _forget(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        super().connection_lost(exc)

    def eof_received(self) -> None:
        if self._is_lingering:
            self.transport.close()

    def _refuse(self, status: str, text: str, more: str = "") -> None:
        if not self.transport.is_closing():
            self.transport.write(PLAIN.format(status, len(text), more, text).encode())
            self._linger()
